/* clock.h - time: reading it, writing it as RFC 3339, and reading what others wrote. Milliseconds throughout. */
#ifndef HOOKGATE_BASE_CLOCK_H
#define HOOKGATE_BASE_CLOCK_H

#include "base/slice.h"

#include <stdint.h>

int64_t clock_wall_ms(void); /* since 1970, UTC; may jump */
int64_t clock_mono_ms(void); /* never jumps; for deadlines */
int64_t clock_mono_us(void); /* the same in microseconds; for measuring */

/* What the wall clock shows at a moment of clock_mono_us, in milliseconds: for who has looked at that one just now. How far
 * apart the two are is known from at most CLOCK_APART_US before, so that a jump is seen no later than that. */
enum { CLOCK_APART_US = 10000 };
int64_t clock_wall_at(int64_t mono_us);

enum { CLOCK_RFC3339_LENGTH = 24 };

/* "2026-11-22T09:02:03.004Z", 24 bytes, no NUL. Years 0 to 9999; outside them it writes the nearest. Remembers the last
 * second formatted in this thread, so that it is cheap to call per delivery. */
void clock_format_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_LENGTH]);

/* RFC 3339 with any number of fraction digits, Z or an offset; `zone_optional` takes a missing zone as UTC. */
bool clock_parse_rfc3339(struct slice s, bool zone_optional, int64_t *wall_ms) __attribute__((warn_unused_result));

/* "Tue, 14 Apr 2026 03:50:12 GMT" (RFC 9110 IMF-fixdate). */
bool clock_parse_http_date(struct slice s, int64_t *wall_ms) __attribute__((warn_unused_result));

#endif
