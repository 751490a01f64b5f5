/* Unit tests of keys/url: which URL may be fetched. */
#include "keys/url.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void knows_patterns(void **state)
{
	static const struct {
		struct slice pattern;
		bool good;
	} cases[] = {
		{ SLICE_LIT("www.googleapis.com"), true },
		{ SLICE_LIT("*.example.com"), true },
		{ SLICE_LIT("*.*.example.com"), true },
		{ SLICE_LIT("sns.*.amazonaws.com"), true },
		{ SLICE_LIT("xn--bcher-kva.example"), true },
		{ SLICE_LIT(""), false },
		{ SLICE_LIT("*"), false },
		{ SLICE_LIT("*.com"), false },
		{ SLICE_LIT("example.*"), false },
		{ SLICE_LIT("a*.example.com"), false },
		{ SLICE_LIT("example"), false },
		{ SLICE_LIT("Example.com"), false },
		{ SLICE_LIT("example.com."), false },
		{ SLICE_LIT(".example.com"), false },
		{ SLICE_LIT("-a.example.com"), false },
		{ SLICE_LIT("a-.example.com"), false },
		{ SLICE_LIT("exa_mple.com"), false },
		{ SLICE_LIT("example.com:443"), false },
		{ SLICE_LIT("127.0.0.1"), false },
		{ SLICE_LIT("1.2.3.0x7f"), false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (keys_host_pattern(cases[i].pattern, NULL) != cases[i].good)
			fail_msg("\"%.*s\"", SLICE_ARGS(cases[i].pattern));
}

static void a_star_is_one_label(void **state)
{
	static const struct {
		struct slice pattern, host;
		bool matches;
	} cases[] = {
		{ SLICE_LIT("a.example.com"), SLICE_LIT("a.example.com"), true },
		{ SLICE_LIT("a.example.com"), SLICE_LIT("b.example.com"), false },
		{ SLICE_LIT("*.example.com"), SLICE_LIT("a.example.com"), true },
		{ SLICE_LIT("*.example.com"), SLICE_LIT("a.b.example.com"), false },
		{ SLICE_LIT("*.example.com"), SLICE_LIT("example.com"), false },
		{ SLICE_LIT("*.example.com"), SLICE_LIT("a.example.com.evil.org"), false },
		{ SLICE_LIT("*.example.com"), SLICE_LIT("aexample.com"), false },
		{ SLICE_LIT("sns.*.amazonaws.com"), SLICE_LIT("sns.us-east-1.amazonaws.com"), true },
		{ SLICE_LIT("sns.*.amazonaws.com"), SLICE_LIT("x.us-east-1.amazonaws.com"), false },
		{ SLICE_LIT("sns.*.amazonaws.com"), SLICE_LIT("sns.amazonaws.com"), false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (keys_host_matches(cases[i].pattern, cases[i].host) != cases[i].matches)
			fail_msg("%zu: \"%.*s\"", i, SLICE_ARGS(cases[i].host));
}

static void allows_what_is_pinned(void **state)
{
	static const struct slice hosts[] = { SLICE_LIT("api.paypal.com"), SLICE_LIT("*.sandbox.paypal.com") };
	static const struct keys_policy plain = { .hosts = hosts, .host_count = 2, .path = SLICE_LIT("/v1/certs/") },
					queried = { .hosts = hosts, .host_count = 2, .query = true };
	static const struct {
		const struct keys_policy *policy;
		struct slice url;
		bool allowed;
	} cases[] = {
		{ &plain, SLICE_LIT("https://api.paypal.com/v1/certs/CERT-360caa42"), true },
		{ &plain, SLICE_LIT("https://api.paypal.com:443/v1/certs/a"), true },
		{ &plain, SLICE_LIT("https://api.sandbox.paypal.com/v1/certs/a"), true },
		{ &queried, SLICE_LIT("https://api.paypal.com/?Action=Confirm&TopicArn=arn:aws:sns&Token=2%2F3"),
		  true },
		{ &queried, SLICE_LIT("https://api.paypal.com"), true },
		{ &plain, SLICE_LIT("http://api.paypal.com/v1/certs/a"), false },
		{ &plain, SLICE_LIT("HTTPS://api.paypal.com/v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://API.paypal.com/v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://evil.org/v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com.evil.org/v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com@evil.org/v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://u:p@api.paypal.com/v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com:8443/v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com:0443/v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com\\@evil.org/v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com./v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://127.0.0.1/v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://[::1]/v1/certs/a"), false },
		{ &plain, SLICE_LIT("https:///v1/certs/a"), false },
		{ &plain, SLICE_LIT("https://"), false },
		{ &plain, SLICE_LIT(""), false },
		{ &plain, SLICE_LIT("https://api.paypal.com/v2/certs/a"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com/v1/certs/../../x"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com/v1/certs/./x"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com/v1/certs/.."), false },
		{ &plain, SLICE_LIT("https://api.paypal.com/v1/certs/%2e%2e/x"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com/v1/certs/a?x=1"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com/v1/certs/a#x"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com/v1/certs/a b"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com/v1/certs/a\r\nHost: x"), false },
		{ &plain, SLICE_LIT("https://api.paypal.com/v1/certs/a\0b"), false },
		{ &queried, SLICE_LIT("https://api.paypal.com?x"), false },
		{ &queried, SLICE_LIT("https://api.paypal.com/?x#y"), false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct reason reason = { "" };
		bool allowed = keys_allowed(cases[i].url, cases[i].policy, &reason);
		if (allowed != cases[i].allowed || allowed != (reason.text[0] == '\0'))
			fail_msg("\"%.*s\": %s", SLICE_ARGS(cases[i].url), reason.text);
	}
}

static void takes_only_so_long_a_url(void **state)
{
	static const struct slice hosts[] = { SLICE_LIT("a.example.com") };
	const struct keys_policy policy = { .hosts = hosts, .host_count = 1 };
	char url[KEYS_URL_MAX + 1];
	memset(url, 'a', sizeof url);
	memcpy(url, "https://a.example.com/", 22);
	assert_true(keys_allowed(slice_of(url, KEYS_URL_MAX), &policy, NULL));
	assert_false(keys_allowed(slice_of(url, KEYS_URL_MAX + 1), &policy, NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_patterns),
		cmocka_unit_test(a_star_is_one_label),
		cmocka_unit_test(allows_what_is_pinned),
		cmocka_unit_test(takes_only_so_long_a_url),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
