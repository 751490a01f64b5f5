/* Commands as bytes: exactly these. */
#include "store/command.h"
#include "store/script.h"

#include <stdlib.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static const char sha[] = "0123456789abcdef0123456789abcdef01234567";

static void expect(const struct buf *buf, const char *bytes, size_t n)
{
	if (buf->n != n || memcmp(buf->p, bytes, n) != 0)
		fail_msg("%.*s", SLICE_ARGS(buf_slice(buf)));
}

static void test_words(void **state)
{
	static const struct {
		struct slice words[3];
		size_t count;
		const char *bytes;
	} rows[] = {
		{ { SLICE_LIT("PING") }, 1, "*1\r\n$4\r\nPING\r\n" },
		{ { SLICE_LIT("AUTH"), SLICE_LIT(""), SLICE_LIT("p\r\n") },
		  3,
		  "*3\r\n$4\r\nAUTH\r\n$0\r\n\r\n$3\r\np\r\n\r\n" },
		{ { SLICE_LIT("0123456789") }, 1, "*1\r\n$10\r\n0123456789\r\n" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf buf = BUF_EMPTY;
		store_command_add_words(&buf, rows[i].words, rows[i].count);
		expect(&buf, rows[i].bytes, strlen(rows[i].bytes));
		buf_free(&buf);
	}
}

/* The text may stand in the very buffer that grows. */
static void test_bulk_of_itself(void **state)
{
	struct buf buf = BUF_EMPTY;
	for (int i = 0; i < 1000; i++)
		buf_add_byte(&buf, 'x');
	store_command_add_bulk(&buf, slice_head(buf_slice(&buf), 3));
	assert_true(slice_eq(slice_from(buf_slice(&buf), 1000), SLICE("$3\r\nxxx\r\n")));
	buf_free(&buf);
}

static struct store_target *new_target(void)
{
	struct store_target *target = NULL;
	assert_int_equal(store_target_new(SLICE("hg"), SLICE("r"), SLICE("/r"), SLICE("prov"), &target), 0);
	return target;
}

#define XADD "*29\r\n$4\r\nXADD\r\n$13\r\nhg:{r}:events\r\n$1\r\n*\r\n"
#define FIELDS                                                                                                         \
	"$11\r\nspecversion\r\n$3\r\n1.0\r\n$2\r\nid\r\n$3\r\ne-1\r\n$6\r\nsource\r\n$2\r\n/r\r\n$4\r\ntype\r\n"       \
	"$1\r\nt\r\n$4\r\ntime\r\n$3\r\nnow\r\n$15\r\ndatacontenttype\r\n$10\r\ntext/plain\r\n$4\r\ndata\r\n"          \
	"$4\r\n\0\r\n\xff\r\n$5\r\nroute\r\n$1\r\nr\r\n$8\r\nprovider\r\n$4\r\nprov\r\n$7\r\nheaders\r\n$2\r\n{}\r\n"  \
	"$6\r\nsecret\r\n$3\r\nkey\r\n$7\r\ncovered\r\n$4\r\nfull\r\n$11\r\ntraceparent\r\n$0\r\n\r\n"
#define ID_KEY "$15\r\nhg:{r}:seen:e-1\r\n"
#define GUARD_KEY "$15\r\nhg:{r}:guard:ab\r\n"
#define FENCE "$15\r\nhg:{r}:closed:0\r\n"
#define SET(key) "*5\r\n$3\r\nSET\r\n" key "$1\r\n1\r\n$2\r\nEX\r\n$6\r\n259200\r\n"
#define CALL(words) "*" words "\r\n$7\r\nEVALSHA\r\n$40\r\n0123456789abcdef0123456789abcdef01234567\r\n"
#define STREAM_KEY "$13\r\nhg:{r}:events\r\n"
#define WINDOW "$6\r\n259200\r\n"

static struct store_event event_to(const struct store_target *target)
{
	return (struct store_event){ .target = target,
				     .window_s = 259200,
				     .deduplicate = true,
				     .id = SLICE("e-1"),
				     .type = SLICE("t"),
				     .time = SLICE("now"),
				     .content_type = SLICE("text/plain"),
				     .data = SLICE("\0\r\n\xff"),
				     .headers = SLICE("{}"),
				     .secret = SLICE("key"),
				     .covered = SLICE("full") };
}

static void test_event(void **state)
{
	static const struct {
		bool deduplicate;
		struct slice guard, bytes, script;
	} rows[] = {
		{ true, SLICE_LIT(""), SLICE_LIT(XADD FIELDS SET(ID_KEY)),
		  SLICE_LIT(CALL("33") "$1\r\n3\r\n" STREAM_KEY FENCE ID_KEY WINDOW) },
		{ true, SLICE_LIT("ab"), SLICE_LIT(XADD FIELDS SET(ID_KEY) SET(GUARD_KEY)),
		  SLICE_LIT(CALL("34") "$1\r\n4\r\n" STREAM_KEY FENCE ID_KEY GUARD_KEY WINDOW) },
		{ false, SLICE_LIT(""), SLICE_LIT(XADD FIELDS),
		  SLICE_LIT(CALL("32") "$1\r\n2\r\n" STREAM_KEY FENCE WINDOW) },
		{ false, SLICE_LIT("ab"), SLICE_LIT(XADD FIELDS SET(GUARD_KEY)),
		  SLICE_LIT(CALL("33") "$1\r\n3\r\n" STREAM_KEY FENCE GUARD_KEY WINDOW) },
	};
	struct store_target *target = new_target();
	struct store_command command = { .mark_count = 0 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_event event = event_to(target);
		event.deduplicate = rows[i].deduplicate;
		event.guard = rows[i].guard;
		store_command_clear(&command);
		assert_true(store_command_event(&command, &event));
		assert_true(store_command_script(&command, sha));
		assert_true(slice_eq(store_command_part(&command, command.whole), rows[i].bytes));
		assert_true(slice_eq(store_command_part(&command, command.fence), SLICE(FENCE)));
		expect(&command.script, (const char *)rows[i].script.p, rows[i].script.n);
		assert_true(slice_eq(store_command_part(&command, command.fields), SLICE(FIELDS)));
		assert_true(slice_eq(store_command_part(&command, command.stream), SLICE(STREAM_KEY)));
	}
	store_command_free(&command);
	store_target_free(target);
}

/* The memory is asked for once, by a bound: it must hold for every length, at which AddressSanitizer looks. */
static void test_room_is_enough(void **state)
{
	static const size_t sizes[] = { 0, 1, 9, 10, 99, 100, 999, 1000, 9999, 10000, 99999, 100000, 1000000 };
	struct store_target *target = new_target();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		unsigned char *bytes = calloc(1, sizes[i] + 1);
		struct slice s = slice_of(bytes, sizes[i]);
		struct store_event event = { .target = target,
					     .window_s = UINT32_MAX,
					     .deduplicate = true,
					     .guard = s,
					     .id = s,
					     .type = s,
					     .time = s,
					     .content_type = s,
					     .data = s,
					     .headers = s,
					     .secret = s,
					     .covered = s,
					     .traceparent = s };
		struct store_command command = { .mark_count = 0 };
		assert_true(store_command_event(&command, &event));
		assert_true(command.bytes.n <= command.bytes.size);
		assert_true(command.bytes.n > sizes[i] * 11);
		store_command_free(&command);
		free(bytes);
	}
	store_target_free(target);
}

static void test_window_of_nothing_is_a_second(void **state)
{
	struct store_target *target = new_target();
	struct store_event event = event_to(target);
	struct store_command command = { .mark_count = 0 };
	event.window_s = 0;
	assert_true(store_command_event(&command, &event));
	assert_true(store_command_script(&command, sha));
	const struct slice set = SLICE("$2\r\nEX\r\n$1\r\n1\r\n"), call = SLICE(ID_KEY "$1\r\n1\r\n");
	assert_true(slice_eq(slice_from(store_command_part(&command, command.whole), command.whole.n - set.n), set));
	assert_true(slice_eq(slice_from(buf_slice(&command.script), command.script.n - call.n), call));
	store_command_free(&command);
	store_target_free(target);
}

static void test_with_the_text(void **state)
{
	struct store_target *target = new_target();
	struct store_event event = event_to(target);
	struct store_command command = { .mark_count = 0 };
	struct buf wanted = BUF_EMPTY;
	buf_add_str(&wanted, "*33\r\n$4\r\nEVAL\r\n");
	store_command_add_bulk(&wanted, store_script_text());
	buf_add_str(&wanted, "$1\r\n3\r\n" STREAM_KEY FENCE ID_KEY WINDOW);
	assert_true(store_command_event(&command, &event));
	assert_true(store_command_script(&command, sha));
	assert_true(store_command_script(&command, NULL));
	expect(&command.script, (const char *)wanted.p, wanted.n);
	store_command_free(&command);
	buf_free(&wanted);
	store_target_free(target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_bulk_of_itself),
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_room_is_enough),
		cmocka_unit_test(test_window_of_nothing_is_a_second),
		cmocka_unit_test(test_with_the_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
