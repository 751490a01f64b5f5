/* num.h - numbers from text, strictly: the whole slice must be the number, and the number must fit.
 *
 * No sign where none is asked for, no white space, no leading "+", no hex, no trailing bytes. On any failure the output
 * is not touched and the answer is false. */
#ifndef HOOKGATE_BASE_NUM_H
#define HOOKGATE_BASE_NUM_H

#include "base/slice.h"

#include <stdint.h>

/* Decimal digits only, 1 to 20 of them, within [0, max]. Leading zeros are fine. */
bool num_parse_u64(struct slice s, uint64_t max, uint64_t *out) __attribute__((warn_unused_result));

/* An optional "-", then digits, within [min, max]. */
bool num_parse_i64(struct slice s, int64_t min, int64_t max, int64_t *out) __attribute__((warn_unused_result));

/* A size in bytes: digits and one of "", B, KiB, MiB, GiB, KB, MB, GB (case counts; KB is 1000). No fractions. */
bool num_parse_size(struct slice s, uint64_t max, uint64_t *out) __attribute__((warn_unused_result));

/* A duration in milliseconds: one or more of <digits><unit> with units ms, s, m, h, d in falling order, each once
 * ("1h30m", "250ms", "3d"). A bare number is refused: a unit must be said. */
bool num_parse_duration(struct slice s, int64_t max_ms, int64_t *out_ms) __attribute__((warn_unused_result));

/* Decimal digits of value into out (no NUL), the count of them returned; at most 20. */
size_t num_format_u64(uint64_t value, char out[20]);

#endif
