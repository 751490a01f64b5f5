/* A record is what was put into it, and nothing else is one. */
#include "journal/crc.h"
#include "journal/record.h"

#include <stdlib.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { SALT = 0x5a17 };

static void test_crc(void **state)
{
	/* RFC 3720, appendix B.4, and the check value of the CRC catalogues. */
	static const unsigned char zeros[32];
	unsigned char ones[32], up[32];
	memset(ones, 0xff, sizeof ones);
	for (unsigned i = 0; i < sizeof up; i++)
		up[i] = (unsigned char)i;
	const struct {
		struct slice bytes;
		uint32_t crc;
	} rows[] = {
		{ SLICE(""), 0 },
		{ SLICE("123456789"), 0xe3069283 },
		{ slice_of(zeros, 32), 0x8a9136aa },
		{ slice_of(ones, 32), 0x62a8ab43 },
		{ slice_of(up, 32), 0x46dd794e },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(journal_crc32c(0, rows[i].bytes), rows[i].crc);
		assert_int_equal(journal_crc32c_table(0, rows[i].bytes), rows[i].crc);
	}
}

/* The instruction and the table agree at every length and beginning, also in two pieces. */
static void test_crc_agrees(void **state)
{
	unsigned char bytes[2000];
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 37 + i / 7);
	/* Far enough for two of its longest steps and one of each that follows. */
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; n < sizeof bytes - 9; n++) {
			struct slice s = slice_of(bytes + from, n);
			uint32_t whole = journal_crc32c(0, s), head = journal_crc32c(0, slice_head(s, n / 3));
			assert_int_equal(whole, journal_crc32c_table(0, s));
			assert_int_equal(whole, journal_crc32c(head, slice_from(s, n / 3)));
		}
}

static struct journal_event sample(void)
{
	struct journal_event event = {
		.arrived_ms = 1767225600123, .window_s = 259200, .deduplicate = true, .ordered = false
	};
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyz\0\r\n\xff";
	for (size_t i = 0; i < JOURNAL_FIELDS; i++)
		event.field[i] = slice_of(bytes + i, i == 3 ? 0 : 2 + i % 5);
	return event;
}

static void expect_same(const struct journal_event *a, const struct journal_event *b)
{
	assert_int_equal(a->arrived_ms, b->arrived_ms);
	assert_int_equal(a->window_s, b->window_s);
	assert_int_equal(a->deduplicate, b->deduplicate);
	assert_int_equal(a->ordered, b->ordered);
	assert_int_equal(a->synced, b->synced);
	assert_int_equal(a->replicas, b->replicas);
	for (size_t i = 0; i < JOURNAL_FIELDS; i++)
		assert_true(slice_eq(a->field[i], b->field[i]));
}

static void test_there_and_back(void **state)
{
	for (int flags = 0; flags < 16; flags++) {
		struct journal_event event = sample(), read;
		struct journal_found found;
		struct buf buf = BUF_EMPTY;
		event.deduplicate = (flags & 1) != 0;
		event.ordered = (flags & 2) != 0;
		event.synced = (flags & 4) != 0;
		event.replicas = (uint8_t)(flags >> 3 & 1 ? 15 : flags);
		assert_true(journal_record_add(&buf, &event));
		assert_int_equal(buf.n, journal_record_size(&event));
		assert_int_equal(journal_record_length(buf.p), buf.n);
		assert_int_equal(journal_record_seal(buf.p, SALT, 77), buf.n);
		assert_int_equal(journal_record_scan(buf_slice(&buf), SALT, true, &found), JOURNAL_SCAN_RECORD);
		assert_int_equal(found.length, buf.n);
		assert_int_equal(found.sequence, 77);
		assert_true(journal_record_read(found.payload, &read));
		expect_same(&event, &read);
		/* Another segment's record is none here. */
		assert_int_equal(journal_record_scan(buf_slice(&buf), SALT + 1, true, &found), JOURNAL_SCAN_DAMAGED);
		assert_int_equal(found.length, buf.n);
		buf_free(&buf);
	}
}

/* The same bytes but for the checksum; and who looks for records does not take it for one. */
static void test_bare(void **state)
{
	struct journal_event event = sample(), read;
	struct journal_found found;
	struct buf bare = BUF_EMPTY, whole = BUF_EMPTY;
	assert_true(journal_record_add_bare(&bare, &event) && journal_record_add(&whole, &event));
	assert_int_equal(bare.n, whole.n);
	assert_int_equal(journal_record_length(bare.p), bare.n);
	assert_memory_equal(bare.p + JOURNAL_RECORD_HEAD, whole.p + JOURNAL_RECORD_HEAD, bare.n - JOURNAL_RECORD_HEAD);
	assert_true(journal_record_read(slice_from(buf_slice(&bare), JOURNAL_RECORD_HEAD), &read));
	expect_same(&event, &read);
	journal_record_seal(bare.p, SALT, 1);
	assert_int_equal(journal_record_scan(buf_slice(&bare), SALT, true, &found), JOURNAL_SCAN_DAMAGED);
	buf_free(&bare);
	buf_free(&whole);
}

/* However much is there, more is asked for, by the right amount, or the end is missing. */
static void test_cut_off_at_every_byte(void **state)
{
	struct journal_event event = sample();
	struct journal_found found;
	struct buf buf = BUF_EMPTY;
	assert_true(journal_record_add(&buf, &event));
	journal_record_seal(buf.p, SALT, 1);
	for (size_t n = 1; n < buf.n; n++)
		for (int all = 0; all < 2; all++) {
			assert_int_equal(journal_record_scan(slice_of(buf.p, n), SALT, all, &found),
					 JOURNAL_SCAN_PARTIAL);
			assert_int_equal(found.length, n < JOURNAL_RECORD_HEAD ? JOURNAL_RECORD_HEAD : buf.n);
		}
	buf_free(&buf);
}

static void test_payloads_that_are_none(void **state)
{
	struct journal_event event = sample(), read;
	struct buf buf = BUF_EMPTY;
	assert_true(journal_record_add(&buf, &event));
	struct slice payload = slice_from(buf_slice(&buf), JOURNAL_RECORD_HEAD);
	unsigned char *p = buf.p + JOURNAL_RECORD_HEAD;
	assert_true(journal_record_read(payload, &read));
	for (size_t n = 0; n < payload.n; n++)
		assert_false(journal_record_read(slice_head(payload, n), &read));
	static const struct {
		size_t at;
		unsigned char byte;
	} rows[] = { { 0, 2 }, { 2, JOURNAL_FIELDS + 1 }, { 16, 3 }, { 19, 0xff } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned char was = p[rows[i].at];
		p[rows[i].at] = rows[i].byte;
		assert_false(journal_record_read(payload, &read));
		p[rows[i].at] = was;
	}
	buf_add_byte(&buf, 0);
	assert_false(journal_record_read(slice_from(buf_slice(&buf), JOURNAL_RECORD_HEAD), &read));
	buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc),
		cmocka_unit_test(test_crc_agrees),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_cut_off_at_every_byte),
		cmocka_unit_test(test_payloads_that_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
