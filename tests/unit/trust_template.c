/* trust_template.c - templates, sources and header grammars: compiling them, and what they find. */
#include "trust/describe.h"
#include "trust/place.h"
#include "trust/template.h"
#include "trust_fixture.h"

/* A description whose signed text is the template; NULL with findings when it is none. */
static struct trust_description *describe(const char *template, struct config_diag *diag)
{
	struct buf text = BUF_EMPTY;
	struct trust_description *d = NULL;

	buf_add_str(&text, "name: t\nverify:\n  algorithm: hmac-sha256\n  families: [\"A-\", \"B-\"]\n"
			   "  signature: { header: X, encoding: hex }\n  timestamp: { header: T }\n  signed: ");
	json_write_string(&text, slice_str(template));
	buf_add_str(&text, "\n");
	if (trust_description_read(buf_slice(&text), "t.yaml", diag, &d))
		d = NULL;
	buf_free(&text);
	return d;
}

static const struct header headers[] = {
	{ SLICE_LIT("Content-Type"), SLICE_LIT("application/json") },
	{ SLICE_LIT("A-One"), SLICE_LIT("a1") },
	{ SLICE_LIT("B-One"), SLICE_LIT("b1") },
	{ SLICE_LIT("Twice"), SLICE_LIT("1") },
	{ SLICE_LIT("twice"), SLICE_LIT("1") },
	{ SLICE_LIT("Empty"), SLICE_LIT("") },
	{ SLICE_LIT("Json"), SLICE_LIT("{\"a\":{\"b\":\"in\"},\"n\":null}") },
	{ SLICE_LIT("Packed"), SLICE_LIT("eyJzaWciOiJBQkMifQ==") },
	{ SLICE_LIT("Token"), SLICE_LIT("eyJzaWciOiJBQkMifQ.x.y") },
	{ SLICE_LIT("Host"), SLICE_LIT("h.example:8080") },
};

static enum trust_found join(const struct trust_description *d, size_t family, struct arena *arena, struct slice *out)
{
	const struct slice target = SLICE("/p/q%20r?a=1%202&b=x&b=y&c=%");
	struct request request = { .method = SLICE("POST"),
				   .path = slice_head(target, 8),
				   .query = slice_from(target, 9),
				   .headers = headers,
				   .header_count = ARRAY_SIZE(headers),
				   .body = SLICE("{\"s\":\"t\\u0041\",\"n\":7,\"o\":{},\"u\":\"\\ud800\"}") };
	struct trust_reading reading = {
		.description = d, .request = &request, .arena = arena, .family = family, .timestamp = SLICE("99")
	};

	assert_int_equal(trust_reading_look_up(&reading, d->verify.signed_text.pointers), JSON_OK);
	return trust_template_join(&d->verify.signed_text, &reading, out);
}

static void test_resolved(void **state)
{
	static const struct {
		const char *template, *expected;
		size_t family;
	} rows[] = {
		{ "{timestamp}", "99", 0 },
		{ "v0:{timestamp}:{method} {path}", "v0:99:POST /p/q%20r", 0 },
		{ "{{{timestamp}}}", "{99}", 0 },
		{ "{{}}{timestamp}", "{}99", 0 },
		{ "{timestamp}{header:*One}", "99a1", 0 },
		{ "{timestamp}{header:*One}", "99b1", 1 },
		{ "{timestamp}{header:Empty}.", "99.", 0 },
		{ "{timestamp}{query:a}", "991 2", 0 },
		{ "{timestamp}{body:/s}{body:/n}", "99tA7", 0 },
		{ "{timestamp}{fixed:x}", "99x", 0 },
		{ "{timestamp}{header:A-One|hex}", "996131", 0 },
		{ "{timestamp}{header:A-One|base64}", "99YTE=", 0 },
		{ "{timestamp}{header:A-One|json}", "99\"a1\"", 0 },
		{ "{timestamp}{header:Empty|hex}{header:Empty|base64}", "99", 0 },
		{ "{timestamp}{fixed:abc|sha256|hex}",
		  "99ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 0 },
		{ "{timestamp}{path:1}:{path:2}", "99p:q r", 0 },
		{ "{timestamp}{target}", "99/p/q%20r?a=1%202&b=x&b=y&c=%", 0 },
		{ "{timestamp}{query-sorted}", "99a=1%202&b=x&b=y&c=%", 0 },
		{ "{timestamp}{query}", "99a=1%202&b=x&b=y&c=%", 0 },
		{ "{timestamp}{host}", "99h.example:8080", 0 },
		{ "{timestamp}{url}", "99http://h.example:8080/p/q%20r?a=1%202&b=x&b=y&c=%", 0 },
		{ "{timestamp}{header:Json#/a/b}", "99in", 0 },
		{ "{timestamp}{header:Packed#base64/sig}", "99ABC", 0 },
		{ "{timestamp}{header:Token#jwt/sig}", "99ABC", 0 },
		{ "{timestamp}{header:None||header:A-One}", "99a1", 0 },
		{ "{timestamp}{body:/none||form:none||body:/s||fixed:x}", "99tA", 0 },
		{ "{timestamp}{header:None||fixed:ab|hex}", "996162", 0 },
		{ "{timestamp}{?id:{header:A-One};}{?x:{header:None};}end", "99id:a1;end", 0 },
		{ "{timestamp}{?{header:A-One}{header:None}}{?{header:None}{header:A-One}}.", "99.", 0 },
		{ "{timestamp}{?{{{header:A-One}}", "99{a1", 0 },
		{ "{timestamp}{header:Json|lower|upper}", "99{\"A\":{\"B\":\"IN\"},\"N\":NULL}", 0 },
		{ "{timestamp}{fixed:a\"\\\n\x01\xc3\xa9/|jsonstr}", "99\"a\\\"\\\\\\n\\u0001\xc3\xa9/\"", 0 },
		{ "{timestamp}{fixed:~~~???|base64url}", "99fn5-Pz8_", 0 },
		{ "{timestamp}{fixed:YWI=|unbase64}{fixed:YWI|unbase64}", "99abab", 0 },
		{ "{timestamp}{fixed:123456789|crc32}", "993421780262", 0 },
		{ "{timestamp}{fixed:abc|md5|hex}", "99900150983cd24fb0d6963f7d28e17f72", 0 },
		{ "{timestamp}{fixed:abc|sha1|base64}", "99qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", 0 },
		{ "{timestamp}{fixed:|sha1|hex}", "99da39a3ee5e6b4b0d3255bfef95601890afd80709", 0 },
	};
	struct arena *arena = arena_new(4096, 65536);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config_diag diag = CONFIG_DIAG_EMPTY;
		struct trust_description *d = describe(rows[i].template, &diag);
		struct slice out = SLICE_NONE;

		if (!d)
			fail_msg("%s: %s", rows[i].template, fixture_findings(&diag));
		assert_int_equal(join(d, rows[i].family, arena, &out), TRUST_FOUND);
		assert_slice(out, rows[i].expected);
		trust_description_free(d);
		config_diag_free(&diag);
	}
	arena_free(arena);
}

static void test_not_resolved(void **state)
{
	static const struct {
		const char *template;
		enum trust_found found;
	} rows[] = {
		{ "{timestamp}{header:None}", TRUST_ABSENT },
		{ "{timestamp}{header:Twice}", TRUST_REPEATED },
		{ "{timestamp}{query:none}", TRUST_ABSENT },
		{ "{timestamp}{query:b}", TRUST_REPEATED },
		{ "{timestamp}{query:c}", TRUST_UNREADABLE },
		{ "{timestamp}{body:/o}", TRUST_ABSENT },
		{ "{timestamp}{body:/none}", TRUST_ABSENT },
		{ "{timestamp}{body:/u}", TRUST_UNREADABLE },
		{ "{timestamp}{form:a}", TRUST_ABSENT },
		{ "{timestamp}{header:Twice|hex}", TRUST_REPEATED },
		{ "{timestamp}{header:A-One|hmac}", TRUST_UNREADABLE },
		{ "{timestamp}{header:Twice||header:A-One}", TRUST_REPEATED },
		{ "{timestamp}{?{header:Twice}}", TRUST_REPEATED },
		{ "{timestamp}{header:Json#/n}", TRUST_ABSENT },
		{ "{timestamp}{header:Json#/a}", TRUST_ABSENT },
		{ "{timestamp}{header:A-One#/a}", TRUST_UNREADABLE },
		{ "{timestamp}{header:Json#base64/a}", TRUST_UNREADABLE },
		{ "{timestamp}{header:Json#jwt/a}", TRUST_UNREADABLE },
		{ "{timestamp}{header:Token#jwt/kid}", TRUST_ABSENT },
		{ "{timestamp}{path:3}", TRUST_ABSENT },
		{ "{timestamp}{form-sorted}", TRUST_ABSENT },
		{ "{timestamp}{fixed:*|unbase64}", TRUST_UNREADABLE },
	};
	struct arena *arena = arena_new(4096, 65536);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config_diag diag = CONFIG_DIAG_EMPTY;
		struct trust_description *d = describe(rows[i].template, &diag);
		struct slice out = SLICE("poison");

		assert_non_null(d);
		assert_int_equal(join(d, 0, arena, &out), rows[i].found);
		assert_slice(out, "poison");
		trust_description_free(d);
		config_diag_free(&diag);
	}
	arena_free(arena);
}

static void test_wrong(void **state)
{
	static const struct {
		const char *template, *finding;
	} rows[] = {
		{ "{timestamp", "brace without its partner" },
		{ "timestamp}", "brace without its partner" },
		{ "{timestamp}}", "brace without its partner" },
		{ "{nothing}{timestamp}", "\"nothing\" is no place" },
		{ "{}{timestamp}", "\"\" is no place" },
		{ "{header:}{timestamp}", "names nothing" },
		{ "{body:id}{timestamp}", "is no JSON pointer" },
		{ "{timestamp|rot13}", "unknown filter" },
		{ "{timestamp|}", "unknown filter" },
		{ "{timestamp}{?x}", "without a place" },
		{ "{timestamp}{?{body}", "brace without its partner" },
		{ "{timestamp}{?{header:A}{?{header:B}}}", "is no place" },
		{ "{timestamp}{path:0}", "no segment of the path" },
		{ "{timestamp}{path:17}", "no segment of the path" },
		{ "{timestamp}{option:none}", "no option of this description" },
		{ "{timestamp}{header:#/a}", "names nothing" },
		{ "{timestamp}{header:A#/~2}", "no JSON pointer behind its #" },
		{ "{timestamp}{header:A||nothing}", "\"nothing\" is no place" },
		{ "{timestamp}{header:A||header:B||header:C||header:D||header:E}", "more than 4 alternatives" },
		{ "{timestamp}{timestamp|hex|hex|hex|hex|hex}", "more than four" },
		{ "{id}{timestamp}", "id, type and now are for samples" },
		{ "a{body}", "timestamp that is not part of the signed text" },
		{ "{timestamp}{body}{body}{body}{body}{body}{body}{body}{body}{body}{body}{body}{body}{body}{body}{"
		  "body}{body}{body}"
		  "{body}{body}{body}{body}{body}{body}{body}{body}",
		  "too many parts" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config_diag diag = CONFIG_DIAG_EMPTY;

		assert_null(describe(rows[i].template, &diag));
		if (!strstr(fixture_findings(&diag), rows[i].finding))
			fail_msg("%s: \"%s\" is not in: %s", rows[i].template, rows[i].finding,
				 fixture_findings(&diag));
		assert_non_null(strstr(fixture_findings(&diag), "t.yaml:"));
		config_diag_free(&diag);
	}
}

static void test_grammar(void **state)
{
	static const struct {
		struct trust_grammar grammar;
		const char *value, *expected;
	} rows[] = {
		{ { .assign = '=' }, "abc", "abc" },
		{ { .assign = '=', .prefix = SLICE_LIT("sha256=") }, "sha256=abc", "abc" },
		{ { .assign = '=', .prefix = SLICE_LIT("sha256=") }, "SHA256=abc", "abc" },
		{ { .assign = '=', .prefix = SLICE_LIT("sha256=") }, "sha1=abc", "" },
		{ { .assign = '=', .prefix = SLICE_LIT("sha256=") }, "sha", "" },
		{ { .assign = '=', .list = ',', .field = SLICE_LIT("v1") }, "t=1,v1=a,v1=b,v0=c", "a|b" },
		{ { .assign = '=', .list = ',', .field = SLICE_LIT("v1") }, "t=1, v1=a , v1 =b,V1=c", "a" },
		{ { .assign = '=', .list = ',', .field = SLICE_LIT("v1") }, "v1,v1=", "" },
		{ { .assign = '=', .list = ',', .field = SLICE_LIT("v1") }, ",,v1=a=b,", "a=b" },
		{ { .assign = ',', .list = ' ', .field = SLICE_LIT("v1") }, "v1,a  v1a,b v1,c", "a|c" },
		{ { .assign = '=', .list = ',' }, "a,b", "a|b" },
		{ { .assign = '=', .list = ',', .length = 2 }, "a,bb,ccc,dd", "bb|dd" },
		{ { .assign = '=', .prefix = SLICE_LIT("v0="), .length = 2 }, "v0=", "" },
		{ { .assign = '=' }, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice rest = slice_str(rows[i].value), value;
		struct buf out = BUF_EMPTY;

		while (trust_grammar_next(&rows[i].grammar, &rest, &value)) {
			if (out.n > 0)
				buf_add_byte(&out, '|');
			buf_add(&out, value);
		}
		assert_slice(buf_slice(&out), rows[i].expected);
		buf_free(&out);
	}
}

static void test_claims_json(void **state)
{
	static const struct {
		const char *type, *body;
		bool claims;
	} rows[] = {
		{ "application/json", "x", true },
		{ "Application/JSON; charset=utf-8", "", true },
		{ "application/cloudevents+json", "", true },
		{ "text/plain", " \r\n\t{", true },
		{ "text/plain", "[1]", true },
		{ "text/plain", "x{", false },
		{ "text/plain", "", false },
		{ "application/jsonx", "a", false },
		{ "application/x-www-form-urlencoded", "a={", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct header header = { SLICE("content-type"), slice_str(rows[i].type) };
		struct request request = { .headers = &header, .header_count = 1, .body = slice_str(rows[i].body) };

		assert_int_equal(trust_claims_json(&request), rows[i].claims);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_resolved), cmocka_unit_test(test_not_resolved),
					    cmocka_unit_test(test_wrong), cmocka_unit_test(test_grammar),
					    cmocka_unit_test(test_claims_json) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
