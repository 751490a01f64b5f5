/* plugin_host.c - what the host does for a plugin: the request, memory and text, and what the plugin found. See
 * plugin.h, which is the contract.
 *
 * The special difficulty: every argument comes from code that may be wrong. A null pointer, a length that cannot be, a
 * constant that is none: each is noted in the call, answered with "no", and makes the delivery a fault. */
#include "base/encode.h"
#include "base/json.h"
#include "trust/form.h"
#include "trust/plugin_call.h"
#include "trust/trust.h"
#include "trust/url.h"

#include <stdint.h>

enum { FIELDS_MAX = 1000, PIECES_MAX = 4096, TEXT_MAX = 1 << 30, NAME_MAX_BYTES = 256 };

/* ---- arguments ---- */

enum plugin_result trust_plugin_wrong(struct plugin_call *call)
{
	if (call && call->magic == PLUGIN_CALL_MAGIC)
		call->wrong = true;
	return PLUGIN_WRONG;
}

bool trust_plugin_fine(struct plugin_call *call)
{
	return call && call->magic == PLUGIN_CALL_MAGIC;
}

static bool readable(struct plugin_bytes bytes)
{
	return bytes.n <= TEXT_MAX && (bytes.n == 0 || bytes.p);
}

bool trust_plugin_pieces(struct plugin_call *call, const struct plugin_bytes *pieces, size_t count)
{
	bool fine = trust_plugin_fine(call) && count <= PIECES_MAX && (count == 0 || pieces);

	for (size_t i = 0; fine && i < count; i++)
		fine = readable(pieces[i]);
	if (!fine)
		(void)trust_plugin_wrong(call);
	return fine;
}

/* A name that a plugin gives: a string of its own, not endlessly long. */
bool trust_plugin_named(struct plugin_call *call, const char *name)
{
	bool fine = trust_plugin_fine(call) && name && strnlen(name, NAME_MAX_BYTES) < NAME_MAX_BYTES;

	if (!fine)
		(void)trust_plugin_wrong(call);
	return fine;
}

bool trust_plugin_asked(struct plugin_call *call, const void *output)
{
	if (trust_plugin_fine(call) && output)
		return true;
	(void)trust_plugin_wrong(call);
	return false;
}

/* ---- the request ---- */

static bool claims_form(const struct request *request)
{
	return slice_eq_nocase(trust_media_type(request), SLICE("application/x-www-form-urlencoded"));
}

static struct slice public_url(struct plugin_call *call)
{
	struct slice url = SLICE_NONE;

	return trust_url(call->verifier->route, call->request, call->arena, &url) ? url : SLICE_NONE;
}

static struct plugin_bytes host_part(struct plugin_call *call, enum plugin_part part)
{
	const struct request *request;

	if (!trust_plugin_asked(call, call))
		return (struct plugin_bytes){ NULL, 0 };
	request = call->request;
	switch (part) {
	case PLUGIN_METHOD:
		return trust_plugin_bytes(request->method);
	case PLUGIN_TARGET:
		return trust_plugin_bytes(request->target);
	case PLUGIN_PATH:
		return trust_plugin_bytes(request->path);
	case PLUGIN_QUERY:
		return trust_plugin_bytes(request->query);
	case PLUGIN_BODY:
		return trust_plugin_bytes(request->body);
	case PLUGIN_URL:
		return trust_plugin_bytes(public_url(call));
	}
	(void)trust_plugin_wrong(call);
	return (struct plugin_bytes){ NULL, 0 };
}

static size_t host_header(struct plugin_call *call, const char *name, size_t nth, struct plugin_bytes *value)
{
	size_t count = 0;

	if (!trust_plugin_named(call, name) || !trust_plugin_asked(call, value))
		return 0;
	for (size_t i = 0; i < call->request->header_count; i++) {
		const struct header *header = &call->request->headers[i];

		if (slice_eq_nocase(header->name, slice_str(name)) && count++ == nth)
			*value = trust_plugin_bytes(header->value);
	}
	return count;
}

static bool decode_field(struct plugin_call *call, struct slice encoded, struct plugin_bytes *out)
{
	unsigned char *p = arena_alloc(call->arena, encoded.n + 1);
	size_t n = 0;

	if (!p || !encode_percent_decode(encoded, true, p, &n))
		return false;
	*out = (struct plugin_bytes){ p, n };
	return true;
}

static bool split_fields(struct plugin_call *call, struct slice text, struct plugin_field *fields, size_t *count)
{
	struct slice one, name, value;

	*count = 0;
	while (text.n > 0) {
		slice_cut(text, '&', &one, &text);
		if (one.n == 0)
			continue;
		slice_cut(one, '=', &name, &value);
		if (*count == FIELDS_MAX || !decode_field(call, name, &fields[*count].name) ||
		    !decode_field(call, value, &fields[*count].value))
			return false;
		++*count;
	}
	return true;
}

static enum plugin_result host_fields(struct plugin_call *call, enum plugin_fields which,
				      const struct plugin_field **fields, size_t *count)
{
	struct plugin_field *room;
	struct slice text;

	if (!trust_plugin_asked(call, fields) || !trust_plugin_asked(call, count))
		return PLUGIN_WRONG;
	if (which != PLUGIN_FIELDS_QUERY && which != PLUGIN_FIELDS_FORM)
		return trust_plugin_wrong(call);
	if (!call->fields[which]) {
		text = which == PLUGIN_FIELDS_QUERY ? call->request->query
		       : claims_form(call->request) ? call->request->body
						    : SLICE_NONE;
		room = arena_alloc(call->arena, FIELDS_MAX * sizeof(*room));
		if (!room)
			return trust_plugin_wrong(call);
		if (!split_fields(call, text, room, &call->field_count[which]))
			return arena_failed(call->arena)      ? trust_plugin_wrong(call)
			       : which == PLUGIN_FIELDS_QUERY ? PLUGIN_MALFORMED_REQUEST
							      : PLUGIN_MALFORMED_BODY;
		arena_shrink(call->arena, room, FIELDS_MAX * sizeof(*room), call->field_count[which] * sizeof(*room));
		call->fields[which] = room;
	}
	*fields = call->fields[which];
	*count = call->field_count[which];
	return PLUGIN_OK;
}

static enum plugin_result host_json(struct plugin_call *call, struct plugin_bytes text, const char *pointer,
				    struct plugin_json *value)
{
	static const enum plugin_json_type types[] = {
		[JSON_NULL] = PLUGIN_JSON_NULL,	    [JSON_BOOL] = PLUGIN_JSON_BOOL,
		[JSON_NUMBER] = PLUGIN_JSON_NUMBER, [JSON_STRING] = PLUGIN_JSON_STRING,
		[JSON_OBJECT] = PLUGIN_JSON_OBJECT, [JSON_ARRAY] = PLUGIN_JSON_ARRAY
	};
	struct json_pointer *compiled;
	struct json_value found;
	struct slice string = SLICE_NONE;
	enum json_result result;

	if (!trust_plugin_named(call, pointer) || !trust_plugin_asked(call, value) ||
	    !trust_plugin_pieces(call, &text, 1))
		return PLUGIN_WRONG;
	compiled = json_pointer_parse(slice_str(pointer));
	if (!compiled)
		return trust_plugin_wrong(call);
	result = json_find_once(trust_plugin_slice(text), (const struct json_pointer *const[]){ compiled }, 1, &found);
	json_pointer_free(compiled);
	if (result != JSON_OK)
		return PLUGIN_MALFORMED_BODY;
	if (found.type == JSON_NONE)
		return PLUGIN_MISSING;
	if (found.type != JSON_NULL && found.type != JSON_OBJECT && found.type != JSON_ARRAY &&
	    !json_text(&found, call->arena, &string))
		return arena_failed(call->arena) ? trust_plugin_wrong(call) : PLUGIN_MALFORMED_BODY;
	*value = (struct plugin_json){ types[found.type], trust_plugin_bytes(found.raw), trust_plugin_bytes(string) };
	return PLUGIN_OK;
}

static int64_t host_now_ms(struct plugin_call *call)
{
	return trust_plugin_asked(call, call) ? call->now_ms : 0;
}

static size_t host_option(struct plugin_call *call, const char *name, size_t nth, struct plugin_bytes *value)
{
	const struct trust_description *d;

	if (!trust_plugin_named(call, name) || !trust_plugin_asked(call, value))
		return 0;
	d = call->verifier->description;
	for (size_t i = 0; i < d->plugin_option_count; i++) {
		const struct trust_plugin_option *option = &d->plugin_options[i];

		if (!slice_eq(option->name, slice_str(name)))
			continue;
		if (nth < option->count)
			*value = trust_plugin_bytes(option->values[nth]);
		return option->count;
	}
	return 0;
}

/* ---- memory and text ---- */

static void *host_alloc(struct plugin_call *call, size_t n)
{
	void *p;

	if (!trust_plugin_asked(call, call))
		return NULL;
	if (n > PLUGIN_CALL_MEMORY - call->allocated) {
		(void)trust_plugin_wrong(call);
		return NULL;
	}
	p = arena_alloc(call->arena, n);
	if (!p) {
		(void)trust_plugin_wrong(call);
		return NULL;
	}
	call->allocated += n;
	memset(p, 0, n);
	return p;
}

static void *host_state(struct plugin_call *call, size_t n)
{
	if (!trust_plugin_asked(call, call))
		return NULL;
	if (!call->state) {
		call->state = host_alloc(call, n);
		call->state_size = n;
	}
	if (n == call->state_size)
		return call->state;
	(void)trust_plugin_wrong(call);
	return NULL;
}

static bool alphabet(enum plugin_encoding encoding, enum encode_alphabet *out)
{
	switch (encoding) {
	case PLUGIN_BASE64:
		*out = ENCODE_BASE64;
		return true;
	case PLUGIN_BASE64_ANY:
		*out = ENCODE_BASE64_ANY;
		return true;
	case PLUGIN_BASE64URL:
		*out = ENCODE_BASE64URL;
		return true;
	case PLUGIN_BASE64URL_ANY:
		*out = ENCODE_BASE64URL_ANY;
		return true;
	case PLUGIN_HEX:
		break;
	}
	return false;
}

static enum plugin_result host_decode(struct plugin_call *call, enum plugin_encoding encoding, struct plugin_bytes text,
				      struct plugin_bytes *bytes)
{
	enum encode_alphabet letters = ENCODE_BASE64;
	struct slice s = trust_plugin_slice(text);
	unsigned char *p;
	size_t n = 0;
	bool fine;

	if (!trust_plugin_asked(call, bytes) || !trust_plugin_pieces(call, &text, 1))
		return PLUGIN_WRONG;
	if (encoding != PLUGIN_HEX && !alphabet(encoding, &letters))
		return trust_plugin_wrong(call);
	/* More than either of them needs. */
	p = arena_alloc(call->arena, s.n + 4);
	if (!p)
		return trust_plugin_wrong(call);
	fine = encoding == PLUGIN_HEX ? encode_hex_decode(s, p, &n) : encode_base64_decode(letters, s, p, &n);
	if (!fine)
		return PLUGIN_MISMATCH;
	*bytes = (struct plugin_bytes){ p, n };
	return PLUGIN_OK;
}

static enum plugin_result host_encode(struct plugin_call *call, enum plugin_encoding encoding,
				      struct plugin_bytes bytes, struct plugin_bytes *text)
{
	enum encode_alphabet letters = ENCODE_BASE64;
	struct slice s = trust_plugin_slice(bytes), out = SLICE_NONE;
	struct buf buf = BUF_EMPTY;
	char *hex;

	if (!trust_plugin_asked(call, text) || !trust_plugin_pieces(call, &bytes, 1))
		return PLUGIN_WRONG;
	if (encoding == PLUGIN_HEX) {
		hex = arena_alloc(call->arena, 2 * s.n);
		if (hex)
			encode_hex(s, hex);
		out = slice_of(hex, 2 * s.n);
	} else if (alphabet(encoding, &letters)) {
		encode_base64(letters, s, &buf);
		out = buf_failed(&buf) ? SLICE_NONE : arena_copy(call->arena, buf_slice(&buf));
		buf_wipe(&buf);
	} else {
		return trust_plugin_wrong(call);
	}
	if (!out.p && s.n > 0)
		return trust_plugin_wrong(call);
	*text = trust_plugin_bytes(out);
	return PLUGIN_OK;
}

enum plugin_result trust_plugin_join(struct plugin_call *call, const struct plugin_bytes *pieces, size_t count,
				     struct plugin_bytes *joined)
{
	size_t n = 0, at = 0;
	unsigned char *p;

	if (!trust_plugin_asked(call, joined) || !trust_plugin_pieces(call, pieces, count))
		return PLUGIN_WRONG;
	for (size_t i = 0; i < count; i++)
		n += pieces[i].n;
	p = arena_alloc(call->arena, n);
	if (!p)
		return trust_plugin_wrong(call);
	for (size_t i = 0; i < count; i++) {
		if (pieces[i].n > 0)
			memcpy(p + at, pieces[i].p, pieces[i].n);
		at += pieces[i].n;
	}
	*joined = (struct plugin_bytes){ p, n };
	return PLUGIN_OK;
}

static bool host_equal(struct plugin_bytes a, struct plugin_bytes b)
{
	return readable(a) && readable(b) && trust_equal(trust_plugin_slice(a), trust_plugin_slice(b));
}

const struct plugin_host trust_plugin_host = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin_host),
	.part = host_part,
	.header = host_header,
	.fields = host_fields,
	.json = host_json,
	.now_ms = host_now_ms,
	.option = host_option,
	.alloc = host_alloc,
	.state = host_state,
	.decode = host_decode,
	.encode = host_encode,
	.join = trust_plugin_join,
	.equal = host_equal,
	.mac = trust_plugin_mac,
	.mac_with = trust_plugin_mac_with,
	.digest = trust_plugin_digest,
	.secrets = trust_plugin_secrets,
	.secret = trust_plugin_secret,
	.verify = trust_plugin_verify,
	.is_key = trust_plugin_is_key,
	.verify_with = trust_plugin_verify_with,
	.fetch = trust_plugin_fetch,
	.visit = trust_plugin_visit,
	.reason = trust_plugin_reason,
	.signature = trust_plugin_signature,
	.signed_text = trust_plugin_signed_text,
	.signed_at = trust_plugin_signed_at,
	.covers = trust_plugin_covers,
	.answer = trust_plugin_answer,
	.add_header = trust_plugin_add_header,
	.set_body = trust_plugin_set_body,
	.set_target = trust_plugin_set_target,
	.certificate = trust_plugin_certificate,
	.decrypt = trust_plugin_decrypt,
	.encrypt = trust_plugin_encrypt,
	.sign_with = trust_plugin_sign_with,
	.kid = trust_plugin_kid,
};
