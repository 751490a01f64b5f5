/* Unit tests of base/json_scan: each loop against one that looks at byte after byte, at every length and beginning, with
 * memory that must not be touched right in front of it and right behind. */
#include "base/json_scan.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { LENGTH_MAX = 200, BLOCKS_MAX = 7 };

typedef const unsigned char *skipping(const unsigned char *p, const unsigned char *end, struct json_skip *skip,
				      struct json_marks *marks);
typedef const unsigned char *scanning(const unsigned char *p, const unsigned char *end);

/* A page between two that nobody may touch. */
static unsigned char *page;
static size_t page_size;

static int set_up(void **state)
{
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *map = mmap(NULL, 3 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return -1;
	page = map + page_size;
	return mprotect(page, page_size, PROT_READ | PROT_WRITE);
}

static int tear_down(void **state)
{
	return munmap(page - page_size, 3 * page_size);
}

/* n bytes that begin at the page's beginning, or end at its end. */
static unsigned char *at_edge(bool last, size_t n)
{
	return last ? page + page_size - n : page;
}

/* ---- runs ---- */

static bool stops_string(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

static bool stops_plain(unsigned char c)
{
	return stops_string(c) || c >= 0x7f;
}

static void check_runs(scanning *scan, bool (*stops)(unsigned char c))
{
	for (size_t n = 0; n < LENGTH_MAX; n++)
		for (int last = 0; last < 2; last++) {
			unsigned char *p = at_edge(last, n);
			memset(p, 'a', n);
			assert_ptr_equal(scan(p, p + n), p + n);
			/* The first of two counts, wherever they stand. */
			for (size_t at = 0; at < n; at++) {
				p[at] = '"';
				p[n - 1] = '\\';
				assert_ptr_equal(scan(p, p + n), p + at);
				p[at] = p[n - 1] = 'a';
			}
		}
	for (unsigned c = 0; c < 256; c++)
		for (size_t n = 1; n < 40; n++) {
			unsigned char *p = at_edge(true, n);
			for (size_t at = 0; at < n; at++) {
				memset(p, '~', n);
				p[at] = (unsigned char)c;
				assert_ptr_equal(scan(p, p + n), stops((unsigned char)c) ? p + at : p + n);
			}
		}
}

static void runs_of_strings(void **state)
{
	check_runs(json_scan_string, stops_string);
}

static void runs_of_plain_bytes(void **state)
{
	check_runs(json_scan_plain, stops_plain);
}

/* ---- skipping ---- */

struct model {
	bool in_string, escaped;
};

static struct json_marks look(struct model *model, const unsigned char *block)
{
	struct json_marks marks = { 0, 0 };
	for (unsigned i = 0; i < JSON_BLOCK; i++) {
		unsigned char c = block[i];
		bool escaped = model->escaped, quote = c == '"' && !escaped;
		/* An opening quote belongs to its string, a closing one does not. */
		model->in_string ^= quote;
		model->escaped = c == '\\' && !escaped;
		if (!model->in_string && c != 0 && strchr("{}[]", c))
			marks.brackets |= UINT64_C(1) << i;
		if ((c < 0x20 && model->in_string) || (c == '\\' && !model->in_string))
			marks.wrong |= UINT64_C(1) << i;
	}
	return marks;
}

static void check_skipping(skipping *skip_blocks, const unsigned char *p, size_t n)
{
	const unsigned char *end = p + n, *at = p;
	struct json_skip skip = { 0, 0 };
	struct model model = { false, false };
	for (;;) {
		struct json_marks marks, expected = { 0, 0 };
		const unsigned char *found = skip_blocks(at, end, &skip, &marks);
		while (end - at >= JSON_BLOCK) {
			expected = look(&model, at);
			if ((expected.brackets | expected.wrong) != 0)
				break;
			at += JSON_BLOCK;
		}
		assert_ptr_equal(found, at);
		assert_true(marks.brackets == expected.brackets && marks.wrong == expected.wrong);
		if ((expected.brackets | expected.wrong) == 0)
			return;
		at += JSON_BLOCK;
	}
}

static size_t skippings(skipping *out[3])
{
	size_t count = 0;
	out[count++] = json_scan_skip;
#if defined(__x86_64__)
	out[count++] = json_scan_skip_sse2;
	if (json_scan_has_avx2())
		out[count++] = json_scan_skip_avx2;
#endif
	return count;
}

static void check_all_ways(const unsigned char *p, size_t n)
{
	skipping *ways[3];
	size_t count = skippings(ways);
	for (size_t i = 0; i < count; i++)
		check_skipping(ways[i], p, n);
}

/* Texts of few different bytes, so that quotes, backslashes and brackets meet in all ways; at all beginnings. */
static void skips_as_byte_by_byte(void **state)
{
	static const char *alphabets[] = { "a\"",	    "\\\"",
					   "a\\\"{",	    "{}[] aaaaaaaaaaaaaaaaaaaaaa",
					   "\\\\\\\\\"a\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"" };
	srandom(11);
	for (unsigned round = 0; round < 6000; round++) {
		const char *alphabet = alphabets[round % (sizeof alphabets / sizeof *alphabets)];
		size_t n = (size_t)random() % (BLOCKS_MAX * JSON_BLOCK), letters = strlen(alphabet);
		unsigned char *p = at_edge(round & 1, n);
		for (size_t i = 0; i < n; i++)
			p[i] = (unsigned char)alphabet[(size_t)random() % letters];
		check_all_ways(p, n);
	}
}

/* Every byte there is, outside of a string and within, at each place of a block. */
static void skips_every_byte(void **state)
{
	for (unsigned c = 0; c < 256; c++)
		for (unsigned at = 0; at < JSON_BLOCK; at++)
			for (int inside = 0; inside < 2; inside++) {
				unsigned char *p = at_edge(true, 2 * JSON_BLOCK);
				memset(p, 'a', 2 * JSON_BLOCK);
				if (inside)
					p[0] = '"';
				p[JSON_BLOCK + at] = (unsigned char)c;
				check_all_ways(p, 2 * JSON_BLOCK);
			}
}

/* A run of backslashes of any length, over the edge between two blocks. */
static void skips_runs_of_backslashes(void **state)
{
	for (size_t from = 1; from < 2 * JSON_BLOCK; from++)
		for (size_t run = 1; from + run < 3 * JSON_BLOCK; run++) {
			unsigned char *p = at_edge(true, 3 * JSON_BLOCK);
			memset(p, 'a', 3 * JSON_BLOCK);
			p[0] = '"';
			memset(p + from, '\\', run);
			p[from + run] = '"';
			check_all_ways(p, 3 * JSON_BLOCK);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_of_strings),	     cmocka_unit_test(runs_of_plain_bytes),
		cmocka_unit_test(skips_as_byte_by_byte),     cmocka_unit_test(skips_every_byte),
		cmocka_unit_test(skips_runs_of_backslashes),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
