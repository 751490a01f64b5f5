/* cli_request_file.c - captured requests, good and bad. */
#include "base/buf.h"
#include "cli/request_file.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void takes_it_apart(void **state)
{
	static const struct slice texts[] = {
		SLICE_LIT("POST /hooks/a?x=1&y HTTP/1.1\r\nHost: h\r\nX-One:  a b\t\r\nX-Empty:\r\nx-one: "
			  "c\r\n\r\nbo\r\n\0dy\n"),
		SLICE_LIT("POST /hooks/a?x=1&y HTTP/1.1\nHost: h\nX-One:  a b\t\nX-Empty:\nx-one: c\n\nbo\r\n\0dy\n"),
	};
	for (size_t i = 0; i < 2; i++) {
		struct cli_request read;
		struct reason reason;
		struct slice value;
		assert_true(cli_request_parse(texts[i], &read, &reason));
		const struct request *r = &read.request;
		assert_true(slice_eq(r->method, SLICE("POST")));
		assert_true(slice_eq(r->target, SLICE("/hooks/a?x=1&y")));
		assert_true(slice_eq(r->path, SLICE("/hooks/a")));
		assert_true(slice_eq(r->query, SLICE("x=1&y")));
		assert_int_equal(r->header_count, 4);
		assert_int_equal(message_header(r, SLICE("X-ONE"), &value), 2);
		assert_true(slice_eq(value, SLICE("a b")));
		assert_int_equal(message_header(r, SLICE("x-empty"), &value), 1);
		assert_int_equal(value.n, 0);
		/* The body to the last byte, its own line ends untouched. */
		assert_true(slice_eq(r->body, SLICE("bo\r\n\0dy\n")));
		assert_false(read.chunked || read.has_length);
	}
}

static void takes(void **state)
{
	static const struct {
		struct slice text;
		size_t headers, body;
		bool chunked, has_length;
		uint64_t length;
	} cases[] = {
		{ SLICE_LIT("GET / HTTP/1.1\n\n"), 0, 0, false, false, 0 },
		{ SLICE_LIT("GET / HTTP/1.0\n\n"), 0, 0, false, false, 0 },
		{ SLICE_LIT("GET http://a.example/x?y HTTP/1.1\n\n"), 0, 0, false, false, 0 },
		{ SLICE_LIT("POST / HTTP/1.1\r\n\n\r\n"), 0, 2, false, false, 0 },
		{ SLICE_LIT("POST / HTTP/1.1\nContent-Length: 5\n\nabc"), 1, 3, false, true, 5 },
		{ SLICE_LIT("POST / HTTP/1.1\ncontent-length: 9223372036854775807\n\n"), 1, 0, false, true, INT64_MAX },
		{ SLICE_LIT("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n0\r\n\r\n"), 1, 13, true, false,
		  0 },
		{ SLICE_LIT("POST / HTTP/1.1\nX: \xc3\xa4\xff\n\n"), 1, 0, false, false, 0 },
		{ SLICE_LIT("POST / HTTP/1.1\nX: a:b\n\n"), 1, 0, false, false, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct cli_request read;
		struct reason reason = { "" };
		if (!cli_request_parse(cases[i].text, &read, &reason))
			fail_msg("case %zu: %s", i, reason.text);
		assert_int_equal(read.request.header_count, cases[i].headers);
		assert_int_equal(read.request.body.n, cases[i].body);
		assert_int_equal(read.chunked, cases[i].chunked);
		assert_int_equal(read.has_length, cases[i].has_length);
		assert_int_equal(read.length, cases[i].length);
	}
}

static void refuses(void **state)
{
	static const struct {
		struct slice text;
		const char *why;
	} cases[] = {
		{ SLICE_LIT(""), "it is empty" },
		{ SLICE_LIT("POST / HTTP/1.1"), "it has no line" },
		{ SLICE_LIT("\nPOST / HTTP/1.1\n\n"), "the first line is empty" },
		{ SLICE_LIT("\r\n\r\n"), "the first line is empty" },
		{ SLICE_LIT("{\"id\":\"evt_1\"}\n"), "the first line is no request line" },
		{ SLICE_LIT("POST /\n\n"), "the first line is no request line" },
		{ SLICE_LIT("POST  / HTTP/1.1\n\n"), "the target in the first line is empty" },
		{ SLICE_LIT(" POST / HTTP/1.1\n\n"), "the method" },
		{ SLICE_LIT("P@ST / HTTP/1.1\n\n"), "the method" },
		{ SLICE_LIT("POST /\t HTTP/1.1\n\n"), "the target" },
		{ SLICE_LIT("POST /\xc3\xa4 HTTP/1.1\n\n"), "the target" },
		{ SLICE_LIT("POST /\0 HTTP/1.1\n\n"), "the target" },
		{ SLICE_LIT("POST * HTTP/1.1\n\n"), "the target in the first line has no path" },
		{ SLICE_LIT("POST http://a.example HTTP/1.1\n\n"), "the target in the first line has no path" },
		{ SLICE_LIT("POST / HTTP/1.1 \n\n"), "the first line does not end in HTTP/1.1" },
		{ SLICE_LIT("POST / HTTP/2\n\n"), "the first line does not end in HTTP/1.1 (a capture of HTTP/2" },
		{ SLICE_LIT("POST / http/1.1\n\n"), "the first line does not end in HTTP/1.1" },
		{ SLICE_LIT("POST / HTTP/1.1\r\r\n\r\n"), "the first line does not end in HTTP/1.1" },
		{ SLICE_LIT("POST / HTTP/1.1\n"), "no empty line" },
		{ SLICE_LIT("POST / HTTP/1.1\nHost: h\n"), "no empty line" },
		{ SLICE_LIT("POST / HTTP/1.1\nHost: h"), "no empty line" },
		{ SLICE_LIT("POST / HTTP/1.1\nHost\n\n"), "a header's line has no colon" },
		{ SLICE_LIT("POST / HTTP/1.1\nX: a\n b\n\n"), "a header's line begins with white space" },
		{ SLICE_LIT("POST / HTTP/1.1\n\tX: a\n\n"), "a header's line begins with white space" },
		{ SLICE_LIT("POST / HTTP/1.1\nX : a\n\n"), "a header's name" },
		{ SLICE_LIT("POST / HTTP/1.1\n: a\n\n"), "a header's name" },
		{ SLICE_LIT("POST / HTTP/1.1\nX\0: a\n\n"), "a header's name" },
		{ SLICE_LIT("POST / HTTP/1.1\nX: a\0\n\n"), "a header's value" },
		{ SLICE_LIT("POST / HTTP/1.1\nX: a\rb\n\n"), "a header's value" },
		{ SLICE_LIT("POST / HTTP/1.1\nX: \x7f\n\n"), "a header's value" },
		{ SLICE_LIT("POST / HTTP/1.1\nHost: a\nhost: a\n\n"), "Host is sent twice" },
		{ SLICE_LIT("POST / HTTP/1.1\nContent-Length: 1\nContent-Length: 1\n\na"),
		  "Content-Length is sent twice" },
		{ SLICE_LIT("POST / HTTP/1.1\nContent-Length: +1\n\na"), "Content-Length is not a number" },
		{ SLICE_LIT("POST / HTTP/1.1\nContent-Length:\n\na"), "Content-Length is not a number" },
		{ SLICE_LIT("POST / HTTP/1.1\nContent-Length: 9223372036854775808\n\na"),
		  "Content-Length is not a number" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct cli_request read;
		struct reason reason = { "" };
		if (cli_request_parse(cases[i].text, &read, &reason))
			fail_msg("case %zu was taken", i);
		if (!slice_starts(slice_str(reason.text), slice_str(cases[i].why)))
			fail_msg("case %zu: %s", i, reason.text);
	}
}

static void limits_headers(void **state)
{
	for (int more = 0; more < 2; more++) {
		struct buf text = BUF_EMPTY;
		struct cli_request read;
		struct reason reason;
		buf_add_str(&text, "POST / HTTP/1.1\n");
		for (int i = 0; i < CLI_REQUEST_HEADERS_MAX + more; i++)
			buf_printf(&text, "X-%d: %d\n", i, i);
		buf_add_str(&text, "\nbody");
		assert_int_equal(cli_request_parse(buf_slice(&text), &read, &reason), more == 0);
		if (more == 0)
			assert_int_equal(read.request.header_count, CLI_REQUEST_HEADERS_MAX);
		buf_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_it_apart),
		cmocka_unit_test(takes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(limits_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
