/* providers.c - `hookgate providers`: what is built in, and one in full. The one difficulty is to ask the catalogue for
 * all that is said, so that it cannot say anything else than what is done. */
#include "cli/providers.h"

#include "base/json.h"
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

static const char help[] =
	"usage: hookgate providers [-c FILE] [--json] [FILTER]... [NAME]\n\n"
	"Lists the providers that hookgate knows, or shows NAME (a name or an alias) in full, with a route to paste "
	"into a\n"
	"configuration.\n\n"
	"  -c, --config FILE      show those of its `provider_dir` as well\n"
	"      --search WORD      only those with the word in name, alias or title, in any case\n"
	"      --scheme WORD      only those with the word in their scheme: hmac, ed25519, sha1, token, plugin, url "
	"...\n"
	"      --handshake        only those that want a request of another kind answered before, or between, "
	"deliveries\n"
	"      --covered WORD     only those whose proof covers `full`, `partial` or `none` of the body\n"
	"      --confidence WORD  only those that are known so well: official, documented, third-party, memory, "
	"standard\n"
	"      --json             an array of objects, for NAME of one: name, aliases, scheme, algorithm, title, "
	"docs,\n"
	"                         confidence, trusted_because, signature, signed, timestamp, tolerance_ms, secret (its "
	"form),\n"
	"                         keys, id, id_signed, guarded, type, window_ms, handshake, answer, covered, options, "
	"example; "
	"for NAME\n"
	"                         also description\n"
	"  -h, --help             this text\n\n"
	"The list is as wide as the terminal, or COLUMNS; what is longer is cut, and stands in NAME's own page.\n\n"
	"Exit status: 0, 1 there is no such provider or a description is wrong, 2 called the wrong way.\n\n"
	"Example: hookgate providers --search git; hookgate providers stripe\n";

struct asking {
	const char *file, *search, *scheme, *covered, *confidence;
	bool json, handshake;
	struct config *config;
	struct trust_catalogue *catalogue;
};

/* ---- JSON ---- */

static void json_text_member(struct buf *out, const char *name, struct slice value)
{
	buf_printf(out, ",\"%s\":", name);
	if (value.n > 0)
		json_write_string(out, value);
	else
		buf_add(out, SLICE("null"));
}

static void json_number_member(struct buf *out, const char *name, int64_t value)
{
	buf_printf(out, ",\"%s\":", name);
	if (value >= 0)
		buf_add_i64(out, value);
	else
		buf_add(out, SLICE("null"));
}

static void json_options(struct buf *out, const struct trust_about *about)
{
	buf_add(out, SLICE(",\"options\":["));
	for (size_t i = 0; i < about->option_count; i++) {
		buf_add(out, i > 0 ? SLICE(",{\"name\":") : SLICE("{\"name\":"));
		json_write_string(out, about->options[i].name);
		json_text_member(out, "about", about->options[i].about);
		json_text_member(out, "default", about->options[i].value);
		buf_printf(out, ",\"required\":%s}", about->options[i].required ? "true" : "false");
	}
	buf_add_byte(out, ']');
}

static void json_about(struct buf *out, const struct trust_about *about, bool full)
{
	buf_add(out, SLICE("{\"name\":"));
	json_write_string(out, about->name);
	buf_add(out, SLICE(",\"aliases\":["));
	for (size_t i = 0; i < about->alias_count; i++) {
		buf_add(out, i > 0 ? SLICE(",") : SLICE_NONE);
		json_write_string(out, about->aliases[i]);
	}
	buf_add_byte(out, ']');
	json_text_member(out, "scheme", about->scheme);
	json_text_member(out, "algorithm", about->algorithm);
	json_text_member(out, "title", about->title);
	json_text_member(out, "docs", about->docs);
	json_text_member(out, "confidence", about->confidence);
	json_text_member(out, "trusted_because", about->trusted_because);
	json_text_member(out, "signature", about->signature);
	json_text_member(out, "signed", about->signed_text);
	json_text_member(out, "timestamp", about->timestamp);
	json_text_member(out, "secret", about->secret);
	json_text_member(out, "keys", about->keys);
	json_text_member(out, "answer", about->answer);
	json_text_member(out, "id", about->id);
	json_text_member(out, "type", about->type);
	json_text_member(out, "handshake", about->handshake);
	json_text_member(out, "covered", about->covered);
	buf_printf(out, ",\"id_signed\":%s,\"guarded\":%s", about->id_signed ? "true" : "false",
		   about->guarded ? "true" : "false");
	json_number_member(out, "window_ms", about->window_ms);
	json_number_member(out, "tolerance_ms", about->tolerance_ms);
	json_options(out, about);
	json_text_member(out, "example", about->example);
	if (full)
		json_text_member(out, "description", about->text);
	buf_add_byte(out, '}');
}

/* ---- filters ---- */

/* In any case; ASCII's. */
static bool has_word(struct slice text, const char *word)
{
	struct slice wanted = slice_str(word);

	for (size_t i = 0; i + wanted.n <= text.n; i++)
		if (slice_eq_nocase(slice_head(slice_from(text, i), wanted.n), wanted))
			return true;
	return false;
}

static bool is_found(const struct trust_about *about, const char *word)
{
	bool found = has_word(about->name, word) || has_word(about->title, word);

	for (size_t i = 0; i < about->alias_count; i++)
		found |= has_word(about->aliases[i], word);
	return found;
}

static bool is_wanted(const struct asking *asking, const struct trust_about *about)
{
	return (!asking->search || is_found(about, asking->search)) &&
	       (!asking->scheme || has_word(about->scheme, asking->scheme)) &&
	       (!asking->handshake || about->handshake.n > 0) &&
	       (!asking->covered || slice_eq(about->covered, slice_str(asking->covered))) &&
	       (!asking->confidence || slice_eq(about->confidence, slice_str(asking->confidence)));
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static int check_filters(const struct asking *asking, bool named)
{
	static const char *const covers[] = { "full", "partial", "none", NULL };
	static const char *const confidences[] = {
		"official", "documented", "third-party", "memory", "standard", NULL
	};

	if (asking->covered && !is_one_of(asking->covered, covers))
		return cli_usage("providers", "--covered %s: it is full, partial or none", asking->covered);
	if (asking->confidence && !is_one_of(asking->confidence, confidences))
		return cli_usage("providers",
				 "--confidence %s: it is official, documented, third-party, memory or standard",
				 asking->confidence);
	if (named && (asking->search || asking->scheme || asking->handshake || asking->covered || asking->confidence))
		return cli_usage("providers", "a filter is for the list: leave NAME out, or the filter");
	return CLI_OK;
}

/* ---- the list ---- */

/* Those that are wanted; in *count how many. To be freed; NULL when memory is short. */
static struct trust_about *choose(const struct asking *asking, size_t *count)
{
	size_t all = trust_catalogue_count(asking->catalogue);
	struct trust_about *chosen = calloc(all + 1, sizeof(*chosen));

	*count = 0;
	for (size_t i = 0; chosen && i < all; i++) {
		trust_about(trust_catalogue_at(asking->catalogue, i), &chosen[*count]);
		*count += is_wanted(asking, &chosen[*count]);
	}
	return chosen;
}

static int list(const struct asking *asking, struct buf *out)
{
	size_t count;
	struct trust_about *chosen = choose(asking, &count);

	if (!chosen)
		return cli_fail("providers", "memory is short");
	if (!asking->json)
		cli_providers_table(chosen, count, trust_catalogue_count(asking->catalogue), out);
	for (size_t i = 0; asking->json && i < count; i++) {
		buf_add(out, i > 0 ? SLICE(",\n") : SLICE("["));
		json_about(out, &chosen[i], false);
	}
	if (asking->json)
		buf_add(out, count > 0 ? SLICE("]\n") : SLICE("[]\n"));
	free(chosen);
	return CLI_OK;
}

/* ---- one ---- */

static int unknown(const struct trust_catalogue *catalogue, const char *name)
{
	char near[128];

	trust_catalogue_near(catalogue, slice_str(name), near, sizeof near);
	if (near[0] != '\0')
		return cli_fail("providers", "there is no provider %s; did you mean %s?", name, near);
	return cli_fail(
		"providers",
		"there is no provider %s; `hookgate providers` lists them (--search WORD), and `provider: hmac` can be "
		"told how others sign",
		name);
}

static int show(const struct trust_catalogue *catalogue, const char *name, bool json, struct buf *out)
{
	const struct trust_provider *provider = trust_catalogue_find(catalogue, slice_str(name));
	struct trust_about about;

	if (!provider)
		return unknown(catalogue, name);
	trust_about(provider, &about);
	if (json) {
		buf_add_byte(out, '[');
		json_about(out, &about, true);
		buf_add_str(out, "]\n");
	} else {
		cli_providers_page(&about, out);
	}
	return CLI_OK;
}

/* The folder of the user's own descriptions; whatever else is wrong in the file does not matter here. */
static int load(const char *file, struct config **config, struct trust_catalogue **catalogue)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	int fault = file ? config_load_partial(file, &diag, config) : 0;
	bool readable = !file || *config;

	if (readable) {
		config_diag_free(&diag);
		diag = CONFIG_DIAG_EMPTY;
		fault = trust_catalogue_new(*config ? (*config)->provider_dir : NULL,
					    *config ? (*config)->plugin_dir : NULL, &diag, catalogue);
	}
	cli_print_findings(stderr, &diag);
	config_diag_free(&diag);
	if (fault == 0)
		return CLI_OK;
	return fault == -EINVAL ? CLI_FAILED : cli_fail("providers", "%s", strerror(-fault));
}

int cli_providers(int argc, char **argv)
{
	struct asking asking = { .json = false };
	struct buf out = BUF_EMPTY;
	const struct cli_option options[] = {
		{ "config", 'c', .text = &asking.file },      { "json", .flag = &asking.json },
		{ "search", .text = &asking.search },	      { "scheme", .text = &asking.scheme },
		{ "handshake", .flag = &asking.handshake },   { "covered", .text = &asking.covered },
		{ "confidence", .text = &asking.confidence },
	};
	const struct cli_call call = { "providers", help, options, sizeof options / sizeof options[0], 1 };
	int status;

	if (!cli_parse(&call, argc, argv, &status))
		return status;
	status = check_filters(&asking, optind < argc);
	if (status == CLI_OK)
		status = load(asking.file, &asking.config, &asking.catalogue);
	if (status == CLI_OK && optind < argc)
		status = show(asking.catalogue, argv[optind], asking.json, &out);
	else if (status == CLI_OK)
		status = list(&asking, &out);
	if (buf_failed(&out))
		status = cli_fail("providers", "memory is short");
	else if (out.n > 0)
		fwrite(out.p, 1, out.n, stdout);
	buf_free(&out);
	trust_catalogue_free(asking.catalogue);
	config_free(asking.config);
	return cli_end_output("providers") == CLI_OK ? status : CLI_FAILED;
}
