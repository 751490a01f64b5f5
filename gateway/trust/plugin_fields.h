/* plugin_fields.h - structured headers (RFC 8941) for plugins, as far as signatures and digests need them; on top of
 * plugin_help.h, installed with it, and inline likewise. */
#ifndef HOOKGATE_TRUST_PLUGIN_FIELDS_H
#define HOOKGATE_TRUST_PLUGIN_FIELDS_H

#include "trust/plugin_help.h"

enum { PLUGIN_VALUES_MAX = 16 };

/* The next member of a dictionary: "name=value", cut at a comma outside of quotes and parentheses. */
static inline bool plugin_next_member(struct plugin_bytes *rest, struct plugin_bytes *name, struct plugin_bytes *value)
{
	bool quoted = false, inside = false;
	size_t at = 0;

	for (; at < rest->n; at++) {
		unsigned char c = rest->p[at];

		if (quoted && c == '\\')
			at++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '(' || c == ')'))
			inside = c == '(';
		else if (!quoted && !inside && c == ',')
			break;
	}
	if (rest->n == 0)
		return false;
	*value = plugin_trim((struct plugin_bytes){ rest->p, at < rest->n ? at : rest->n });
	*rest = plugin_from(*rest, at + 1);
	(void)plugin_cut(*value, '=', name, value);
	return true;
}

/* ":base64:" */
static inline bool plugin_byte_sequence(const struct plugin_host *host, struct plugin_call *call,
					struct plugin_bytes text, struct plugin_bytes *inner,
					struct plugin_bytes *bytes)
{
	if (text.n < 2 || text.p[0] != ':' || text.p[text.n - 1] != ':')
		return false;
	*inner = (struct plugin_bytes){ text.p + 1, text.n - 2 };
	return host->decode(call, PLUGIN_BASE64, *inner, bytes) == PLUGIN_OK;
}

/* All values of a header, joined with ", "; PLUGIN_MISSING where there is none. */
static inline enum plugin_result plugin_whole_header(const struct plugin_host *host, struct plugin_call *call,
						     const char *name, struct plugin_bytes *value)
{
	struct plugin_bytes pieces[2 * PLUGIN_VALUES_MAX];
	size_t n = 0, count = host->header(call, name, 0, value);

	if (count <= 1)
		return count == 1 ? PLUGIN_OK : PLUGIN_MISSING;
	if (count > PLUGIN_VALUES_MAX)
		return plugin_refuse(host, call, PLUGIN_MALFORMED_REQUEST,
				     "a signed header stands there more than 16 times");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			pieces[n++] = PLUGIN_LITERAL(", ");
		(void)host->header(call, name, i, &pieces[n++]);
	}
	return host->join(call, pieces, n, value);
}

/* The name, ":" and base64 of the bytes and ":". */
static inline enum plugin_result plugin_named_bytes(const struct plugin_host *host, struct plugin_call *call,
						    struct plugin_bytes name, struct plugin_bytes bytes,
						    struct plugin_bytes *text)
{
	struct plugin_bytes pieces[4] = { name, PLUGIN_LITERAL("=:"), { NULL, 0 }, PLUGIN_LITERAL(":") };
	enum plugin_result result = host->encode(call, PLUGIN_BASE64, bytes, &pieces[2]);

	return result == PLUGIN_OK ? host->join(call, pieces, 4, text) : result;
}

#endif
