/* json_scan_plain.c - json_scan.h byte by byte, for machines without SSE2. The special difficulty is only to agree with
 * json_scan_sse2.c. */
#include "base/json_scan.h"

struct json_marks json_scan_block(const unsigned char block[JSON_BLOCK])
{
	struct json_marks marks = { 0, 0, 0, 0 };
	for (unsigned i = 0; i < JSON_BLOCK; i++) {
		unsigned char c = block[i];
		unsigned char folded = c | 0x20; /* [ and { differ in this bit only, and so do ] and } */
		marks.quotes |= (uint64_t)(c == '"') << i;
		marks.backslashes |= (uint64_t)(c == '\\') << i;
		marks.brackets |= (uint64_t)(folded == '{' || folded == '}') << i;
		marks.controls |= (uint64_t)(c < 0x20) << i;
	}
	return marks;
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
