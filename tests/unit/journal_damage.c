/* A small journal, cut off or spoilt at every byte: what was not touched comes out, and it is said what did not. */
#include "journal/crc.h"
#include "journal_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { RECORDS = 4, HEAD = 32 };

struct small {
	struct journal_fixture fixture;
	char path[400];
	unsigned char bytes[4096];
	size_t n, end[RECORDS]; /* where each record ends */
};

/* Writes a journal of four records, and keeps a copy of its file. */
static void make(struct small *small)
{
	fixture_begin(&small->fixture);
	fixture_open(&small->fixture);
	small->n = HEAD;
	for (unsigned i = 0; i < RECORDS; i++) {
		struct journal_event event = fixture_event("r", i, 3 + i * 7);
		assert_null(fixture_append(&small->fixture, &event, NULL));
		small->n += journal_record_size(&event);
		small->end[i] = small->n;
	}
	fixture_close(&small->fixture);
	assert_int_equal(fixture_files(&small->fixture, ".journal"), 1);
	snprintf(small->path, sizeof small->path, "%s", fixture_file(&small->fixture, ".journal"));
	int fd = open(small->path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, small->bytes, sizeof small->bytes), small->n);
	close(fd);
}

/* A folder with nothing but these bytes as the segment. */
static void put_back(struct small *small, const unsigned char *bytes, size_t n)
{
	while (fixture_files(&small->fixture, "") > 0)
		assert_int_equal(unlink(fixture_file(&small->fixture, "")), 0);
	int fd = open(small->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void test_cut_off_at_every_byte(void **state)
{
	struct small small;
	unsigned numbers[RECORDS + 1];
	struct journal_counts counts;
	make(&small);
	for (size_t n = 0; n <= small.n; n++) {
		size_t whole = 0, at = HEAD;
		while (whole < RECORDS && small.end[whole] <= n)
			at = small.end[whole++];
		put_back(&small, small.bytes, n);
		fixture_open(&small.fixture);
		journal_counts(small.fixture.journal, &counts);
		assert_int_equal(counts.records, whole);
		assert_int_equal(counts.damaged, 0);
		assert_int_equal(counts.torn, n > at);
		assert_int_equal(counts.oldest_ms, whole > 0 ? 1000 : 0);
		assert_int_equal(fixture_read(&small.fixture, numbers, RECORDS + 1), whole);
		for (unsigned i = 0; i < whole; i++)
			assert_int_equal(numbers[i], i);
		/* It goes on behind it, and what is appended comes after what was there. */
		struct journal_event event = fixture_event("r", 99, 1);
		assert_null(fixture_append(&small.fixture, &event, NULL));
		assert_int_equal(fixture_read(&small.fixture, numbers, RECORDS + 1), 1);
		assert_int_equal(numbers[0], 99);
		fixture_close(&small.fixture);
		/* Cut off means cut off: it is not found again. */
		fixture_open(&small.fixture);
		journal_counts(small.fixture.journal, &counts);
		assert_int_equal(counts.torn, 0);
		assert_int_equal(fixture_read(&small.fixture, numbers, RECORDS + 1), whole + 1);
		fixture_close(&small.fixture);
	}
	fixture_end(&small.fixture);
}

/* Which record a byte belongs to; RECORDS for the segment's head. */
static size_t record_of(const struct small *small, size_t at)
{
	size_t record = 0;
	if (at < HEAD)
		return RECORDS;
	while (at >= small->end[record])
		record++;
	return record;
}

/* One byte wrong costs at most the record that it belongs to, and of that the copy is kept. */
static void test_spoilt_at_every_byte(void **state)
{
	static const unsigned char flips[] = { 0x01, 0x80, 0xff };
	struct small small;
	struct journal_counts counts;
	unsigned numbers[RECORDS + 1];
	make(&small);
	for (size_t at = 0; at < small.n; at++)
		for (size_t flip = 0; flip < sizeof flips; flip++) {
			unsigned char bytes[4096];
			size_t lost = record_of(&small, at), n = 0;
			memcpy(bytes, small.bytes, small.n);
			bytes[at] ^= flips[flip];
			put_back(&small, bytes, small.n);
			fixture_open(&small.fixture);
			size_t count = fixture_read(&small.fixture, numbers, RECORDS + 1);
			journal_counts(small.fixture.journal, &counts);
			assert_int_equal(counts.damaged, lost < RECORDS);
			assert_int_equal(counts.torn, 0);
			for (unsigned i = 0; i < RECORDS; i++)
				if (i != lost)
					assert_int_equal(numbers[n++], i);
			assert_int_equal(count, n);
			assert_int_equal(counts.records, n);
			assert_int_equal(fixture_files(&small.fixture, "damaged-"), lost < RECORDS);
			fixture_close(&small.fixture);
		}
	fixture_end(&small.fixture);
}

/* What was set aside is what stood there; at the next start it is known already. */
static void test_copy_of_the_damaged(void **state)
{
	struct small small;
	struct journal_counts counts;
	struct stat about;
	unsigned char bytes[4096];
	make(&small);
	size_t n = small.end[1] - small.end[0];
	small.bytes[small.end[0] + HEAD + 5] ^= 1;
	put_back(&small, small.bytes, small.n);
	for (int starts = 0; starts < 2; starts++) {
		fixture_open(&small.fixture);
		journal_counts(small.fixture.journal, &counts);
		assert_int_equal(counts.damaged, starts == 0);
		fixture_close(&small.fixture);
		assert_int_equal(fixture_files(&small.fixture, "damaged-"), 1);
	}
	int fd = open(fixture_file(&small.fixture, "damaged-"), O_RDONLY);
	assert_true(fd >= 0 && fstat(fd, &about) == 0);
	assert_int_equal(about.st_size, n);
	assert_int_equal(about.st_mode & 0777, 0600);
	assert_int_equal(read(fd, bytes, sizeof bytes), n);
	assert_memory_equal(bytes, small.bytes + small.end[0], n);
	close(fd);
	fixture_end(&small.fixture);
}

/* After a power cut a file may be longer than what was written to it. */
static void test_zeros_at_the_end(void **state)
{
	struct small small;
	struct journal_counts counts;
	unsigned numbers[RECORDS];
	unsigned char bytes[8192] = { 0 };
	make(&small);
	memcpy(bytes, small.bytes, small.n);
	put_back(&small, bytes, sizeof bytes);
	fixture_open(&small.fixture);
	journal_counts(small.fixture.journal, &counts);
	assert_int_equal(counts.torn, 1);
	assert_int_equal(counts.damaged, 0);
	assert_int_equal(fixture_read(&small.fixture, numbers, RECORDS), RECORDS);
	fixture_close(&small.fixture);
	fixture_end(&small.fixture);
}

/* A stretch larger than what is read at once, and a record behind it. */
static void test_much_that_is_damaged(void **state)
{
	enum { JUNK = 700 * 1024 };
	struct small small;
	struct journal_counts counts;
	unsigned numbers[RECORDS];
	unsigned char *bytes = malloc(JUNK + 4096);
	assert_non_null(bytes);
	make(&small);
	size_t half = small.end[1];
	memcpy(bytes, small.bytes, half);
	for (size_t i = 0; i < JUNK; i++)
		bytes[half + i] = (unsigned char)(i * 31 >> 3);
	/* The salt alone makes no head. */
	memcpy(bytes + half + 1000, small.bytes + HEAD, 8);
	memcpy(bytes + half + JUNK, small.bytes + half, small.n - half);
	put_back(&small, bytes, small.n + JUNK);
	fixture_open(&small.fixture);
	journal_counts(small.fixture.journal, &counts);
	assert_int_equal(counts.damaged, 1);
	assert_int_equal(fixture_read(&small.fixture, numbers, RECORDS), RECORDS);
	fixture_close(&small.fixture);
	free(bytes);
	fixture_end(&small.fixture);
}

/* A journal of a version that is not known is left alone. */
static void test_another_version(void **state)
{
	struct small small;
	struct journal *journal;
	struct reason reason = { "" };
	make(&small);
	/* The version is 2, and the checksum right. */
	small.bytes[8] = 2;
	uint32_t crc = journal_crc32c(0, slice_of(small.bytes, 28));
	for (int i = 0; i < 4; i++)
		small.bytes[28 + i] = (unsigned char)(crc >> (8 * i));
	put_back(&small, small.bytes, small.n);
	const struct journal_setup setup = { .dir = small.fixture.dir, .max_size = 1 << 20 };
	assert_int_equal(journal_open(&setup, &journal, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "another version"));
	assert_int_equal(fixture_files(&small.fixture, ".journal"), 1);
	fixture_end(&small.fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_off_at_every_byte), cmocka_unit_test(test_spoilt_at_every_byte),
		cmocka_unit_test(test_copy_of_the_damaged),   cmocka_unit_test(test_zeros_at_the_end),
		cmocka_unit_test(test_much_that_is_damaged),  cmocka_unit_test(test_another_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
