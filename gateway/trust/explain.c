/* explain.c - why a request was refused, in detail, for a person. */
#include "trust/set.h"
#include "trust/trust.h"

#include <errno.h>

int trust_explain(const struct trust_verifier *verifier, const struct request *request, int64_t now_ms, struct buf *out)
{
	struct arena *arena = arena_new(16384, 64 * 1024 * 1024);
	struct trust_lane *lane = NULL;
	struct trust_verdict verdict;
	int fault = arena ? trust_lane_new(verifier->set, &lane) : -ENOMEM;

	if (!fault)
		fault = trust_check(verifier, lane, request, now_ms, arena, &verdict);
	if (!fault)
		buf_printf(out, "%s\n", verdict.reason);
	trust_lane_free(lane);
	arena_free(arena);
	return fault;
}
