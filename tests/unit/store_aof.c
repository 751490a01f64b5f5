/* The end of an append-only file: cut at every byte, only whole transactions are left; what is broken otherwise stays. */
#include "base/buf.h"
#include "redis_fixture.h"
#include "store/aof.h"

#include <errno.h>
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

#define SELECT_0 "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
#define MULTI "*1\r\n$5\r\nMULTI\r\n"
#define XADD "*5\r\n$4\r\nXADD\r\n$1\r\ns\r\n$3\r\n1-0\r\n$1\r\na\r\n$3\r\n\r\n*\r\n"
#define SET "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n1\r\n"
#define EXEC "*1\r\n$4\r\nEXEC\r\n"
#define NOTE "#TS:1628217470\r\n"
#define ALL SELECT_0 NOTE MULTI XADD SET EXEC SET MULTI XADD SET EXEC

static char dir[64], file[160];

static int begin(void **state)
{
	char path[128];
	make_directory(dir, sizeof dir);
	snprintf(path, sizeof path, "%s/appendonlydir", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(file, sizeof file, "%s/b.2.incr.aof", path);
	return 0;
}

static int end(void **state)
{
	remove_directory(dir);
	return 0;
}

static void write_file(const char *path, struct slice text)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
	assert_int_equal(fclose(f), 0);
}

static void write_manifest(const char *text)
{
	char path[160];
	snprintf(path, sizeof path, "%s/appendonlydir/appendonly.aof.manifest", dir);
	write_file(path, slice_str(text));
}

static void usual_manifest(void)
{
	write_manifest(
		"file b.1.base.rdb seq 1 type b\nfile b.1.incr.aof seq 1 type i\nfile b.2.incr.aof seq 2 type i\n");
}

static uint64_t mend(void)
{
	struct reason reason = { "" };
	uint64_t cut = UINT64_MAX;
	if (store_aof_mend(dir, &cut, &reason) != 0)
		fail_msg("%s", reason.text);
	return cut;
}

static size_t size_of(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

/* Where it may end: behind a command that stands alone, or behind EXEC. */
static size_t whole_before(size_t n)
{
	static const size_t ends[] = {
		0,
		sizeof SELECT_0 - 1,
		sizeof SELECT_0 NOTE - 1,
		sizeof SELECT_0 NOTE MULTI XADD SET EXEC - 1,
		sizeof SELECT_0 NOTE MULTI XADD SET EXEC SET - 1,
		sizeof ALL - 1,
	};
	size_t best = 0;
	for (size_t i = 0; i < sizeof ends / sizeof *ends && ends[i] <= n; i++)
		best = ends[i];
	return best;
}

static void test_cut_at_every_byte(void **state)
{
	usual_manifest();
	for (size_t n = 0; n <= sizeof ALL - 1; n++) {
		size_t whole = whole_before(n);
		char kept[128];
		write_file(file, slice_of(ALL, n));
		assert_int_equal(mend(), n - whole);
		assert_int_equal(size_of(file), whole);
		assert_int_equal(mend(), 0);
		snprintf(kept, sizeof kept, "%s/cut-%zu.aof", dir, whole);
		if (n > whole) {
			assert_int_equal(size_of(kept), n - whole);
			assert_int_equal(unlink(kept), 0);
		}
	}
}

static void test_what_is_no_command_is_left_alone(void **state)
{
	static const char *const texts[] = {
		"REDIS0010",
		MULTI "$5\r\nMULTI\r\n",
		MULTI "*0\r\n",
		MULTI "*-1\r\n",
		MULTI "*1\r\n$5\r\nMULTIx\n",
		MULTI "*1\n$5\r\nMULTI\r\n",
		MULTI "*1\r\n$-1\r\n",
		MULTI "*1\r\n$99999999999999999999999\r\n",
		MULTI "*1\r\n$11111111111111111111111111111111111111",
		MULTI XADD "\r\n" SET EXEC,
		MULTI "*1\r\n$600000000\r\n",
	};
	usual_manifest();
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		write_file(file, slice_str(texts[i]));
		assert_int_equal(mend(), 0);
		assert_int_equal(size_of(file), strlen(texts[i]));
	}
}

/* As Redis 8 writes it. */
static void test_a_manifest_with_offsets(void **state)
{
	write_manifest("file b.1.base.rdb seq 1 type b\nfile b.2.incr.aof seq 2 type i startoffset 0\n");
	write_file(file, SLICE(SELECT_0 MULTI));
	assert_int_equal(mend(), sizeof MULTI - 1);
	assert_int_equal(size_of(file), sizeof SELECT_0 - 1);
}

static void test_nothing_to_mend(void **state)
{
	assert_int_equal(mend(), 0); /* no manifest */
	static const char *const manifests[] = { "", "file b.2.incr.aof", "file ../b.2.incr.aof seq 2 type i\n",
						 "file b.2.incr.aof seq 2 type h\n", "file none.aof seq 2 type i\n" };
	for (size_t i = 0; i < sizeof manifests / sizeof *manifests; i++) {
		write_manifest(manifests[i]);
		write_file(file, SLICE(MULTI));
		assert_int_equal(mend(), 0);
		assert_int_equal(size_of(file), sizeof MULTI - 1);
	}
}

static void test_no_directory(void **state)
{
	struct reason reason = { "" };
	uint64_t cut = 7;
	assert_int_equal(store_aof_mend("/nowhere/at/all", &cut, &reason), -ENOENT);
	assert_non_null(strstr(reason.text, "/nowhere/at/all"));
	assert_int_equal(cut, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cut_at_every_byte, begin, end),
		cmocka_unit_test_setup_teardown(test_what_is_no_command_is_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(test_a_manifest_with_offsets, begin, end),
		cmocka_unit_test_setup_teardown(test_nothing_to_mend, begin, end),
		cmocka_unit_test_setup_teardown(test_no_directory, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
