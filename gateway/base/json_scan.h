/* json_scan.h - inside json: the few loops over bytes that are worth doing sixteen at a time.
 *
 * Implemented twice, chosen by meson: json_scan_sse2.c where the machine is x86-64, json_scan_plain.c elsewhere. */
#ifndef HOOKGATE_BASE_JSON_SCAN_H
#define HOOKGATE_BASE_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

enum { JSON_BLOCK = 64 };

/* What stands where in a block, bit 0 being its first byte. Where there is neither backslash nor control character
 * (nearly always), both masks are 0. */
struct json_marks {
	uint64_t quotes;
	uint64_t backslashes;
	uint64_t brackets; /* { } [ ] */
	uint64_t controls; /* below 0x20 */
};

struct json_marks json_scan_block(const unsigned char block[JSON_BLOCK]);

/* The first quote, backslash or control character (below 0x20) from p on, or end. */
const unsigned char *json_scan_string(const unsigned char *p, const unsigned char *end);

/* The first byte from p on that is not an ASCII character which stands for itself in a JSON string (so 0x7f and what is
 * not ASCII as well), or end. */
const unsigned char *json_scan_plain(const unsigned char *p, const unsigned char *end);

#endif
