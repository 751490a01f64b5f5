/* fuzz_inflate.c - a compressed body from anywhere. */
#include "fuzz.h"
#include "trust/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(4096, 16 << 20);
	struct slice text = SLICE_NONE;

	MUST(arena);
	if (trust_inflate(slice_of(data, size), arena, &text) == TRUST_INFLATED)
		MUST(text.n <= TRUST_INFLATE_MAX);
	else
		MUST(text.n == 0);
	arena_free(arena);
	return 0;
}
