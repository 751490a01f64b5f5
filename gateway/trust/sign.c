/* sign.c - the other direction: a delivery as the provider would make it, from the same description.
 *
 * The special difficulty: a signature covers headers that are only now being made. So the draft becomes a request
 * without a signature first, the signed text is resolved on that as it would be on the way in, and the signature is
 * added last. */
#include "trust/sign.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "trust/key.h"
#include "trust/lane.h"
#include "trust/plugin_call.h"
#include "trust/scheme.h"
#include "trust/template.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

struct signer {
	const struct trust_verifier *verifier;
	const struct trust_draft *draft;
	struct arena *arena;
	struct header *headers;
	size_t room, count;
	struct slice target; /* the draft's, and the signature where it stands in the query */
	struct slice body;   /* the draft's, and time and signature where it has marks for them */
	bool full;
};

static void add(struct signer *s, struct slice name, struct slice value)
{
	if (s->count == s->room) {
		s->full = true;
		return;
	}
	s->headers[s->count++] = (struct header){ name, value };
}

static struct slice timestamp_text(enum trust_unit unit, int64_t now_ms, struct arena *arena)
{
	char text[CLOCK_RFC3339_LENGTH];
	char date[40];
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm tm;

	switch (unit) {
	case TRUST_UNIT_SECONDS:
		return arena_printf(arena, "%" PRId64, now_ms / 1000);
	case TRUST_UNIT_MILLISECONDS:
		return arena_printf(arena, "%" PRId64, now_ms);
	case TRUST_UNIT_RFC3339:
		clock_format_rfc3339(now_ms, text);
		return arena_copy(arena, slice_of(text, sizeof(text)));
	case TRUST_UNIT_HTTP_DATE:
		if (!gmtime_r(&seconds, &tm))
			return SLICE_NONE;
		return arena_copy(arena,
				  slice_of(date, strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm)));
	}
	return SLICE_NONE;
}

struct slice trust_encode(enum trust_encoding encoding, struct slice bytes, struct arena *arena)
{
	struct buf buf = BUF_EMPTY;
	struct slice out;

	if (encoding == TRUST_ENCODING_TEXT)
		return bytes;
	if (encoding == TRUST_ENCODING_HEX) {
		char *hex = arena_alloc(arena, 2 * bytes.n);

		if (hex)
			encode_hex(bytes, hex);
		return hex ? slice_of(hex, 2 * bytes.n) : SLICE_NONE;
	}
	encode_base64(encoding == TRUST_ENCODING_BASE64 ? ENCODE_BASE64 : ENCODE_BASE64URL, bytes, &buf);
	out = arena_copy(arena, buf_slice(&buf));
	buf_wipe(&buf);
	return out;
}

struct slice trust_spell(const struct trust_grammar *grammar, struct slice value, struct arena *arena)
{
	if (grammar->behind)
		value = arena_printf(arena, "hookgate%c%.*s", grammar->behind, SLICE_ARGS(value));
	if (grammar->field.n == 0)
		return arena_printf(arena, "%.*s%.*s", SLICE_ARGS(grammar->prefix), SLICE_ARGS(value));
	return arena_printf(arena, "%.*s%c%.*s%.*s", SLICE_ARGS(grammar->field), grammar->assign,
			    SLICE_ARGS(grammar->prefix), SLICE_ARGS(value));
}

/* Id and type go where the description looks for them first, if that is a header. */
static void add_source(struct signer *s, const struct trust_source *source, struct slice value)
{
	const struct trust_template *first = &source->alternatives[0];

	if (source->count > 0 && value.n > 0 && first->count == 1 && first->parts[0].place.kind == TRUST_PLACE_HEADER)
		add(s, first->parts[0].place.names[0], value);
}

static bool signature_header(const struct trust_verify *verify, struct slice *name)
{
	if (verify->signature_count == 0 || verify->signatures[0].kind != TRUST_PLACE_HEADER)
		return false;
	*name = verify->signatures[0].names[0];
	return true;
}

static struct slice percent_encode(struct slice text, struct arena *arena)
{
	struct buf buf = BUF_EMPTY;
	struct slice out;

	for (size_t i = 0; i < text.n; i++)
		buf_printf(&buf, "%%%02X", (unsigned)text.p[i]);
	out = arena_copy(arena, buf_slice(&buf));
	buf_wipe(&buf);
	return out;
}

static bool in_body(const struct trust_place *place)
{
	return place->kind == TRUST_PLACE_POINTER || place->kind == TRUST_PLACE_FORM;
}

/* As it may stand between the quotes of a JSON text. */
static struct slice json_inside(struct slice text, struct arena *arena)
{
	struct buf buf = BUF_EMPTY;
	struct slice out = SLICE_NONE;

	json_write_string(&buf, text);
	if (buf.n >= 2)
		out = arena_copy(arena, slice_of(buf.p + 1, buf.n - 2));
	buf_wipe(&buf);
	return out;
}

/* Puts the text in the place of the mark that the sample, or who gave the body, has there. False where there is none. */
static bool fill(struct signer *s, const struct trust_place *place, struct slice mark, struct slice text)
{
	const unsigned char *at = s->body.n > 0 ? memmem(s->body.p, s->body.n, mark.p, mark.n) : NULL;
	size_t before = at ? (size_t)(at - s->body.p) : 0;

	if (at && place->kind == TRUST_PLACE_POINTER)
		text = json_inside(text, s->arena);
	if (at)
		s->body = arena_printf(s->arena, "%.*s%.*s%.*s", SLICE_ARGS(slice_head(s->body, before)),
				       SLICE_ARGS(text), SLICE_ARGS(slice_from(s->body, before + mark.n)));
	return at != NULL;
}

/* Puts the signature where the provider looks for it first. */
static int put(struct signer *s, struct slice value, struct reason *reason)
{
	const struct trust_verify *verify = &s->verifier->description->verify;
	const struct trust_place *place = &verify->signatures[0];
	struct slice name, target = s->target;

	if (signature_header(verify, &name)) {
		add(s, verify->numbered > 0 ? arena_printf(s->arena, "%.*s1", SLICE_ARGS(name)) : name, value);
		return 0;
	}
	/* A token that is the whole body. */
	if (verify->signature_count > 0 && place->kind == TRUST_PLACE_BODY) {
		s->body = value;
		return 0;
	}
	if (verify->signature_count > 0 && in_body(place) && fill(s, place, SLICE("<signature>"), value))
		return 0;
	if (verify->signature_count == 0 || place->kind != TRUST_PLACE_QUERY || place->inner != TRUST_INNER_NONE) {
		reason_set(reason,
			   "this provider's signature does not stand in a header or the query, nor does the body "
			   "have <signature> in its place");
		return -ENOTSUP;
	}
	s->target = arena_printf(s->arena, "%.*s%c%.*s=%.*s", SLICE_ARGS(target),
				 slice_index(target, '?') < target.n ? '&' : '?', SLICE_ARGS(place->names[0]),
				 SLICE_ARGS(percent_encode(value, s->arena)));
	return 0;
}

/* Headers that are signed and that nobody has given: a nonce, mostly. The id will do for it. */
static void add_signed_headers(struct signer *s)
{
	const struct trust_template *template = &s->verifier->description->verify.signed_text;
	struct slice ignored;

	for (size_t i = 0; i < template->count && s->draft->id.n > 0; i++) {
		const struct trust_place *place = &template->parts[i].place;
		const struct request so_far = { .headers = s->headers, .header_count = s->count };

		if (place->kind == TRUST_PLACE_HEADER && place->inner == TRUST_INNER_NONE &&
		    !template->parts[i].optional && message_header(&so_far, place->names[0], &ignored) == 0)
			add(s, place->names[0], s->draft->id);
	}
}

/* Headers that must have a certain value besides. */
static void add_required(struct signer *s)
{
	const struct trust_description *d = s->verifier->description;
	const struct request nothing = { .body = SLICE_NONE };
	struct trust_reading reading = {
		.description = d, .request = &nothing, .arena = s->arena, .verifier = s->verifier
	};

	for (size_t i = 0; i < d->required_count; i++) {
		const struct trust_match *match = &d->required[i];
		struct slice value = match->text;

		if (match->place.kind != TRUST_PLACE_HEADER)
			continue;
		if (match->kind == TRUST_MATCH_TEXT ||
		    (match->kind == TRUST_MATCH_TEMPLATE &&
		     trust_template_join(&match->template, &reading, &value) == TRUST_FOUND))
			add(s, match->place.names[0], value);
	}
}

/* Signs what the headers so far, the timestamp and the body make; appends or completes the signature's header. */
static int add_signature(struct signer *s, struct slice timestamp, struct slice shared, struct reason *reason)
{
	const struct trust_verify *verify = &s->verifier->description->verify;
	struct request request = { .method = s->draft->method,
				   .target = s->draft->target,
				   .authority = s->draft->authority,
				   .headers = s->headers,
				   .header_count = s->count,
				   .body = s->body };
	struct trust_reading reading = { .description = s->verifier->description,
					 .request = &request,
					 .arena = s->arena,
					 .timestamp = timestamp,
					 .id = s->draft->id,
					 .type = s->draft->type,
					 .now_ms = s->draft->now_ms,
					 .verifier = s->verifier };
	const struct trust_place *culprit = NULL;
	struct trust_parts parts = { .n = 0 };
	struct slice bytes, value;
	int fault;

	(void)message_split_target(request.target, &request.path, &request.query);
	if (verify->signed_text.pointers)
		(void)trust_reading_look_up(&reading, verify->signed_text.pointers);
	if (trust_template_resolve(&verify->signed_text, &reading, &parts, &culprit) != TRUST_FOUND) {
		reason_set(reason, "%.*s is signed and missing: give the delivery an id", SLICE_ARGS(culprit->text));
		return -ENOTSUP;
	}
	fault = verify->scheme->make(verify, &s->verifier->secrets[s->draft->secret_index], &parts, &reading, &bytes);
	if (fault == -ENOTSUP)
		reason_set(reason, "the secret is a public key: signing takes the private one");
	if (fault == -EDOM) {
		reason_set(reason, "the route lacks what the token must say: an option, or public_url");
		fault = -ENOTSUP;
	}
	if (fault)
		return fault;
	value = trust_spell(&verify->signature, trust_encode(verify->encoding, bytes, s->arena), s->arena);
	if (shared.n > 0)
		value = arena_printf(s->arena, "%.*s%c%.*s", SLICE_ARGS(shared), verify->signature.list,
				     SLICE_ARGS(value));
	return put(s, value, reason);
}

static bool stands_in_body(struct signer *s, const struct trust_place *place)
{
	struct request request = { .headers = s->headers, .header_count = s->count, .body = s->body };
	struct trust_reading reading = { .description = s->verifier->description,
					 .request = &request,
					 .arena = s->arena };
	struct slice ignored;

	return trust_reading_look_up(&reading, trust_place_pointers(place)) == JSON_OK &&
	       trust_place_find(place, &reading, &ignored) == TRUST_FOUND;
}

/* The timestamp; *shared is what of it goes into the signature's header. */
static int add_timestamp(struct signer *s, struct slice *text, struct slice *shared, struct reason *reason)
{
	const struct trust_verify *verify = &s->verifier->description->verify;
	struct slice name = SLICE_NONE, spelt;

	if (!verify->has_timestamp)
		return 0;
	*text = timestamp_text(verify->unit, s->draft->now_ms, s->arena);
	if (in_body(&verify->timestamp) && fill(s, &verify->timestamp, SLICE("<timestamp>"), *text))
		return 0;
	if (verify->timestamp.kind == TRUST_PLACE_POINTER && stands_in_body(s, &verify->timestamp))
		return 0;
	if (verify->timestamp.kind != TRUST_PLACE_HEADER) {
		reason_set(reason, "this provider's timestamp stands neither in a header nor in the signed body");
		return -ENOTSUP;
	}
	spelt = trust_spell(&verify->timestamp_grammar, *text, s->arena);
	if (signature_header(verify, &name) && slice_eq_nocase(name, verify->timestamp.names[0]))
		*shared = spelt;
	else
		add(s, verify->timestamp.names[0], spelt);
	return 0;
}

/* A plugin adds its headers itself, and may put another body or target in place of the draft's. */
static int sign_by_plugin(struct signer *s, struct reason *reason)
{
	struct trust_plugin_draft draft = {
		.headers = s->headers, .room = s->room, .count = s->count, .target = s->target, .body = s->body
	};
	struct request request = { .method = s->draft->method,
				   .target = s->draft->target,
				   .authority = s->draft->authority,
				   .headers = s->headers,
				   .header_count = s->count,
				   .body = s->draft->body };
	int fault;

	(void)message_split_target(request.target, &request.path, &request.query);
	fault = trust_plugin_sign(s->verifier, &request, s->draft->now_ms, s->draft->secret_index, s->arena, &draft,
				  reason);
	s->count = draft.count;
	s->full |= draft.full;
	s->target = draft.target;
	s->body = draft.body;
	return fault;
}

static int sign(struct signer *s, struct reason *reason)
{
	const struct trust_description *d = s->verifier->description;
	struct slice timestamp = SLICE_NONE, shared = SLICE_NONE;
	int fault;

	add(s, SLICE("Content-Type"), s->draft->content_type.n > 0 ? s->draft->content_type : d->sample_content_type);
	add_source(s, &d->id, s->draft->id);
	add_source(s, &d->type, s->draft->type);
	add_required(s);
	if (!d->verify.scheme->keyed)
		return 0;
	if (d->verify.plugin)
		return sign_by_plugin(s, reason);
	if (!d->verify.scheme->make || s->draft->secret_index >= s->verifier->secret_count) {
		reason_set(reason, d->verify.scheme->make ? "the route has no such secret"
							  : "this scheme can only be verified");
		return -ENOTSUP;
	}
	fault = add_timestamp(s, &timestamp, &shared, reason);
	add_signed_headers(s);
	return fault ? fault : add_signature(s, timestamp, shared, reason);
}

static int sign_all(struct signer *s, size_t *header_count, struct slice *target, struct slice *body,
		    struct reason *reason)
{
	int fault = sign(s, reason);

	if (!fault && arena_failed(s->arena))
		fault = -ENOMEM;
	if (!fault && s->full)
		fault = -ENOSPC;
	if (fault)
		return fault;
	*header_count = s->count;
	*target = s->target;
	*body = s->body;
	return 0;
}

int trust_sign(const struct trust_verifier *verifier, const struct trust_draft *draft, struct arena *arena,
	       struct header *headers, size_t room, size_t *header_count, struct slice *target, struct slice *body,
	       struct reason *reason)
{
	struct trust_secret secret = { .not_before_ms = INT64_MIN, .not_after_ms = INT64_MAX };
	struct trust_verifier keyed = *verifier;
	struct trust_draft own = *draft;
	struct signer s = { .verifier = verifier,
			    .draft = draft,
			    .arena = arena,
			    .headers = headers,
			    .room = room,
			    .target = draft->target,
			    .body = draft->body };
	int fault;

	if (draft->key.n > 0) {
		fault = trust_secret_open(&verifier->description->verify, draft->key, &secret, reason);
		if (fault)
			return fault == -EINVAL ? -ENOTSUP : fault;
		keyed.secrets = &secret;
		keyed.secret_count = 1;
		own.secret_index = 0;
		s.verifier = &keyed;
		s.draft = &own;
	}
	fault = sign_all(&s, header_count, target, body, reason);
	trust_secret_close(&secret);
	return fault;
}

struct slice trust_sample_body(const struct trust_verifier *verifier, struct slice id, struct slice type,
			       int64_t now_ms, struct arena *arena)
{
	const struct trust_description *d = verifier->description;
	struct request request = { .body = SLICE_NONE };
	struct trust_reading reading = {
		.description = d, .request = &request, .arena = arena, .id = id, .type = type, .now_ms = now_ms
	};
	struct slice body = SLICE_NONE;

	if (d->sample.count == 0)
		return arena_copy(arena, SLICE("{}"));
	return trust_template_join(&d->sample, &reading, &body) == TRUST_FOUND ? body : SLICE_NONE;
}

struct slice trust_sample_content_type(const struct trust_verifier *verifier)
{
	return verifier->description->sample_content_type;
}
