/* json_scan.h - inside json: the few loops over bytes that are worth doing many at a time.
 *
 * Implemented twice, chosen by meson: json_scan_plain.c for any machine, and for x86-64 json_scan_sse2.c, which hands
 * skipping over to json_scan_avx2.c where the processor that it finds itself on has that. */
#ifndef HOOKGATE_BASE_JSON_SCAN_H
#define HOOKGATE_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_BLOCK = 64 };

/* What skipping carries from block to block; zeroed before the first one, which must begin outside of strings. */
struct json_skip {
	uint64_t in_string; /* all bits, or none */
	uint64_t escaped;   /* 1: the next block's first byte is */
};

/* What stands where in a block, bit 0 being its first byte. */
struct json_marks {
	uint64_t brackets; /* { } [ ] outside of strings */
	uint64_t wrong;	   /* a control character within a string, a backslash outside */
};

/* Goes over whole blocks from p on until one has marks, and returns that one; `skip` is then behind it. Where all have
 * none, it returns what is left, which is less than a block, and the marks are 0. */
const unsigned char *json_scan_skip(const unsigned char *p, const unsigned char *end, struct json_skip *skip,
				    struct json_marks *marks);

/* The first quote, backslash or control character (below 0x20) from p on, or end. */
const unsigned char *json_scan_string(const unsigned char *p, const unsigned char *end);

/* The first byte from p on that is not an ASCII character which stands for itself in a JSON string (so 0x7f and what is
 * not ASCII as well), or end. */
const unsigned char *json_scan_plain(const unsigned char *p, const unsigned char *end);

/* For x86-64 alone, and for tests: json_scan_skip in its two ways. The second one only on a processor that has AVX2 and
 * carry-less multiplication; does this one? */
const unsigned char *json_scan_skip_sse2(const unsigned char *p, const unsigned char *end, struct json_skip *skip,
					 struct json_marks *marks);
const unsigned char *json_scan_skip_avx2(const unsigned char *p, const unsigned char *end, struct json_skip *skip,
					 struct json_marks *marks);
bool json_scan_has_avx2(void);

#endif
