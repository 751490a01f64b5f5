/* latency.h - a histogram of times with a bounded error: every power of two is cut into 64 equal steps, so that what is read
 * back is at most 1.6 % too high. One writer, no locks. */
#ifndef HOOKGATE_BENCH_LATENCY_H
#define HOOKGATE_BENCH_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS 64U
#define LATENCY_POWERS 36U

/* Zeroed before use. */
struct latency {
	uint64_t count, max;
	uint64_t cells[LATENCY_POWERS * LATENCY_STEPS];
};

void latency_add(struct latency *latency, uint64_t ns);

/* The time in nanoseconds that `share` (0 to 1) of all were below; 0 when there are none. */
uint64_t latency_at(const struct latency *latency, double share);

#endif
