/* entry.c - the parts of a stream entry that are made here: headers as JSON, and the trace.
 *
 * The special difficulty: header names come in any case and may be repeated; the object has each name once, in lower
 * case, with an array for the repeated ones, and is written in one pass over a handful of headers. */
#include "intake/inside.h"

static bool is_credential(struct slice name)
{
	return slice_eq_nocase(name, SLICE("authorization")) || slice_eq_nocase(name, SLICE("cookie")) ||
	       slice_eq_nocase(name, SLICE("proxy-authorization"));
}

static void lower_eight(unsigned char *out, const unsigned char *in)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t bytes;

	memcpy(&bytes, in, sizeof bytes);
	/* The high bit of each byte that is A to Z. */
	uint64_t low = bytes & ~high;
	uint64_t capitals = (low + (0x80 - 'A') * ones) & ~(low + (0x7f - 'Z') * ones) & ~bytes & high;
	bytes |= capitals >> 2;
	memcpy(out, &bytes, sizeof bytes);
}

/* Eight bytes at a time, the last ones together with some before them. */
static void copy_lower(unsigned char *out, struct slice name)
{
	for (size_t i = 0; i + 8 <= name.n; i += 8)
		lower_eight(out + i, name.p + i);
	if (name.n >= 8) {
		lower_eight(out + name.n - 8, name.p + name.n - 8);
		return;
	}
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = name.p[i];

		out[i] = (unsigned char)(c | ((unsigned char)(c - 'A') < 26) << 5);
	}
}

/* The separator, `"name"` and a colon. A name is a token (RFC 9110): nothing in it needs escaping. */
static void write_name(struct buf *out, char separator, struct slice name)
{
	if (!buf_room(out, name.n + 4))
		return;
	unsigned char *at = out->p + out->n;
	at[0] = (unsigned char)separator;
	at[1] = '"';
	copy_lower(at + 2, name);
	at[name.n + 2] = '"';
	at[name.n + 3] = ':';
	out->n += name.n + 4;
}

/* False: all names differ, by their lengths and three of their letters. True: two of them may be the same. */
static bool may_repeat(const struct request *request)
{
	uint64_t seen[4] = { 0 };
	bool repeated = false;

	for (size_t i = 0; i < request->header_count; i++) {
		struct slice name = request->headers[i].name;
		size_t mark = name.n * 5;

		if (name.n > 0)
			mark += (name.p[0] | 0x20U) + 33 * (name.p[name.n / 2] | 0x20U) +
				9 * (name.p[name.n - 1] | 0x20U);
		repeated |= (seen[mark >> 6 & 3] >> (mark & 63) & 1) != 0;
		seen[mark >> 6 & 3] |= UINT64_C(1) << (mark & 63);
	}
	return repeated;
}

static bool seen_before(const struct request *request, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (slice_eq_nocase(request->headers[i].name, request->headers[at].name))
			return true;
	}
	return false;
}

static bool seen_after(const struct request *request, size_t at)
{
	for (size_t i = at + 1; i < request->header_count; i++) {
		if (slice_eq_nocase(request->headers[i].name, request->headers[at].name))
			return true;
	}
	return false;
}

static void write_array(struct buf *out, const struct request *request, size_t at)
{
	char separator = '[';

	for (size_t i = at; i < request->header_count; i++) {
		if (!slice_eq_nocase(request->headers[i].name, request->headers[at].name))
			continue;
		buf_add_byte(out, (unsigned char)separator);
		json_write_string(out, request->headers[i].value);
		separator = ',';
	}
	buf_add_byte(out, ']');
}

struct slice intake_entry_headers(struct intake_worker *worker, const struct request *request,
				  struct slice secret_header)
{
	struct buf *out = &worker->scratch;
	char separator = '{';
	bool repeats = may_repeat(request);

	buf_clear(out);
	for (size_t i = 0; i < request->header_count; i++) {
		const struct header *header = &request->headers[i];

		if (is_credential(header->name) || slice_eq_nocase(header->name, secret_header) ||
		    (repeats && seen_before(request, i)))
			continue;
		write_name(out, separator, header->name);
		if (repeats && seen_after(request, i))
			write_array(out, request, i);
		else
			json_write_string(out, header->value);
		separator = ',';
	}
	if (separator == '{')
		buf_add_byte(out, '{');
	buf_add_byte(out, '}');
	return buf_slice(out);
}

/* xorshift128+: fast, and good enough to tell traces apart. */
static uint64_t next_random(struct intake_worker *worker)
{
	uint64_t a = worker->random[0], b = worker->random[1];

	worker->random[0] = b;
	a ^= a << 23;
	worker->random[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
	return worker->random[1] + b;
}

/* Each half's digits at once: spread to one in a byte, then all made letters or figures. Any order of them will do, since
 * the number was drawn. */
static void write_hex(char *out, uint64_t value)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	for (int half = 0; half < 2; half++, value >>= 4) {
		uint64_t digits = value & (ones * 15);
		uint64_t letters = (digits + ones * 6) >> 4 & ones;

		digits += ones * '0' + letters * ('a' - '0' - 10);
		memcpy(out + 8 * half, &digits, sizeof digits);
	}
}

/* 00-<32 hex>-<16 hex>-<2 hex>, lower case, neither id all zeros. */
static bool well_formed(struct slice s)
{
	bool trace = false, span = false;

	if (s.n != 55 || memcmp(s.p, "00-", 3) != 0 || s.p[35] != '-' || s.p[52] != '-')
		return false;
	for (size_t i = 3; i < s.n; i++) {
		unsigned char c = s.p[i];

		if (i == 35 || i == 52)
			continue;
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		if (c != '0' && i < 35)
			trace = true;
		else if (c != '0' && i < 52)
			span = true;
	}
	return trace && span;
}

struct slice intake_entry_traceparent(struct intake_worker *worker, const struct request *request, char made[55])
{
	struct slice received;

	if (message_header(request, SLICE("traceparent"), &received) == 1 && well_formed(received))
		return received;
	memcpy(made, "00-", 3);
	write_hex(made + 3, next_random(worker));
	write_hex(made + 19, next_random(worker));
	made[35] = '-';
	write_hex(made + 36, next_random(worker) | 1);
	memcpy(made + 52, "-00", 3);
	return slice_of(made, 55);
}

struct slice intake_entry_covered(enum trust_cover cover)
{
	switch (cover) {
	case TRUST_COVER_FULL:
		return SLICE("full");
	case TRUST_COVER_PARTIAL:
		return SLICE("partial");
	case TRUST_COVER_NONE:
		break;
	}
	return SLICE("none");
}
