/* set.c - binding the routes of a configuration to descriptions, secrets and options; see trust.h.
 *
 * The special difficulty: whoever wrote the configuration wants to hear of all that is wrong at once, and of nothing
 * twice. So a route whose provider is unknown is left at that, and each secret gets its own finding, at its own place
 * in the file. */
#include "trust/set.h"

#include "trust/catalogue.h"
#include "trust/key.h"
#include "trust/plugin_load.h"
#include "trust/published.h"
#include "trust/scheme.h"

#include <errno.h>
#include <stdlib.h>

struct binder {
	const struct config *config;
	const struct trust_catalogue *catalogue;
	struct config_diag *diag;
	struct trust_set *set;
};

static void clear(struct trust_verifier *verifier)
{
	for (size_t i = 0; i < verifier->variant_count; i++)
		clear(&verifier->variants[i]);
	free(verifier->variants);
	for (size_t i = 0; i < verifier->secret_count; i++)
		trust_secret_close(&verifier->secrets[i]);
	free(verifier->secrets);
	trust_description_free(verifier->own);
}

void trust_set_free(struct trust_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++)
		clear(&set->verifiers[i]);
	free(set->verifiers);
	trust_roots_free(set->roots);
	free(set);
}

/* ---- provider and options ---- */

static void unknown_provider(const struct binder *binder, const struct config_route *route)
{
	char near[128], quoted[80];

	config_quote(route->provider, quoted, sizeof(quoted));
	trust_catalogue_near(binder->catalogue, route->provider, near, sizeof(near));
	config_error(binder->diag, binder->config->file, route->provider_node,
		     "%s is no provider%s%s; `hookgate providers` lists them", quoted, near[0] ? "; near to it: " : "",
		     near);
}

static bool lacks_option(const struct binder *binder, const struct trust_verifier *verifier)
{
	const struct trust_own_option *lacking = trust_description_lacks(verifier->description);
	const struct config_route *route = verifier->route;

	if (lacking)
		config_error(binder->diag, binder->config->file,
			     config_node_absent(route->options) ? route->node : route->options,
			     "provider %.*s needs the option `%.*s`%s%.*s", SLICE_ARGS(route->provider),
			     SLICE_ARGS(lacking->name), lacking->about.n > 0 ? ": " : "", SLICE_ARGS(lacking->about));
	return lacking != NULL;
}

/* A description of the route's own where it changes something in the provider's. */
static int describe(const struct binder *binder, struct trust_verifier *verifier)
{
	const struct config_route *route = verifier->route;
	int fault;

	verifier->description = verifier->provider->description;
	if (config_node_absent(route->verify) && config_node_absent(route->options))
		return lacks_option(binder, verifier) ? -EINVAL : 0;
	fault = trust_description_read(verifier->provider->text, verifier->provider->file, binder->diag,
				       &verifier->own);
	if (fault)
		return fault;
	trust_plugin_attach(verifier->own, verifier->description->verify.plugin);
	verifier->description = verifier->own;
	fault = trust_description_override(verifier->own, config_node_absent(route->verify) ? NULL : route->verify,
					   config_node_absent(route->options) ? NULL : route->options, binder->config,
					   binder->diag);
	return !fault && lacks_option(binder, verifier) ? -EINVAL : fault;
}

/* ---- secrets ---- */

static int bind_secret(const struct binder *binder, const struct trust_verifier *verifier,
		       const struct config_secret *from, struct trust_secret *to)
{
	const struct trust_verify *verify = &verifier->description->verify;
	struct reason reason = { "" };
	int fault;

	/* config/ has said what is wrong with it. */
	if (verifier->route->wrong && from->bytes.n == 0)
		return -EINVAL;
	fault = trust_secret_open(verify, from->bytes, to, &reason);
	if (fault == -EINVAL)
		config_error(binder->diag, binder->config->file, from->node ? from->node : verifier->route->node,
			     "the secret \"%.*s\" %s", SLICE_ARGS(from->name), reason.text);
	if (fault)
		return fault;
	to->name = from->name;
	to->index = (size_t)(from - verifier->route->secrets);
	to->not_before_ms = from->not_before_ms;
	to->not_after_ms = from->not_after_ms;
	return 0;
}

static void warn_of_blanks(const struct binder *binder, const struct trust_verifier *verifier,
			   const struct config_secret *secret)
{
	struct slice s = secret->bytes;

	if (s.n > 0 && (memchr(" \t\r\n", s.p[0], 4) || memchr(" \t\r\n", s.p[s.n - 1], 4)))
		config_warn(binder->diag, binder->config->file, secret->node ? secret->node : verifier->route->node,
			    "the secret \"%.*s\" begins or ends with white space, which counts",
			    SLICE_ARGS(secret->name));
}

/* Does the provider hand over the secret itself? */
static bool learns(const struct trust_description *d)
{
	for (size_t i = 0; i < d->handshake_count; i++)
		if (d->handshakes[i].learn.count > 0)
			return true;
	return false;
}

static void needs_a_secret(const struct binder *binder, const struct trust_verifier *verifier)
{
	const struct config_route *route = verifier->route;
	struct buf options = BUF_EMPTY;

	trust_published_lacks(verifier->description, &options);
	config_error(binder->diag, binder->config->file, route->node, "provider %.*s needs a secret%s%.*s",
		     SLICE_ARGS(route->provider),
		     options.n > 0 ? ", or the options with which its keys can be fetched: " : "",
		     SLICE_ARGS(buf_slice(&options)));
	buf_free(&options);
}

static int bind_secrets(const struct binder *binder, struct trust_verifier *verifier)
{
	const struct config_route *route = verifier->route;
	const struct plugin *plugin = verifier->description->verify.plugin;
	bool keyed = verifier->description->verify.scheme->keyed;
	bool optional = plugin && (plugin->flags & PLUGIN_SECRET_OPTIONAL);
	int fault = 0;

	if (route->keep_learned == CONFIG_SWITCH_ON && !learns(verifier->description))
		config_warn(binder->diag, binder->config->file, route->node,
			    "keep_learned: provider %.*s hands over no secret", SLICE_ARGS(route->provider));
	if (keyed && !optional && route->secret_count == 0 && !route->wrong && learns(verifier->description))
		config_warn(binder->diag, binder->config->file, route->node,
			    "there is no secret yet: deliveries are refused until the one that provider %.*s hands "
			    "over is %s",
			    SLICE_ARGS(route->provider),
			    route->keep_learned == CONFIG_SWITCH_ON
				    ? "there, which is kept in Redis until it is put here"
				    : "put here");
	else if (keyed && !optional && route->secret_count == 0 && !route->wrong &&
		 !trust_published_ready(verifier->description))
		needs_a_secret(binder, verifier);
	if (!keyed && route->secret_count > 0)
		config_error(binder->diag, binder->config->file,
			     route->secrets[0].node ? route->secrets[0].node : route->node,
			     "provider %.*s checks no secret: this one would protect nothing",
			     SLICE_ARGS(route->provider));
	if (!keyed || route->secret_count == 0)
		return 0;
	verifier->secrets = calloc(route->secret_count, sizeof(verifier->secrets[0]));
	if (!verifier->secrets)
		return -ENOMEM;
	for (size_t i = 0; i < route->secret_count; i++) {
		int r = bind_secret(binder, verifier, &route->secrets[i], &verifier->secrets[verifier->secret_count]);

		if (!trust_takes_public(&verifier->description->verify) &&
		    !verifier->secrets[verifier->secret_count].ring)
			warn_of_blanks(binder, verifier, &route->secrets[i]);
		if (r == 0)
			verifier->secret_count++;
		else if (r != -EINVAL)
			fault = r;
	}
	return fault;
}

/* ---- the rest ---- */

/* Where a request may have several groups of signature and time, the digest that stands for a missing id is of the first,
 * which need not be the one that is right. */
bool trust_wants_guard(const struct trust_description *d)
{
	return d->verify.covered != TRUST_COVER_NONE && !d->no_guard &&
	       ((d->id.count > 0 && !d->id_signed) || d->verify.groups);
}

static void bind_times(struct trust_verifier *verifier)
{
	const struct trust_description *d = verifier->description;
	const struct config_route *route = verifier->route;
	int64_t window_s = ((route->window_ms > 0 ? route->window_ms : d->window_ms) + 999) / 1000;

	verifier->tolerance_ms = route->tolerance_ms >= 0 ? route->tolerance_ms : d->verify.tolerance_ms;
	verifier->future_ms = route->tolerance_ms >= 0 ? route->tolerance_ms : d->verify.future_ms;
	verifier->window_s = window_s < 1 ? 1 : window_s > UINT32_MAX ? UINT32_MAX : (uint32_t)window_s;
	verifier->replay_guard = d->verify.covered != TRUST_COVER_NONE &&
				 (route->replay_guard == CONFIG_SWITCH_ON ||
				  (route->replay_guard == CONFIG_SWITCH_DEFAULT && trust_wants_guard(d)));
}

/* The provider's other ways to sign, with the same secrets. A secret need not fit all of them: what is wrong with it for
 * one is no finding. */
static int bind_variants(const struct binder *binder, struct trust_verifier *verifier)
{
	const struct trust_description *d = verifier->description;
	struct config_diag unheard = CONFIG_DIAG_EMPTY;
	struct binder quiet = *binder;
	int fault = 0;

	quiet.diag = &unheard;
	verifier->variants = calloc(d->variant_count + 1, sizeof(verifier->variants[0]));
	if (!verifier->variants)
		return -ENOMEM;
	for (size_t i = 0; i < d->variant_count && !fault; i++) {
		struct trust_verifier *variant = &verifier->variants[i];

		variant->set = binder->set;
		variant->route = verifier->route;
		variant->provider = trust_catalogue_find(binder->catalogue, d->variants[i].provider);
		if (!variant->provider || !variant->provider->description->verify.scheme) {
			config_error(binder->diag, binder->config->file, verifier->route->node,
				     "provider %.*s has the variant %.*s, which is none", SLICE_ARGS(d->name),
				     SLICE_ARGS(d->variants[i].provider));
			break;
		}
		variant->description = variant->provider->description;
		verifier->variant_count++;
		bind_times(variant);
		verifier->replay_guard |= variant->replay_guard;
		fault = bind_secrets(&quiet, variant);
	}
	config_diag_free(&unheard);
	return fault;
}

static int bind_route(const struct binder *binder, struct trust_verifier *verifier)
{
	const struct config_route *route = verifier->route;
	const struct plugin_option *missing;
	int fault;

	/* Without any, config/ has already said so. */
	if (route->provider.n == 0)
		return -EINVAL;
	verifier->provider = trust_catalogue_find(binder->catalogue, route->provider);
	if (!verifier->provider) {
		unknown_provider(binder, route);
		return -EINVAL;
	}
	fault = describe(binder, verifier);
	if (fault)
		return fault;
	if (!verifier->description->verify.scheme) {
		config_error(binder->diag, binder->config->file, route->node,
			     "provider %.*s needs a section `verify` that says how deliveries are signed",
			     SLICE_ARGS(route->provider));
		return -EINVAL;
	}
	missing = trust_plugin_option_missing(verifier->description);
	if (missing)
		config_error(binder->diag, binder->config->file, route->node, "provider %.*s needs the option `%s`: %s",
			     SLICE_ARGS(route->provider), missing->name, missing->help);
	bind_times(verifier);
	fault = bind_secrets(binder, verifier);
	return fault || verifier->description->variant_count == 0 ? fault : bind_variants(binder, verifier);
}

static void take_slots(struct trust_set *set, struct trust_verifier *verifier)
{
	verifier->slot = set->slots;
	set->slots += verifier->secret_count;
	/* For one that is lent. */
	if (verifier->secret_count == 0 && verifier->route->keep_learned == CONFIG_SWITCH_ON)
		set->slots++;
	for (size_t i = 0; i < verifier->variant_count; i++)
		take_slots(set, &verifier->variants[i]);
}

/* Who may have issued what a plugin fetches. */
static int bind_roots(const struct binder *binder, const struct trust_verifier *verifier)
{
	const struct plugin *plugin = verifier->description ? verifier->description->verify.plugin : NULL;
	const char *file = binder->config->key_fetch.ca_file;
	struct reason reason = { "" };
	int fault = 0;

	for (size_t i = 0; i < verifier->variant_count && !fault; i++)
		fault = bind_roots(binder, &verifier->variants[i]);
	if (fault || !plugin || plugin->host_count == 0 || binder->set->roots)
		return fault;
	fault = trust_roots_new(file, &binder->set->roots, &reason);
	if (fault == -EINVAL)
		config_error_at(binder->diag, binder->config->file, 0, 0, "key_fetch.ca_file: %s: %s", file ? file : "",
				reason.text);
	return fault;
}

static int bind_all(const struct binder *binder)
{
	struct trust_set *set = binder->set;

	for (size_t i = 0; i < set->count; i++) {
		struct trust_verifier *verifier = &set->verifiers[i];
		int fault;

		verifier->set = set;
		verifier->route = &binder->config->routes[i];
		fault = bind_route(binder, verifier);
		if (fault && fault != -EINVAL)
			return fault;
		fault = bind_roots(binder, verifier);
		if (fault && fault != -EINVAL)
			return fault;
		take_slots(set, verifier);
	}
	return 0;
}

int trust_set_new(const struct config *config, const struct trust_catalogue *catalogue, struct config_diag *diag,
		  struct trust_set **out)
{
	struct binder binder = { .config = config, .catalogue = catalogue, .diag = diag };
	size_t before = diag->errors;
	int fault = -ENOMEM;

	binder.set = calloc(1, sizeof(*binder.set));
	if (!binder.set)
		goto out;
	binder.set->config = config;
	binder.set->catalogue = catalogue;
	binder.set->verifiers = calloc(config->route_count + 1, sizeof(binder.set->verifiers[0]));
	if (!binder.set->verifiers)
		goto out;
	binder.set->count = config->route_count;
	fault = bind_all(&binder);
	if (!fault && diag->errors != before)
		fault = -EINVAL;
out:
	if (fault)
		trust_set_free(binder.set);
	else
		*out = binder.set;
	return fault;
}

/* ---- asking ---- */

const struct trust_verifier *trust_set_verifier(const struct trust_set *set, size_t route_index)
{
	return &set->verifiers[route_index];
}

const struct trust_provider *trust_verifier_provider(const struct trust_verifier *verifier)
{
	return verifier->provider;
}

uint32_t trust_window_s(const struct trust_verifier *verifier)
{
	return verifier->window_s;
}

bool trust_replay_guarded(const struct trust_verifier *verifier)
{
	return verifier->replay_guard;
}

struct slice trust_secret_header(const struct trust_verifier *verifier)
{
	const struct trust_verify *verify = &verifier->description->verify;
	bool in_clear = verify->scheme->keyed && !verify->scheme->texted;

	if (!in_clear || verify->signatures[0].kind != TRUST_PLACE_HEADER)
		return SLICE_NONE;
	return verify->signatures[0].names[0];
}

bool trust_method_allowed(const struct trust_verifier *verifier, struct slice method, struct slice *allow)
{
	const struct trust_description *d = verifier->description;

	*allow = d->allow;
	if (slice_eq(method, SLICE("POST")))
		return true;
	for (size_t i = 0; i < d->handshake_count; i++)
		if (slice_eq(d->handshakes[i].method, method))
			return true;
	return d->verify.plugin && (d->verify.plugin->flags & PLUGIN_ANSWERS_GET) && slice_eq(method, SLICE("GET"));
}

void trust_demanded_answer(const struct trust_verifier *verifier, struct answer *answer)
{
	const struct trust_description *d = verifier->description;

	*answer = (struct answer){ .status = d->answer_status, .body = d->answer_body };
	if (d->answer_status != 0 && d->answer_content_type.n > 0)
		message_add(answer, SLICE("Content-Type"), d->answer_content_type);
	for (size_t i = 0; d->answer_status != 0 && i < d->answer_header_count; i++)
		message_add(answer, d->answer_headers[i].name, d->answer_headers[i].value);
}
