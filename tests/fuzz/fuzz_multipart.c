/* fuzz_multipart.c - forms from anywhere, urlencoded and multipart.
 *
 * Input: a Content-Type, a newline, the name of a field, a newline, the body. */
#include "fuzz.h"
#include "trust/form.h"
#include "trust/multipart.h"

/* Whatever is read lies in the body, in its order, and there is an end. */
static void walk(struct slice type, struct slice body)
{
	struct trust_multipart multipart;
	struct trust_multipart_part part;
	const unsigned char *last = body.p;
	size_t count = 0;

	if (!trust_multipart_open(type, body, &multipart))
		return;
	while (trust_multipart_next(&multipart, &part) == TRUST_MULTIPART_PART) {
		MUST(part.name.n == 0 || (part.name.p >= last && part.name.p + part.name.n <= body.p + body.n));
		if (part.value.n > 0) {
			MUST(part.value.p >= last && part.value.p + part.value.n <= body.p + body.n);
			last = part.value.p + part.value.n;
		}
		MUST(++count <= TRUST_MULTIPART_PARTS_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size), type, name, value, sorted;
	struct arena *arena = arena_new(4096, 1 << 22);

	MUST(arena);
	slice_cut(rest, '\n', &type, &rest);
	slice_cut(rest, '\n', &name, &rest);
	{
		struct header header = { SLICE("Content-Type"), type };
		struct request request = { .headers = &header, .header_count = 1, .body = rest };
		enum trust_found found = trust_form_find(&request, name, arena, &value);
		enum trust_found all = trust_form_sorted(&request, arena, &sorted);

		/* Another field may be broken. */
		MUST(found != TRUST_FOUND || all == TRUST_FOUND || all == TRUST_UNREADABLE);
		if (found == TRUST_FOUND && all == TRUST_FOUND)
			MUST(sorted.n >= name.n + value.n);
	}
	walk(type, rest);
	arena_free(arena);
	return 0;
}
