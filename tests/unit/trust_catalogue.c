/* trust_catalogue.c - built-in and own descriptions, names and aliases, what is told of them. */
#include "trust/catalogue.h"
#include "trust_fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OWN "verify: { algorithm: hmac-sha256, signature: { header: X-Own, encoding: hex }, signed: \"{body}\" }\n"

static char folder[64];

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* A FIFO that nobody writes. */
static void write_fifo(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void remove_file(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(unlink(path), 0);
}

static int make_folder(void **state)
{
	(void)state;
	memcpy(folder, "/tmp/trust_catalogue.XXXXXX", 28);
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static struct trust_catalogue *load(const char *dir)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct trust_catalogue *catalogue = NULL;

	if (trust_catalogue_new(dir, NULL, &diag, &catalogue))
		fail_msg("%s", fixture_findings(&diag));
	config_diag_free(&diag);
	return catalogue;
}

static void test_names(void **state)
{
	static const char *const known[] = {
		"stripe",	    "github",  "github-app", "slack", "shopify", "zoom",  "standard-webhooks",
		"standardwebhooks", "generic", "webhook",    "hmac",  "token",	 "basic", "none"
	};
	struct trust_catalogue *catalogue = load(NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!trust_catalogue_find(catalogue, slice_str(known[i])))
			fail_msg("%s", known[i]);
	assert_ptr_equal(trust_catalogue_find(catalogue, SLICE("github")),
			 trust_catalogue_find(catalogue, SLICE("github-app")));
	assert_null(trust_catalogue_find(catalogue, SLICE("Stripe")));
	assert_null(trust_catalogue_find(catalogue, SLICE_NONE));
	for (size_t i = 1; i < trust_catalogue_count(catalogue); i++) {
		struct trust_about a, b;

		trust_about(trust_catalogue_at(catalogue, i - 1), &a);
		trust_about(trust_catalogue_at(catalogue, i), &b);
		assert_true(slice_compare(a.name, b.name) < 0);
	}
	trust_catalogue_free(catalogue);
}

static void test_about(void **state)
{
	struct trust_catalogue *catalogue = load(NULL);
	struct trust_about about;

	(void)state;
	trust_about(trust_catalogue_find(catalogue, SLICE("stripe")), &about);
	assert_slice(about.scheme, "hmac-sha256 hex over {timestamp}.{body}");
	assert_slice(about.id, "body:/id");
	assert_slice(about.covered, "full");
	assert_int_equal(about.window_ms, 3LL * 86400 * 1000);
	assert_int_equal(about.tolerance_ms, 300000);
	assert_true(about.id_signed);
	assert_non_null(memmem(about.example.p, about.example.n, "env:STRIPE_WEBHOOK_SECRET", 25));
	trust_about(trust_catalogue_find(catalogue, SLICE("standard-webhooks")), &about);
	assert_slice(about.scheme, "hmac-sha256 base64 over {header:webhook-id}.{timestamp}.{body}");
	assert_slice(about.id, "header:webhook-id");
	trust_about(trust_catalogue_find(catalogue, SLICE("zoom")), &about);
	assert_slice(about.handshake, "endpoint.url_validation (signed POST)");
	trust_about(trust_catalogue_find(catalogue, SLICE("bird")), &about);
	assert_slice(about.scheme, "hmac-sha256 base64 over {timestamp}\\n{url}\\n{body|sha256}");
	trust_about(trust_catalogue_find(catalogue, SLICE("flutterwave")), &about);
	assert_slice(about.scheme, "hmac-sha256 base64 over {body}; or as flutterwave-v3");
	trust_about(trust_catalogue_find(catalogue, SLICE("token")), &about);
	assert_slice(about.scheme, "token in Authorization: Bearer");
	assert_int_equal(about.tolerance_ms, -1);
	trust_catalogue_free(catalogue);
}

static void test_near(void **state)
{
	static const struct {
		const char *name, *near;
	} rows[] = {
		{ "stirpe", "stripe" }, { "githlab", "gitlab, github" },
		{ "Github", "github" }, { "standard", "standard-webhooks, standard-webhooks-v1a, standardwebhooks" },
		{ "xyzzy", "" },	{ "ab", "" },
		{ "mu", "" },		{ "slakc", "slack" },
		{ "qqqqqq", "" },	{ "", "" },
	};
	struct trust_catalogue *catalogue = load(NULL);
	char out[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(trust_catalogue_near(catalogue, slice_str(rows[i].name), out, sizeof(out)),
				    rows[i].near);
	/* A short buffer cuts between names. */
	assert_string_equal(trust_catalogue_near(catalogue, SLICE("standard"), out, 20), "standard-webhooks");
	trust_catalogue_free(catalogue);
}

static void test_own(void **state)
{
	struct trust_catalogue *catalogue;
	struct trust_about about;
	size_t count;

	(void)state;
	catalogue = load(NULL);
	count = trust_catalogue_count(catalogue);
	trust_catalogue_free(catalogue);
	write_file("acme.yaml", "name: acme\naliases: [acme-inc]\n" OWN);
	write_file("mine.yaml", "name: stripe\n" OWN "vectors:\n  - not read\n");
	write_file("ignored.txt", "not a description");
	catalogue = load(folder);
	assert_int_equal(trust_catalogue_count(catalogue), count + 1);
	assert_non_null(trust_catalogue_find(catalogue, SLICE("acme-inc")));
	trust_about(trust_catalogue_find(catalogue, SLICE("stripe")), &about);
	assert_slice(about.scheme, "hmac-sha256 hex over {body}");
	trust_catalogue_free(catalogue);
	remove_file("acme.yaml");
	remove_file("mine.yaml");
	remove_file("ignored.txt");
}

static void expect_finding(const char *dir, const char *finding)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct trust_catalogue *catalogue = NULL;

	assert_int_equal(trust_catalogue_new(dir, NULL, &diag, &catalogue), -EINVAL);
	assert_null(catalogue);
	if (!strstr(fixture_findings(&diag), finding))
		fail_msg("\"%s\" is not in: %s", finding, fixture_findings(&diag));
	config_diag_free(&diag);
}

static void test_wrong(void **state)
{
	(void)state;
	expect_finding("/no/such/folder", "cannot be read");
	write_file("a.yaml", "name: a\naliases: [stripe]\n" OWN);
	expect_finding(folder, "the name stripe is taken by");
	write_file("a.yaml", "name: a\n");
	expect_finding(folder, "a.yaml:1:1: has no section `verify`");
	remove_file("a.yaml");
	/* To open it as a file is opened would wait for ever. */
	write_fifo("a.yaml");
	expect_finding(folder, "a.yaml: cannot be read: it is no regular file");
	remove_file("a.yaml");
}

/* Of our own time, whatever else the machine does. */
static int64_t cpu_ms(void)
{
	struct timespec spent;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent), 0);
	return spent.tv_sec * 1000 + spent.tv_nsec / 1000000;
}

/* 200 descriptions must not be felt at the start of a command; here with a generous limit, as tests run under
 * sanitizers. */
static void test_fast_enough(void **state)
{
	int64_t before = cpu_ms();

	(void)state;
	for (int i = 0; i < 15; i++)
		trust_catalogue_free(load(NULL));
	assert_true(cpu_ms() - before < 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_about),
					    cmocka_unit_test(test_near),  cmocka_unit_test(test_own),
					    cmocka_unit_test(test_wrong), cmocka_unit_test(test_fast_enough) };

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
