/* latency.c - times below 64 ns have a cell each; above, the cell is the power of two and the six bits after its first. */
#include "latency.h"

static uint32_t cell_of(uint64_t ns)
{
	if (ns < LATENCY_STEPS)
		return (uint32_t)ns;
	uint32_t shift = 57U - (uint32_t)__builtin_clzll(ns);
	uint32_t cell = (shift + 1) * LATENCY_STEPS + (uint32_t)((ns >> shift) - LATENCY_STEPS);
	uint32_t last = LATENCY_POWERS * LATENCY_STEPS - 1;
	return cell < last ? cell : last;
}

static uint64_t top_of(uint32_t cell)
{
	if (cell < LATENCY_STEPS)
		return cell;
	uint32_t shift = cell / LATENCY_STEPS - 1;
	return ((uint64_t)(cell % LATENCY_STEPS + LATENCY_STEPS + 1) << shift) - 1;
}

void latency_add(struct latency *latency, uint64_t ns)
{
	latency->cells[cell_of(ns)]++;
	latency->count++;
	if (ns > latency->max)
		latency->max = ns;
}

uint64_t latency_at(const struct latency *latency, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)latency->count), seen = 0;
	if (latency->count == 0)
		return 0;
	if (wanted >= latency->count)
		wanted = latency->count - 1;
	for (uint32_t i = 0; i < LATENCY_POWERS * LATENCY_STEPS; i++) {
		seen += latency->cells[i];
		if (seen > wanted)
			return top_of(i) < latency->max ? top_of(i) : latency->max;
	}
	return latency->max;
}
