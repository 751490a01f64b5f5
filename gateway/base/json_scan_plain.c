/* json_scan_plain.c - json_scan.h byte by byte, for machines without SSE2. The special difficulty is only to agree with
 * json_scan_sse2.c. */
#include "base/json_scan_bits.h"

static struct json_seen look(const unsigned char *block)
{
	struct json_seen seen = { 0, 0, 0, 0 };
	for (unsigned i = 0; i < JSON_BLOCK; i++) {
		unsigned char c = block[i];
		unsigned char folded = c | 0x20; /* [ and { differ in this bit only, and so do ] and } */
		seen.quotes |= (uint64_t)(c == '"') << i;
		seen.backslashes |= (uint64_t)(c == '\\') << i;
		seen.brackets |= (uint64_t)(folded == '{' || folded == '}') << i;
		seen.controls |= (uint64_t)(c < 0x20) << i;
	}
	return seen;
}

const unsigned char *json_scan_skip(const unsigned char *p, const unsigned char *end, struct json_skip *skip,
				    struct json_marks *marks)
{
	for (; end - p >= JSON_BLOCK; p += JSON_BLOCK) {
		struct json_seen seen = look(p);
		if (json_bits_judge(&seen, json_bits_running_xor(json_bits_quotes(&seen, skip)), skip, marks))
			return p;
	}
	*marks = (struct json_marks){ 0, 0 };
	return p;
}

const unsigned char *json_scan_string(const unsigned char *p, const unsigned char *end)
{
	while (p < end && *p >= 0x20 && *p != '"' && *p != '\\')
		p++;
	return p;
}

const unsigned char *json_scan_plain(const unsigned char *p, const unsigned char *end)
{
	while (p < end && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\')
		p++;
	return p;
}
