/* trust_variant.c - providers that sign in several ways: which one is tried, and that none stands in for another. */
#include "trust/describe.h"
#include "trust_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

#define TOKEN(name, header)                                                                                            \
	"name: " name "\nverify: { algorithm: token, signature: { header: " header ", encoding: text } }\n"            \
	"event: { id: \"header:" header "-Id\" }\n"

static const struct {
	const char *name, *text;
} files[] = {
	{ "new.yaml", TOKEN("new", "X-New") "variants:\n  - { provider: old, at: \"header:X-Version\", is: v1 }\n"
					    "  - { provider: older }\n" },
	{ "old.yaml", TOKEN("old", "X-Old") },
	{ "older.yaml", TOKEN("older", "X-Older") },
	{ "hex.yaml",
	  "name: hex\nverify: { algorithm: hmac-sha256, key: hex, signature: { header: X-Hex, encoding: hex }, "
	  "signed: \"{body}\" }\n" },
	{ "both.yaml", TOKEN("both", "X-Both") "variants: [ { provider: hex } ]\n" },
	{ "lost.yaml", TOKEN("lost", "X-Lost") "variants: [ { provider: nobody } ]\n" },
};

static void path_of(size_t i, char *path, size_t size)
{
	(void)snprintf(path, size, "%s/%s", folder, files[i].name);
}

static int make_folder(void **state)
{
	(void)state;
	memcpy(folder, "/tmp/trust_variant.XXXXXX", 26);
	if (!mkdtemp(folder))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[128];
		FILE *f;

		path_of(i, path, sizeof(path));
		f = fopen(path, "w");
		if (!f || fputs(files[i].text, f) < 0 || fclose(f))
			return -1;
	}
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[128];

		path_of(i, path, sizeof(path));
		(void)unlink(path);
	}
	return rmdir(folder);
}

/* "X-New=right X-Version=v1" */
static struct trust_verdict check(struct trust_fixture *f, const char *text, struct slice *id)
{
	struct header headers[8];
	struct request request = {
		.method = SLICE("POST"), .path = SLICE("/a"), .target = SLICE("/a"), .headers = headers
	};
	struct trust_verdict verdict;
	enum trust_event_result result;
	struct trust_event event;

	for (struct slice rest = slice_str(text); rest.n > 0;) {
		size_t end = slice_index(rest, ' '), at = slice_index(rest, '=');

		headers[request.header_count++] =
			(struct header){ slice_head(rest, at), slice_from(slice_head(rest, end), at + 1) };
		rest = slice_from(rest, end + (end < rest.n));
	}
	verdict = fixture_check(f, &request, 0);
	assert_int_equal(trust_read_event(fixture_verifier(f), &request, f->arena, &event, &result), 0);
	*id = event.id;
	return verdict;
}

static void test_picked(void **state)
{
	static const struct {
		const char *headers;
		enum trust_result result;
		const char *id;
	} rows[] = {
		{ "X-New=right X-New-Id=1", TRUST_ACCEPTED, "1" },
		{ "X-Old=right X-Version=v1 X-Old-Id=2", TRUST_ACCEPTED, "2" },
		{ "X-Older=right X-Older-Id=3", TRUST_ACCEPTED, "3" },
		/* The id is read as the way says that was taken. */
		{ "X-New=right X-New-Id=1 X-Older=right X-Older-Id=3", TRUST_ACCEPTED, "1" },
		/* What is weaker does not stand in for what is wrong. */
		{ "X-New=wrong X-Older=right", TRUST_SIGNATURE_MISMATCH, NULL },
		{ "X-Old=wrong X-Version=v1 X-Older=right", TRUST_SIGNATURE_MISMATCH, NULL },
		{ "X-New=right X-New=right X-Older=right", TRUST_MALFORMED_REQUEST, NULL },
		/* An empty header is none. */
		{ "X-New= X-Older=right X-Older-Id=3", TRUST_ACCEPTED, "3" },
		/* Taken only where the version says so. */
		{ "X-Old=right", TRUST_SIGNATURE_MISSING, NULL },
		{ "X-Old=right X-Version=v2", TRUST_SIGNATURE_MISSING, NULL },
		{ "X-Other=right", TRUST_SIGNATURE_MISSING, NULL },
	};
	struct trust_fixture f;
	struct slice id;

	(void)state;
	fixture_open(&f, folder, "  - { name: a, path: /a, provider: new, secret: right }\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trust_verdict verdict = check(&f, rows[i].headers, &id);

		if (verdict.result != rows[i].result)
			fail_msg("%s: %s", rows[i].headers, verdict.reason);
		if (rows[i].id)
			assert_slice(id, rows[i].id);
	}
	assert_string_equal(check(&f, "X-Other=right", &id).reason, "there is no signature: X-New is missing or empty");
	fixture_close(&f);
}

/* A secret that is none for one way to sign is still one for the other; what is said of it is about that one. */
static void test_secret_fits_one(void **state)
{
	struct trust_fixture f;
	struct slice id;

	(void)state;
	fixture_open(&f, folder, "  - { name: a, path: /a, provider: both, secret: not-hex }\n");
	assert_int_equal(f.result, 0);
	assert_int_equal(f.diag.count, 0);
	assert_int_equal(check(&f, "X-Both=not-hex", &id).result, TRUST_ACCEPTED);
	assert_int_equal(check(&f, "X-Hex=00", &id).result, TRUST_SIGNATURE_MISSING);
	fixture_close(&f);
}

/* Which of the route's secrets matched is told by its place in the route, though those before it fit no such key. */
static void test_the_secret_that_matched(void **state)
{
	/* HMAC-SHA256 of nothing, with the keys 01 and 02. */
	static const struct {
		const char *headers, *name;
		size_t index;
	} rows[] = {
		{ "X-Both=not-hex", "first", 0 },
		{ "X-Both=02", "third", 2 },
		{ "X-Hex=2f8738164025afdddbc18665c6e8f37de9498db7fd194873c61ee30c22192a9a", "second", 1 },
		{ "X-Hex=49df1d70eaa3d7c808f138453a0c726851368bbb5ae8d6d614bfa30e7235b226", "third", 2 },
	};
	struct trust_fixture f;
	struct slice id;

	(void)state;
	fixture_open(
		&f, folder,
		"  - name: a\n    path: /a\n    provider: both\n    secrets:\n      - { name: first, value: not-hex }\n"
		"      - { name: second, value: \"01\" }\n      - { name: third, value: \"02\" }\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct trust_verdict verdict = check(&f, rows[i].headers, &id);

		if (verdict.result != TRUST_ACCEPTED)
			fail_msg("%s: %s", rows[i].headers, verdict.reason);
		assert_slice(verdict.secret, rows[i].name);
		assert_int_equal(verdict.secret_index, rows[i].index);
	}
	fixture_close(&f);
}

static void test_unknown(void **state)
{
	struct trust_fixture f;

	(void)state;
	fixture_open(&f, folder, "  - { name: a, path: /a, provider: lost, secret: x }\n");
	assert_int_not_equal(f.result, 0);
	assert_non_null(strstr(fixture_findings(&f.diag), "provider lost has the variant nobody, which is none"));
	fixture_close(&f);
}

static void test_grammar(void **state)
{
	static const struct {
		const char *variants, *finding;
	} rows[] = {
		{ "{ provider: a }", "must be a list of at most 4" },
		{ "[ { at: \"header:X\", is: v } ]", "must have `provider`" },
		{ "[ { provider: a, at: \"header:X\" } ]", "`at` together with `is`" },
		{ "[ { provider: a, is: v } ]", "`at` together with `is`" },
		{ "[ { provider: a, at: \"body:/x\", is: v } ]", "must be header:NAME or query:NAME" },
		{ "[ { provider: a }, { provider: b }, { provider: c }, { provider: d }, { provider: e } ]",
		  "must be a list of at most 4" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config_diag diag = CONFIG_DIAG_EMPTY;
		struct trust_description *d = NULL;
		struct buf text = BUF_EMPTY;

		buf_printf(&text, "%svariants: %s\n", TOKEN("t", "X-T"), rows[i].variants);
		assert_int_not_equal(trust_description_read(buf_slice(&text), "d.yaml", &diag, &d), 0);
		if (!strstr(fixture_findings(&diag), rows[i].finding))
			fail_msg("%s: %s", rows[i].variants, fixture_findings(&diag));
		buf_free(&text);
		config_diag_free(&diag);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_picked),
		cmocka_unit_test(test_secret_fits_one),
		cmocka_unit_test(test_the_secret_that_matched),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_grammar),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
