/* trust_certificate.c - which certificates are believed: dates, names, issuers; and what is none. */
#include "certificates.h"
#include "trust/certificate.h"
#include "trust_fixture.h"

#include <errno.h>
#include <unistd.h>

#define KEY                                                                                                            \
	"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"                   \
	"-----END PUBLIC KEY-----\n"

static const int64_t in_2026 = 1780000000000, in_january = 1737000000000, in_2024 = 1710000000000;

static char *file_of(const char *text)
{
	static char path[] = "/tmp/hookgate-roots-XXXXXX";
	int fd;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static struct trust_roots *roots_of(const char *text)
{
	struct trust_roots *roots = NULL;
	struct reason reason = { "" };
	char *path = file_of(text);
	int result = trust_roots_new(path, &roots, &reason);

	unlink(path);
	assert_int_equal(result, 0);
	return roots;
}

static void test_certificates(void **state)
{
	static const char *const paypal[] = { "*.paypal.com", "*.*.paypal.com" };
	static const char *const deeper[] = { "api.*.paypal.com", "com", "*.com", "api.paypal.com.example.org" };
	static const char *const all_stars[] = { "*.*.*" };
	const struct {
		const char *text, *roots;
		const char *const *names;
		size_t name_count;
		int64_t now_ms;
		bool alone;
		const char *why; /* NULL: it holds */
	} rows[] = {
		{ CERTIFICATE_NAMED CERTIFICATE_MIDDLE, CERTIFICATE_ROOT, paypal, 2, in_2026, false, NULL },
		{ CERTIFICATE_ALT CERTIFICATE_MIDDLE, CERTIFICATE_ROOT, paypal, 2, in_2026, false, NULL },
		{ CERTIFICATE_NAMED CERTIFICATE_MIDDLE, CERTIFICATE_ROOT, all_stars, 1, in_2026, false, NULL },
		{ CERTIFICATE_NAMED CERTIFICATE_ALT CERTIFICATE_MIDDLE, CERTIFICATE_ROOT, paypal, 2, in_2026, false,
		  NULL },
		/* A root may stand in the middle, and several roots in a file. */
		{ CERTIFICATE_NAMED, CERTIFICATE_MIDDLE, paypal, 2, in_2026, false, NULL },
		{ CERTIFICATE_NAMED, CERTIFICATE_ALT CERTIFICATE_MIDDLE, paypal, 2, in_2026, false, NULL },
		{ CERTIFICATE_SHORT CERTIFICATE_MIDDLE, CERTIFICATE_ROOT, paypal, 2, in_january, false, NULL },
		{ CERTIFICATE_NAMED, CERTIFICATE_ALT, paypal, 2, in_2026, true, NULL },

		{ CERTIFICATE_SHORT CERTIFICATE_MIDDLE, CERTIFICATE_ROOT, paypal, 2, in_2026, false, "not valid now" },
		{ CERTIFICATE_NAMED CERTIFICATE_MIDDLE, CERTIFICATE_ROOT, paypal, 2, in_2024, false, "not valid now" },
		{ CERTIFICATE_SHORT, CERTIFICATE_ROOT, paypal, 2, in_2026, true, "not valid now" },
		{ CERTIFICATE_HIDDEN CERTIFICATE_MIDDLE, CERTIFICATE_ROOT, paypal, 2, in_2026, false, "another name" },
		{ CERTIFICATE_MIDDLE, CERTIFICATE_ROOT, paypal, 2, in_2026, false, "another name" },
		{ CERTIFICATE_NAMED CERTIFICATE_MIDDLE, CERTIFICATE_ROOT, deeper, 4, in_2026, false, "another name" },
		{ CERTIFICATE_HIDDEN, CERTIFICATE_ROOT, paypal, 2, in_2026, true, "another name" },
		{ CERTIFICATE_NAMED, CERTIFICATE_ROOT, paypal, 2, in_2026, false, "nobody who is trusted" },
		{ CERTIFICATE_NAMED CERTIFICATE_MIDDLE, CERTIFICATE_ALT, paypal, 2, in_2026, false,
		  "nobody who is trusted" },
		{ CERTIFICATE_NAMED CERTIFICATE_MIDDLE, CERTIFICATE_ALT, paypal, 2, in_2026, true,
		  "nobody who is trusted" },
		{ CERTIFICATE_NOTCA CERTIFICATE_NAMED CERTIFICATE_MIDDLE, CERTIFICATE_ROOT, paypal, 2, in_2026, false,
		  "nobody who is trusted" },
		{ "", CERTIFICATE_ROOT, paypal, 2, in_2026, true, "no certificate" },
		{ "what", CERTIFICATE_ROOT, paypal, 2, in_2026, true, "no certificate" },
		{ KEY, CERTIFICATE_ROOT, paypal, 2, in_2026, true, "no certificate" },
		{ CERTIFICATE_NAMED KEY, CERTIFICATE_ROOT, paypal, 2, in_2026, true, "no certificate" },
		{ KEY CERTIFICATE_NAMED, CERTIFICATE_ROOT, paypal, 2, in_2026, true, "no certificate" },
		{ CERTIFICATE_NAMED "-----BEGIN ", CERTIFICATE_ROOT, paypal, 2, in_2026, true, "no certificate" },
		{ "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", CERTIFICATE_ROOT, paypal, 2,
		  in_2026, true, "no certificate" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trust_roots *roots = roots_of(rows[i].roots);
		struct trust_certificate_rule rule = { .names = rows[i].names,
						       .name_count = rows[i].name_count,
						       .may_stand_alone = rows[i].alone,
						       .roots = roots,
						       .now_ms = rows[i].now_ms };
		const char *why = "";
		bool holds = trust_certificate_holds(slice_str(rows[i].text), &rule, &why);

		if (holds != !rows[i].why || (rows[i].why && !strstr(why, rows[i].why)))
			fail_msg("row %zu: %s", i, why ? why : "it holds");
		trust_roots_free(roots);
	}
}

static void test_more_than_a_chain(void **state)
{
	static const char *const names[] = { "*.paypal.com" };
	struct trust_roots *roots = roots_of(CERTIFICATE_ROOT);
	struct trust_certificate_rule rule = {
		.names = names, .name_count = 1, .may_stand_alone = true, .roots = roots, .now_ms = in_2026
	};
	struct buf text = BUF_EMPTY;
	const char *why;

	(void)state;
	buf_printf(&text, "%s", CERTIFICATE_NAMED);
	for (unsigned i = 0; i < TRUST_CHAIN_MAX - 1; i++)
		buf_printf(&text, "%s", CERTIFICATE_MIDDLE);
	assert_true(trust_certificate_holds(buf_slice(&text), &rule, &why));
	buf_printf(&text, "%s", CERTIFICATE_MIDDLE);
	assert_false(trust_certificate_holds(buf_slice(&text), &rule, &why));
	buf_free(&text);
	trust_roots_free(roots);
}

static void test_roots(void **state)
{
	struct trust_roots *roots = NULL;
	struct reason reason = { "" };
	char *path = file_of("nothing");

	(void)state;
	assert_int_equal(trust_roots_new(path, &roots, &reason), -EINVAL);
	unlink(path);
	assert_string_equal(reason.text, "holds no certificate that can be read");
	assert_int_equal(trust_roots_new(NULL, &roots, &reason), 0);
	trust_roots_free(roots);
	trust_roots_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_certificates),
					    cmocka_unit_test(test_more_than_a_chain), cmocka_unit_test(test_roots) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
