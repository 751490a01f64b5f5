/* fuzz_forwarded.c - Forwarded and X-Forwarded-* from anywhere.
 *
 * Input: up to 8 lines "Name:value". */
#include "fuzz.h"
#include "intake/forwarded.h"

static const struct config_network everybody[] = { { .is_unix = true }, { .range = { .bits = 0 } } };

static bool lies_within(struct slice s, const char *marks)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr(marks, s.p[i]))
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size), line;
	struct config config = { .proxies = everybody, .proxy_count = 2 };
	struct arena *arena = arena_new(4096, 1 << 22);
	struct header headers[8];
	struct request request = { .headers = headers, .address = SLICE("unix"), .path = SLICE("/p") };
	unsigned char bytes[16];

	MUST(arena);
	while (rest.n > 0 && request.header_count < 8) {
		slice_cut(rest, '\n', &line, &rest);
		slice_cut(line, ':', &headers[request.header_count].name, &headers[request.header_count].value);
		request.header_count++;
	}
	intake_forwarded(&config, &request, arena);
	MUST(slice_eq(request.address, SLICE("unix")) || config_address_bytes(request.address, bytes));
	MUST(request.scheme.n == 0 || slice_eq(request.scheme, SLICE("http")) ||
	     slice_eq(request.scheme, SLICE("https")));
	MUST(lies_within(request.prefix, "\"<>\\^`{|}?#"));
	arena_free(arena);
	return 0;
}
