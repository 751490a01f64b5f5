/* cli_http.c - answers that arrive in pieces, and URLs. */
#include "cli/http_answer.h"
#include "cli/http_client.h"

#include <stdlib.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static const struct answer_case {
	struct slice text;
	bool ended;
	enum cli_http_progress progress;
	unsigned status;
	struct slice body;
	bool keep;
	size_t rest; /* bytes behind it */
} answers[] = {
	{ SLICE_LIT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), false, CLI_HTTP_WHOLE, 200, SLICE_LIT("abc"),
	  true, 0 },
	{ SLICE_LIT("HTTP/1.1 200\r\ncontent-length:3\r\n\r\nabcde"), false, CLI_HTTP_WHOLE, 200, SLICE_LIT("abc"),
	  true, 2 },
	{ SLICE_LIT("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), false, CLI_HTTP_WHOLE, 200, SLICE_LIT(""), false,
	  0 },
	{ SLICE_LIT("HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"), false, CLI_HTTP_WHOLE, 503,
	  SLICE_LIT("x"), false, 0 },
	{ SLICE_LIT("HTTP/1.1 204 No\r\n\r\n"), false, CLI_HTTP_WHOLE, 204, SLICE_LIT(""), true, 0 },
	{ SLICE_LIT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), false,
	  CLI_HTTP_WHOLE, 200, SLICE_LIT("x"), true, 0 },
	{ SLICE_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: "
		    "t\r\n\r\n"),
	  false, CLI_HTTP_WHOLE, 200, SLICE_LIT("abc0123456789"), true, 0 },
	/* To the end of the connection. */
	{ SLICE_LIT("HTTP/1.1 200 OK\r\n\r\nabc"), true, CLI_HTTP_WHOLE, 200, SLICE_LIT("abc"), false, 0 },
	/* No HTTP. */
	{ SLICE_LIT("SSH-2.0-OpenSSH_9.2\r\n"), false, CLI_HTTP_BROKEN, 0, SLICE_LIT(""), false, 0 },
	{ SLICE_LIT("-ERR unknown command"), false, CLI_HTTP_BROKEN, 0, SLICE_LIT(""), false, 0 },
	{ SLICE_LIT("HTTP/2 200\r\n\r\n"), false, CLI_HTTP_BROKEN, 0, SLICE_LIT(""), false, 0 },
	{ SLICE_LIT("HTTP/1.1 20x OK\r\n\r\n"), false, CLI_HTTP_BROKEN, 0, SLICE_LIT(""), false, 0 },
	{ SLICE_LIT("HTTP/1.1 2000 OK\r\n\r\n"), false, CLI_HTTP_BROKEN, 0, SLICE_LIT(""), false, 0 },
	{ SLICE_LIT("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), false, CLI_HTTP_BROKEN, 0, SLICE_LIT(""), false, 0 },
	{ SLICE_LIT("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), false, CLI_HTTP_BROKEN, 0,
	  SLICE_LIT(""), false, 0 },
	{ SLICE_LIT("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), false, CLI_HTTP_BROKEN, 0, SLICE_LIT(""), false,
	  0 },
	{ SLICE_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), false, CLI_HTTP_BROKEN, 0, SLICE_LIT(""),
	  false, 0 },
	{ SLICE_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"), false, CLI_HTTP_BROKEN, 0,
	  SLICE_LIT(""), false, 0 },
	{ SLICE_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"), false,
	  CLI_HTTP_BROKEN, 0, SLICE_LIT(""), false, 0 },
	{ SLICE_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"), false,
	  CLI_HTTP_BROKEN, 0, SLICE_LIT(""), false, 0 },
};

static void reads_answers(void **state)
{
	struct cli_http_read read = { 0 };
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		const struct answer_case *c = &answers[i];
		enum cli_http_progress progress = cli_http_read(c->text, c->ended, &read);
		if (progress != c->progress)
			fail_msg("case %zu: %d", i, (int)progress);
		if (progress != CLI_HTTP_WHOLE)
			continue;
		if (read.status != c->status || read.keep != c->keep || !slice_eq(read.body, c->body) ||
		    c->text.n - read.used != c->rest)
			fail_msg("case %zu: %u, %d, %.*s", i, read.status, read.keep, SLICE_ARGS(read.body));
	}
	buf_free(&read.joined);
}

/* However it is cut: more is wanted until it is whole. */
static void waits_for_the_rest(void **state)
{
	struct cli_http_read read = { 0 };
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		const struct answer_case *c = &answers[i];
		if (c->progress != CLI_HTTP_WHOLE || c->ended)
			continue;
		for (size_t n = 0; n < c->text.n - c->rest; n++) {
			/* A copy, so that a sanitizer sees a look behind the end. */
			unsigned char *part = malloc(n + 1);
			assert_non_null(part);
			memcpy(part, c->text.p, n);
			part = realloc(part, n > 0 ? n : 1);
			if (cli_http_read(slice_of(part, n), false, &read) != CLI_HTTP_MORE)
				fail_msg("case %zu cut at %zu", i, n);
			free(part);
		}
	}
	buf_free(&read.joined);
}

static void parses_urls(void **state)
{
	static const struct {
		const char *text;
		const char *host, *port, *path, *target; /* host NULL: refused */
	} cases[] = {
		{ "http://a.example", "a.example", "80", "", "" },
		{ "http://a.example/", "a.example", "80", "", "/" },
		{ "HTTP://a.example:8080/hooks?x=1#y", "a.example", "8080", "", "/hooks?x=1" },
		{ "http://127.0.0.1:1?x", "127.0.0.1", "1", "", "?x" },
		{ "http://[::1]:8080/a", "::1", "8080", "", "/a" },
		{ "http://[::1]", "::1", "80", "", "" },
		{ "unix:/run/a.sock", "", "", "/run/a.sock", "" },
		{ "unix:run/a.sock", NULL, NULL, NULL, NULL },
		{ "unix:", NULL, NULL, NULL, NULL },
		{ "https://a.example/", NULL, NULL, NULL, NULL },
		{ "a.example:8080", NULL, NULL, NULL, NULL },
		{ "", NULL, NULL, NULL, NULL },
		{ "http://", NULL, NULL, NULL, NULL },
		{ "http:///x", NULL, NULL, NULL, NULL },
		{ "http://:80/x", NULL, NULL, NULL, NULL },
		{ "http://a:0/", NULL, NULL, NULL, NULL },
		{ "http://a:65536/", NULL, NULL, NULL, NULL },
		{ "http://a:80x/", NULL, NULL, NULL, NULL },
		{ "http://a:/", NULL, NULL, NULL, NULL },
		{ "http://u:p@a/", NULL, NULL, NULL, NULL },
		{ "http://[::1/", NULL, NULL, NULL, NULL },
		{ "http://[::1]x/", NULL, NULL, NULL, NULL },
		{ "http://a/b c", NULL, NULL, NULL, NULL },
		{ "http://a/\r\nX: y", NULL, NULL, NULL, NULL },
		{ "http://a\r\nX/", NULL, NULL, NULL, NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct cli_http_url url;
		struct reason reason = { "" };
		bool good = cli_http_parse_url(cases[i].text, &url, &reason);
		if (good != (cases[i].host != NULL))
			fail_msg("%s: %s", cases[i].text, reason.text);
		if (!good) {
			assert_true(reason.text[0] != '\0');
			continue;
		}
		assert_string_equal(url.host, cases[i].host);
		assert_string_equal(url.port, cases[i].port);
		assert_string_equal(url.path, cases[i].path);
		assert_true(slice_eq(url.target, slice_str(cases[i].target)));
	}
}

static void reaches_what_is_listened_at(void **state)
{
	static const struct {
		struct config_address address;
		const char *authority, *path; /* NULL: refused */
	} cases[] = {
		{ { .kind = CONFIG_ADDRESS_IPV4, .port = 80, .ip = { 10, 1, 2, 3 } }, "10.1.2.3:80", "" },
		{ { .kind = CONFIG_ADDRESS_IPV4, .port = 80 }, "127.0.0.1:80", "" },
		{ { .kind = CONFIG_ADDRESS_IPV6, .port = 80 }, "[::1]:80", "" },
		{ { .kind = CONFIG_ADDRESS_IPV6, .port = 80, .dual_stack = true }, "127.0.0.1:80", "" },
		{ { .kind = CONFIG_ADDRESS_IPV6, .port = 80, .ip = { 0x20, 1, [15] = 5 } }, "[2001::5]:80", "" },
		{ { .kind = CONFIG_ADDRESS_UNIX, .unix_path = "/run/a.sock" }, "localhost", "/run/a.sock" },
		{ { .kind = CONFIG_ADDRESS_IPV4, .port = 0, .text = "127.0.0.1:0" }, NULL, NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct cli_http_url url;
		struct reason reason = { "" };
		bool good = cli_http_listened(&cases[i].address, &url, &reason);
		assert_int_equal(good, cases[i].authority != NULL);
		if (!good)
			continue;
		assert_string_equal(url.authority, cases[i].authority);
		assert_string_equal(url.path, cases[i].path);
		assert_int_equal(url.target.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(waits_for_the_rest),
		cmocka_unit_test(parses_urls),
		cmocka_unit_test(reaches_what_is_listened_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
