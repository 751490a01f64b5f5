/* intake_forwarded.c - the word of trusted proxies, and that nobody else's is taken. */
#include "base/buf.h"
#include "intake/forwarded.h"

#include <stdio.h>
#include <stdlib.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

struct row {
	const char *peer, *headers; /* "Name: value" lines */
	const char *address, *scheme, *authority, *prefix;
};

/* Proxies are 10.0.0.0/8, fd00::/8 and unix sockets. */
static const struct row rows[] = {
	/* Nothing said, or not by a proxy. */
	{ "10.0.0.1", "Host: h", "10.0.0.1", "", "h", "" },
	{ "192.0.2.1", "Host: h\nForwarded: for=1.2.3.4;proto=https;host=x", "192.0.2.1", "", "", "" },
	{ "192.0.2.1", "X-Forwarded-For: 10.0.0.1\nX-Forwarded-Proto: https", "192.0.2.1", "", "", "" },
	/* Forwarded. */
	{ "10.0.0.1", "Host: h\nForwarded: for=1.2.3.4;proto=https;host=x.example", "1.2.3.4", "https", "x.example",
	  "" },
	{ "10.0.0.1", "Host: h\nForwarded: For=\"[2001:db8::1]:4711\"; Proto=HTTPS ;by=10.0.0.1", "2001:db8::1",
	  "https", "h", "" },
	{ "unix", "Forwarded: for=1.2.3.4:80;host=\"x.example:8443\"", "1.2.3.4", "", "x.example:8443", "" },
	{ "fd00::1", "Forwarded: for=_hidden;proto=http", "fd00::1", "http", "", "" },
	{ "10.0.0.1", "Forwarded: for=unknown", "10.0.0.1", "", "", "" },
	/* A chain: as far as trusted proxies have written it. */
	{ "10.0.0.1",
	  "Forwarded: for=6.6.6.6;proto=http;host=evil, for=1.2.3.4;proto=https;host=x, for=10.0.0.2;proto=http",
	  "1.2.3.4", "https", "x", "" },
	{ "10.0.0.1", "Forwarded: for=1.2.3.4;proto=https;host=x\nForwarded: for=10.0.0.2;proto=http;host=inner",
	  "1.2.3.4", "https", "x", "" },
	{ "10.0.0.1", "Forwarded: for=1.2.3.4, for=10.0.0.2;proto=https;host=x", "1.2.3.4", "https", "x", "" },
	{ "10.0.0.1", "Forwarded: for=10.0.0.3, for=10.0.0.2", "10.0.0.3", "", "", "" },
	{ "10.0.0.1", "Forwarded: proto=http, for=unknown;proto=https", "10.0.0.1", "https", "", "" },
	/* What cannot be read says nothing. */
	{ "10.0.0.1", "Forwarded: for=1.2.3.4;proto=https\"", "10.0.0.1", "", "", "" },
	{ "10.0.0.1", "Forwarded: \"x, for=1.2.3.4", "10.0.0.1", "", "", "" },
	{ "10.0.0.1", "Forwarded: for=1.2.3.4;for=1.2.3.5", "10.0.0.1", "", "", "" },
	{ "10.0.0.1", "Forwarded: for=\"1.2.3.4\\\"\"", "10.0.0.1", "", "", "" },
	{ "10.0.0.1", "Forwarded: for", "10.0.0.1", "", "", "" },
	{ "10.0.0.1", "Forwarded: for = 1.2.3.4", "10.0.0.1", "", "", "" },
	{ "10.0.0.1", "Forwarded: for=1.2.3.4;host=\"a/b\"", "1.2.3.4", "", "", "" },
	{ "10.0.0.1", "Forwarded: for=1.2.3.4;proto=ftp", "1.2.3.4", "", "", "" },
	{ "10.0.0.1", "Forwarded: for=1.2.3.999", "10.0.0.1", "", "", "" },
	/* X-Forwarded-*, only where there is no Forwarded. */
	{ "10.0.0.1", "X-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\nX-Forwarded-Host: x.example", "1.2.3.4",
	  "https", "x.example", "" },
	{ "10.0.0.1", "Forwarded: for=1.2.3.4\nX-Forwarded-For: 1.2.3.5\nX-Forwarded-Proto: https", "1.2.3.4", "", "",
	  "" },
	{ "10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.2\nX-Forwarded-Proto: https", "1.2.3.4", "https", "",
	  "" },
	{ "10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.2\nX-Forwarded-Proto: gopher,https,http", "1.2.3.4",
	  "https", "", "" },
	{ "10.0.0.1", "X-Forwarded-For: 2001:db8::7", "2001:db8::7", "", "", "" },
	{ "10.0.0.1", "X-Forwarded-For: [2001:db8::7]:80", "2001:db8::7", "", "", "" },
	{ "10.0.0.1", "X-Forwarded-For: 1.2.3.4:55", "1.2.3.4", "", "", "" },
	{ "10.0.0.1", "X-Forwarded-For: 1.2.3.4,", "10.0.0.1", "", "", "" },
	{ "10.0.0.1", "X-Forwarded-Proto: https\nHost: h", "10.0.0.1", "https", "h", "" },
	{ "10.0.0.1", "X-Forwarded-Proto: https\nHost: h\nX-Forwarded-Port: 8443", "10.0.0.1", "https", "h:8443", "" },
	{ "10.0.0.1", "X-Forwarded-Proto: https\nHost: [::1]\nX-Forwarded-Port: 8443", "10.0.0.1", "https",
	  "[::1]:8443", "" },
	{ "10.0.0.1", "X-Forwarded-Proto: https\nHost: h\nX-Forwarded-Port: 443", "10.0.0.1", "https", "h", "" },
	{ "10.0.0.1", "X-Forwarded-Proto: https\nHost: h:9\nX-Forwarded-Port: 8443", "10.0.0.1", "https", "h:9", "" },
	{ "10.0.0.1", "X-Forwarded-Proto: https\nHost: h\nX-Forwarded-Port: 0", "10.0.0.1", "https", "h", "" },
	{ "10.0.0.1", "Host: h\nX-Forwarded-Prefix: /gw/", "10.0.0.1", "", "h", "/gw" },
	{ "10.0.0.1", "Host: h\nX-Forwarded-Prefix: gw", "10.0.0.1", "", "h", "" },
	{ "10.0.0.1", "Host: h\nX-Forwarded-Prefix: //gw", "10.0.0.1", "", "h", "" },
};

static struct config *load(void)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config *config = NULL;

	assert_int_equal(config_load_text(SLICE("listen: 127.0.0.1:1\nredis: {url: 'redis://127.0.0.1/0'}\n"
						"trusted_proxies: [10.0.0.0/8, 'fd00::/8', unix]\n"
						"routes: [{name: a, path: /a, provider: none}]\n"),
					  "c.yaml", &diag, &config),
			 0);
	config_diag_free(&diag);
	return config;
}

static size_t read_headers(const char *text, struct header *headers)
{
	struct slice rest = slice_str(text), line;
	size_t count = 0;

	while (rest.n > 0) {
		slice_cut(rest, '\n', &line, &rest);
		slice_cut(line, ':', &headers[count].name, &headers[count].value);
		headers[count].value = slice_trim(headers[count].value);
		count++;
	}
	return count;
}

static void expect(struct slice got, const char *expected, size_t row)
{
	if (!slice_eq(got, slice_str(expected)))
		fail_msg("row %zu: \"%.*s\" is not \"%s\"", row, SLICE_ARGS(got), expected);
}

static void test_rows(void **state)
{
	struct config *config = load();
	struct arena *arena = arena_new(4096, 1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct header headers[8];
		struct request request = { .headers = headers, .address = slice_str(rows[i].peer) };

		request.header_count = read_headers(rows[i].headers, headers);
		intake_forwarded(config, &request, arena);
		expect(request.address, rows[i].address, i);
		expect(request.scheme, rows[i].scheme, i);
		expect(request.authority, rows[i].authority, i);
		expect(request.prefix, rows[i].prefix, i);
	}
	arena_free(arena);
	config_free(config);
}

/* 32 elements are read, 33 say nothing. */
static void test_long(void **state)
{
	static const char *const names[] = { "Forwarded", "X-Forwarded-For" };
	static const char *const items[] = { "for=10.0.0.9", "10.0.0.9" };
	struct config *config = load();
	struct arena *arena = arena_new(4096, 1 << 20);

	(void)state;
	for (size_t kind = 0; kind < 2; kind++)
		for (size_t n = 32; n <= 33; n++) {
			struct buf value = BUF_EMPTY;
			struct header header = { .name = slice_str(names[kind]) };
			struct request request = { .headers = &header,
						   .header_count = 1,
						   .address = SLICE("10.0.0.1") };

			for (size_t i = 0; i < n; i++)
				buf_printf(&value, "%s%s", i > 0 ? ", " : "", items[kind]);
			header.value = buf_slice(&value);
			intake_forwarded(config, &request, arena);
			expect(request.address, n == 32 ? "10.0.0.9" : "10.0.0.1", n);
			buf_free(&value);
		}
	arena_free(arena);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_long) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
