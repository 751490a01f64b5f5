/* trust_grammar.c - where signatures and timestamps stand and how several share one place, each on a route's own `verify`.
 *
 * The MACs are of Python's hmac module, with the key "key". */
#include "trust_fixture.h"

#include <errno.h>

static const int64_t NOW = 1764000000000;

struct row {
	enum trust_result result;
	const char *verify, *headers;	 /* "Name:value", a line each */
	const char *query, *body, *type; /* NULL: none, {"a":1}, JSON */
};

/* Ways to sign that several rows share. */
#define GROUPED                                                                                                        \
	"signature: { encoding: hex, header: S, groups: \" \", list: \",\", field: v1 }, timestamp: { header: S, "     \
	"list: \",\", field: t }, signed: \"{timestamp}.{body}\""
#define POSITIONED                                                                                                     \
	"signature: { encoding: hex, header: S, list: \",\", position: \"2+\" }, timestamp: { header: S, list: "       \
	"\",\", position: 1, unit: milliseconds }, signed: \"{timestamp}.{body}\""
#define SECOND "signature: { encoding: hex, header: S, list: \",\", position: 2 }, signed: \"{body}\""
#define BEHIND "signature: { encoding: hex, header: S, list: \",\", behind: \"/\" }, signed: \"{body}\""
#define NUMBERED "signature: { header: S-, numbered: 100, encoding: base64 }, signed: \"{body}\""
#define REPEATED "signature: { encoding: hex, header: S, repeated: true, prefix: \"sha256=\" }, signed: \"{body}\""
#define IN_BASE64 "signature: { encoding: hex, at: \"header:S#base64/sig\" }, signed: \"{body}\""
#define IN_BODY                                                                                                        \
	"signature: { encoding: hex, at: \"body:/signature/signature||form:sig\" }, timestamp: { at: "                 \
	"\"body:/signature/timestamp||form:ts\" }, signed: \"{timestamp}{body:/signature/token||form:token}\""
#define OPTIONAL                                                                                                       \
	"signature: { encoding: hex, header: S, list: \",\", field: v1 }, timestamp: { header: S, list: \",\", "       \
	"field: ts }, signed: \"{?id:{query:data.id|lower};}{?request-id:{header:X-Request-Id};}ts:{timestamp};\""
#define RFC3339                                                                                                        \
	"signature: { encoding: hex, header: S }, timestamp: { header: T, unit: rfc3339 }, signed: "                   \
	"\"{timestamp}.{body}\""
#define URL "signature: { encoding: hex, header: S }, signed: \"{url}{body}\""

static const struct row rows[] = {
	{ TRUST_ACCEPTED, GROUPED,
	  .headers = "S:t=1764000000,v1=66ff00156971bc93c586dacc7bf22d6f5f4d9fcaede23c166be2b3ec3215f68a" },
	{ TRUST_ACCEPTED, GROUPED,
	  .headers = "S:t=1764000000,v1=5aded7ba4fae671ee38eaa04e981fb1a2f256c49f43be464c315cc8fc2add2f5 "
		     "t=1764000000,v1=66ff00156971bc93c586dacc7bf22d6f5f4d9fcaede23c166be2b3ec3215f68a" },
	{ TRUST_ACCEPTED, GROUPED,
	  .headers = "S:t=1763990000,v1=5aded7ba4fae671ee38eaa04e981fb1a2f256c49f43be464c315cc8fc2add2f5  "
		     "t=1764000000,v1=66ff00156971bc93c586dacc7bf22d6f5f4d9fcaede23c166be2b3ec3215f68a" },
	{ TRUST_TIMESTAMP_OUT_OF_TOLERANCE, GROUPED,
	  .headers = "S:t=1763990000,v1=5aded7ba4fae671ee38eaa04e981fb1a2f256c49f43be464c315cc8fc2add2f5" },
	{ TRUST_SIGNATURE_MISMATCH, GROUPED,
	  .headers = "S:t=1764000000,v1=5aded7ba4fae671ee38eaa04e981fb1a2f256c49f43be464c315cc8fc2add2f5 "
		     "t=1764000000,v1=5aded7ba4fae671ee38eaa04e981fb1a2f256c49f43be464c315cc8fc2add2f5" },
	{ TRUST_SIGNATURE_MISSING, GROUPED,
	  .headers = "S:t=1764000000 v1=66ff00156971bc93c586dacc7bf22d6f5f4d9fcaede23c166be2b3ec3215f68a" },
	{ TRUST_SIGNATURE_MISMATCH, GROUPED,
	  .headers = "S:t=1764000000,v1=5aded7ba4fae671ee38eaa04e981fb1a2f256c49f43be464c315cc8fc2add2f5 "
		     "t=1764000000,v1=5aded7ba4fae671ee38eaa04e981fb1a2f256c49f43be464c315cc8fc2add2f5 "
		     "t=1764000000,v1=5aded7ba4fae671ee38eaa04e981fb1a2f256c49f43be464c315cc8fc2add2f5 "
		     "t=1764000000,v1=5aded7ba4fae671ee38eaa04e981fb1a2f256c49f43be464c315cc8fc2add2f5 "
		     "t=1764000000,v1=66ff00156971bc93c586dacc7bf22d6f5f4d9fcaede23c166be2b3ec3215f68a" },

	{ TRUST_ACCEPTED, POSITIONED,
	  .headers = "S:1764000000000,88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342,"
		     "48a6da2742ccd057e93a649af448d39ede4b6620fafaeed51122c3db395a0b79" },
	{ TRUST_SIGNATURE_MISMATCH, POSITIONED,
	  .headers = "S:1764000000000,88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342" },
	{ TRUST_MALFORMED_REQUEST, POSITIONED,
	  .headers = "S:48a6da2742ccd057e93a649af448d39ede4b6620fafaeed51122c3db395a0b79,1764000000000" },
	{ TRUST_SIGNATURE_MISSING, POSITIONED, .headers = "S:1764000000000" },

	{ TRUST_ACCEPTED, SECOND, .headers = "S:x,88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342,y" },
	{ TRUST_SIGNATURE_MISMATCH, SECOND,
	  .headers = "S:x,y,88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342" },

	{ TRUST_ACCEPTED, "signature: { encoding: hex, header: S, list: \",\" }, signed: \"{body}\"",
	  .headers = "S:00, 88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342" },

	{ TRUST_ACCEPTED, BEHIND,
	  .headers = "S:k/SHA256/00,k2/SHA256/88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342" },
	{ TRUST_SIGNATURE_MISSING, BEHIND,
	  .headers = "S:88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342" },

	{ TRUST_ACCEPTED, NUMBERED, .headers = "S-1:AAAA\ns-100:iKZ/JLvNrtDmyZdAS7eadDuvRMa6svTCcyjjAJ0i40I=" },
	{ TRUST_SIGNATURE_MISSING, NUMBERED, .headers = "S-101:iKZ/JLvNrtDmyZdAS7eadDuvRMa6svTCcyjjAJ0i40I=" },
	{ TRUST_SIGNATURE_MISSING, NUMBERED, .headers = "S-01:iKZ/JLvNrtDmyZdAS7eadDuvRMa6svTCcyjjAJ0i40I=" },
	{ TRUST_SIGNATURE_MISSING, NUMBERED, .headers = "S-:iKZ/JLvNrtDmyZdAS7eadDuvRMa6svTCcyjjAJ0i40I=" },
	{ TRUST_MALFORMED_REQUEST, NUMBERED,
	  .headers = "S-1:iKZ/JLvNrtDmyZdAS7eadDuvRMa6svTCcyjjAJ0i40I=\nS-1:iKZ/"
		     "JLvNrtDmyZdAS7eadDuvRMa6svTCcyjjAJ0i40I=" },
	{ TRUST_MALFORMED_REQUEST, NUMBERED,
	  .headers = "S-1:AAAA\nS-2:AAAA\nS-3:AAAA\nS-4:AAAA\nS-5:AAAA\nS-6:AAAA\nS-7:AAAA\nS-8:AAAA\nS-9:AAAA\nS-10:"
		     "AAAA\nS-11:"
		     "AAAA\nS-12:AAAA\nS-13:AAAA\nS-14:AAAA\nS-15:AAAA\nS-16:AAAA\nS-17:AAAA" },

	{ TRUST_ACCEPTED, REPEATED,
	  .headers = "S:sha256=00\nS:sha256=88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342" },
	{ TRUST_SIGNATURE_MISMATCH, REPEATED, .headers = "S:sha256=00\nS:sha256=01" },

	{ TRUST_MALFORMED_REQUEST, "signature: { encoding: hex, header: S }, signed: \"{body}\"",
	  .headers = "S:88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342\nS:"
		     "88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342" },

	{ TRUST_ACCEPTED, "signature: { encoding: hex, at: \"query:sig\" }, signed: \"{body}\"", .headers = "",
	  .query = "sig=88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342" },

	{ TRUST_SIGNATURE_MISSING, "signature: { encoding: hex, at: \"path:2\" }, signed: \"{body}\"", .headers = "" },

	{ TRUST_ACCEPTED, IN_BASE64,
	  .headers = "S:"
		     "eyJraWQiOiJrIiwic2lnIjoiODhhNjdmMjRiYmNkYWVkMGU2Yzk5NzQwNGJiNzlhNzQzYmFmNDRjNmJhYjJmNGMyNzMyOGUzM"
		     "DA5ZDIyZTM0"
		     "MiJ9" },
	{ TRUST_SIGNATURE_MISSING, IN_BASE64, .headers = "S:e30=" },
	{ TRUST_MALFORMED_REQUEST, IN_BASE64, .headers = "S:!" },

	{ TRUST_ACCEPTED, IN_BODY, .headers = "",
	  .body = "ts=1764000000&token=abc&sig=03ccf786dd79baed11b2cd3931aa2c69f4ede9a59e7d94a59ca4e8cb188b04d5",
	  .type = "application/x-www-form-urlencoded" },
	{ TRUST_ACCEPTED, IN_BODY, .headers = "",
	  .body = "{\"signature\":{\"timestamp\":\"1764000000\",\"token\":\"abc\",\"signature\":"
		  "\"03ccf786dd79baed11b2cd3931aa2c69f4ede9a59e7d94a59ca4e8cb188b04d5\"}}" },
	{ TRUST_SIGNATURE_MISMATCH, IN_BODY, .headers = "",
	  .body = "ts=1764000000&token=abd&sig=03ccf786dd79baed11b2cd3931aa2c69f4ede9a59e7d94a59ca4e8cb188b04d5",
	  .type = "application/x-www-form-urlencoded" },
	{ TRUST_MALFORMED_BODY, IN_BODY, .headers = "", .body = "{\"signature\":{" },
	{ TRUST_SIGNATURE_MISSING, IN_BODY, .headers = "", .body = "x=1", .type = "application/x-www-form-urlencoded" },

	{ TRUST_ACCEPTED, "signature: { encoding: hex, header: [S, S2] }, signed: \"{body}\"",
	  .headers = "S2:88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342" },

	{ TRUST_ACCEPTED, OPTIONAL,
	  .headers = "S:ts=1764000000,v1=02d8c81ecf8e011ae977776e21b7685fcddf68a004422e79ea382e7e99c51f9f\nX-Request-"
		     "Id:r1",
	  .query = "data.id=ABC" },
	{ TRUST_ACCEPTED, OPTIONAL,
	  .headers = "S:ts=1764000000,v1=b25b88a38a265880213e0732feec8333322ae1b881c8361cc51db4cba61de856" },
	{ TRUST_SIGNATURE_MISMATCH, OPTIONAL,
	  .headers = "S:ts=1764000000,v1=b25b88a38a265880213e0732feec8333322ae1b881c8361cc51db4cba61de856",
	  .query = "data.id=abc" },
	{ TRUST_MALFORMED_REQUEST, OPTIONAL,
	  .headers = "S:ts=1764000000,v1=b25b88a38a265880213e0732feec8333322ae1b881c8361cc51db4cba61de856\nX-Request-"
		     "Id:r1\nX-"
		     "Request-Id:r1" },

	{ TRUST_ACCEPTED, RFC3339,
	  .headers = "S:ffe3b1455087293e8ce86fa4d250cbaee32cb2f20329d9457204161cf71bc99c\nT:2025-11-24T16:00:00."
		     "123456789Z" },
	{ TRUST_ACCEPTED, RFC3339,
	  .headers = "S:bd3574468dffe15409e3e0100fdb1d3605a28a2d1fe3bbca52c037060e4546b0\nT:2025-11-24T18:00:00.12+02:"
		     "00" },
	{ TRUST_ACCEPTED, RFC3339,
	  .headers = "S:cabd714c702ae67325615bfb5f692729e41088fd40b55ae2233664eb5434973a\nT:2025-11-24T16:00:00" },
	{ TRUST_MALFORMED_REQUEST, RFC3339,
	  .headers = "S:cabd714c702ae67325615bfb5f692729e41088fd40b55ae2233664eb5434973a\nT:2025-11-24 16:00" },

	{ TRUST_ACCEPTED,
	  "signature: { encoding: hex, header: S }, timestamp: { header: T, unit: http-date }, signed: "
	  "\"{body}{timestamp}\"",
	  .headers = "S:ee4f003a9fce78bffa8422f58e7a5c81764f854ea54852950d49792c41230f81\nT:Mon, 24 Nov 2025 16:00:00 "
		     "GMT" },

	{ TRUST_ACCEPTED,
	  "signature: { encoding: hex, header: S }, timestamp: { at: \"query:ts\", tolerance: none }, signed: "
	  "\"{timestamp}.{body}\"",
	  .headers = "S:5aded7ba4fae671ee38eaa04e981fb1a2f256c49f43be464c315cc8fc2add2f5", .query = "ts=1763990000" },

	{ TRUST_TIMESTAMP_OUT_OF_TOLERANCE,
	  "signature: { encoding: hex, header: S }, timestamp: { at: \"query:ts\" }, signed: \"{timestamp}.{body}\"",
	  .headers = "S:5aded7ba4fae671ee38eaa04e981fb1a2f256c49f43be464c315cc8fc2add2f5", .query = "ts=1763990000" },

	{ TRUST_ACCEPTED, URL, .headers = "S:a06b578f19ee0f44e0d38ba4a6e103141a696cf3244853ea83ab193167f6bf2e",
	  .query = "x=1" },
	{ TRUST_SIGNATURE_MISMATCH, URL,
	  .headers = "S:a06b578f19ee0f44e0d38ba4a6e103141a696cf3244853ea83ab193167f6bf2e", .query = "x=2" },
};

static size_t read_headers(struct slice text, const char *type, struct header *headers)
{
	size_t count = 1;

	headers[0] = (struct header){ SLICE("Content-Type"), slice_str(type) };
	while (text.n > 0) {
		struct slice line;

		slice_cut(text, '\n', &line, &text);
		slice_cut(line, ':', &headers[count].name, &headers[count].value);
		count++;
	}
	return count;
}

static void judge(const struct row *row, size_t number)
{
	struct header headers[24];
	struct buf route = BUF_EMPTY;
	struct request request = { .method = SLICE("POST"),
				   .path = SLICE("/a"),
				   .query = slice_str(row->query ? row->query : ""),
				   .headers = headers,
				   .body = slice_str(row->body ? row->body : "{\"a\":1}") };
	struct trust_verdict verdict;
	struct trust_fixture f;

	request.header_count =
		read_headers(slice_str(row->headers), row->type ? row->type : "application/json", headers);
	buf_printf(&route,
		   "  - name: a\n    path: /a\n    secret: key\n    public_url: https://hooks.example.com\n"
		   "    verify: { algorithm: hmac-sha256, %s }\n%c",
		   row->verify, 0);
	fixture_open(&f, NULL, (const char *)buf_slice(&route).p);
	verdict = fixture_check(&f, &request, NOW);
	if (verdict.result != row->result)
		fail_msg("row %zu (%s): %d, %s", number, row->verify, (int)verdict.result, verdict.reason);
	fixture_close(&f);
	buf_free(&route);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		judge(&rows[i], i);
}

static void test_wrong(void **state)
{
	static const struct {
		const char *verify, *finding;
	} wrong[] = {
		{ "signature: { header: S, numbered: 101 }, signed: \"{body}\"", "must be a number from 1 to 100" },
		{ "signature: { header: S, position: 0 }, signed: \"{body}\"", "must be a place from 1 to 16" },
		{ "signature: { header: S, position: \"+\" }, signed: \"{body}\"", "must be a place from 1 to 16" },
		{ "signature: { header: [S, T], repeated: true }, signed: \"{body}\"",
		  "in another place than one header" },
		{ "signature: { query: S, groups: \" \" }, signed: \"{body}\"", "in another place than one header" },
		{ "signature: { header: S, numbered: 2, repeated: true }, signed: \"{body}\"", "in more than one way" },
		{ "signature: { at: S }, signed: \"{body}\"", "\"S\" is no place" },
		{ "signature: { header: S }, timestamp: { at: \"query:t\" }, signed: \"{body}\"",
		  "not part of the signed text" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct buf route = BUF_EMPTY;
		struct trust_fixture f;

		buf_printf(&route, "  - { name: a, path: /a, secret: key, verify: { algorithm: hmac-sha256, %s } }\n%c",
			   wrong[i].verify, 0);
		fixture_open(&f, NULL, (const char *)buf_slice(&route).p);
		assert_int_equal(f.result, -EINVAL);
		if (!strstr(fixture_findings(&f.diag), wrong[i].finding))
			fail_msg("%s: \"%s\" is not in: %s", wrong[i].verify, wrong[i].finding,
				 fixture_findings(&f.diag));
		fixture_close(&f);
		buf_free(&route);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_wrong) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
