/* trust_replay.c - one signature, two requests: where a provider's signed text, or what is not signed, lets a captured delivery
 * be sent again under another id, what was signed is remembered as well. */
#include "trust_fixture.h"

enum { HEADERS = 4 };

struct request_of {
	struct header headers[HEADERS];
	struct slice body;
};

struct row {
	const char *route;
	int64_t now_ms;
	struct request_of sent, again;
};

#define H(name, value)                                                                                                 \
	{                                                                                                              \
		SLICE_LIT(name), SLICE_LIT(value)                                                                      \
	}
#define ADYEN_ITEM(psp, original, account, reference, value)                                                           \
	SLICE_LIT("{\"notificationItems\":[{\"NotificationRequestItem\":{\"pspReference\":\"" psp                      \
		  "\",\"originalReference\":\"" original "\",\"merchantAccountCode\":\"" account                       \
		  "\",\"merchantReference\":\"" reference "\",\"amount\":{\"value\":\"" value                          \
		  "\",\"currency\":\"EUR\"},\"eventCode\":\"AUTHORISATION\",\"success\":\"true\","                     \
		  "\"additionalData\":{\"hmacSignature\":\"Wik70beb2qp8UREy+2U9hgHZqIlQUqq4ZE60OCh/PNE=\"}}}]}")

static const struct row rows[] = {
	/* The last digit of the nonce becomes the first of the time. */
	{ "provider: quicknode, secret: qnsec_abc",
	  1767225600000,
	  { { H("X-QN-Nonce", "d7a2f0"), H("X-QN-Timestamp", "1767225600"),
	      H("X-QN-Signature", "35c2d1eab4c815d47612fb807dbdd9dccdbe1d10f5f0ff88ec3b1a1f784dde87") },
	    SLICE_LIT("{\"data\":[]}") },
	  { { H("X-QN-Nonce", "d7a2f"), H("X-QN-Timestamp", "01767225600"),
	      H("X-QN-Signature", "35c2d1eab4c815d47612fb807dbdd9dccdbe1d10f5f0ff88ec3b1a1f784dde87") },
	    SLICE_LIT("{\"data\":[]}") } },
	/* The body's end goes into the nonce's header. */
	{ "provider: sinch, secret: s",
	  1767225600000,
	  { { H("x-sinch-webhook-signature", "3bixD2aWDWjwKZrYBA6vKCa180tsGAEoPizm5qSJI8Y="),
	      H("x-sinch-webhook-signature-nonce", "n1"), H("x-sinch-webhook-signature-timestamp", "1767225600") },
	    SLICE_LIT("{\"a\":1.5}") },
	  { { H("x-sinch-webhook-signature", "3bixD2aWDWjwKZrYBA6vKCa180tsGAEoPizm5qSJI8Y="),
	      H("x-sinch-webhook-signature-nonce", "5}.n1"), H("x-sinch-webhook-signature-timestamp", "1767225600") },
	    SLICE_LIT("{\"a\":1") } },
	/* The body's front goes into the path's header. */
	{ "provider: easypost-v2, secret: s",
	  1767225600000,
	  { { H("X-Hmac-Signature-V2",
		"hmac-sha256-hex=c09549921f7d06d361e7cd05e3e8d738814eb56f06df7ced9dcb6267d43e39c5"),
	      H("X-Timestamp", "t"), H("X-Path", "/p") },
	    SLICE_LIT("[{\"id\":\"evt_1\"},{\"id\":\"evt_2\"}]") },
	  { { H("X-Hmac-Signature-V2",
		"hmac-sha256-hex=c09549921f7d06d361e7cd05e3e8d738814eb56f06df7ced9dcb6267d43e39c5"),
	      H("X-Timestamp", "t"), H("X-Path", "/p[{\"id\":\"evt_1\"},") },
	    SLICE_LIT("{\"id\":\"evt_2\"}]") } },
	/* What kind of body it is, is not signed. */
	{ "provider: chargify-maxio, secret: s",
	  1767225600000,
	  { { H("Content-Type", "application/x-www-form-urlencoded"),
	      H("X-Chargify-Webhook-Signature-Hmac-Sha-256",
		"95eb8bb53c16abeb5d6ae49de3ab9d56c8ef484ca72627cb8935a77038ed3cbe") },
	    SLICE_LIT("event=test&id=1") },
	  { { H("Content-Type", "text/plain"), H("X-Chargify-Webhook-Signature-Hmac-Sha-256",
						 "95eb8bb53c16abeb5d6ae49de3ab9d56c8ef484ca72627cb8935a77038ed3cbe") },
	    SLICE_LIT("event=test&id=1") } },
	{ "provider: generic, secret: s, options: { id: \"form:id\" }",
	  1767225600000,
	  { { H("Content-Type", "application/x-www-form-urlencoded"),
	      H("X-Webhook-Signature", "sha256=95eb8bb53c16abeb5d6ae49de3ab9d56c8ef484ca72627cb8935a77038ed3cbe") },
	    SLICE_LIT("event=test&id=1") },
	  { { H("Content-Type", "text/plain"),
	      H("X-Webhook-Signature", "sha256=95eb8bb53c16abeb5d6ae49de3ab9d56c8ef484ca72627cb8935a77038ed3cbe") },
	    SLICE_LIT("event=test&id=1") } },
	/* Fields stand behind each other with colons, and a reference may have some. */
	{ "provider: adyen, secret: 44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
	  1767225600000,
	  { { H("Content-Type", "application/json") }, ADYEN_ITEM("P", "", "M", "R:1", "100") },
	  { { H("Content-Type", "application/json") }, ADYEN_ITEM("P:", "M", "R", "1", "100") } },
	/* The port that the scheme has anyway may stand there or not. */
	{ "provider: twilio, secret: s",
	  1767225600000,
	  { { H("Content-Type", "application/x-www-form-urlencoded"), H("Host", "h"),
	      H("X-Twilio-Signature", "tg6efYRaDmzpMhD1KPAnavlgfiU="), H("I-Twilio-Idempotency-Token", "1") },
	    SLICE_LIT("CallSid=CA1") },
	  { { H("Content-Type", "application/x-www-form-urlencoded"), H("Host", "h:80"),
	      H("X-Twilio-Signature", "tg6efYRaDmzpMhD1KPAnavlgfiU="), H("I-Twilio-Idempotency-Token", "2") },
	    SLICE_LIT("CallSid=CA1") } },
};

static void judge(struct trust_fixture *f, const struct row *row, const struct request_of *of, char guard[65],
		  char id[256])
{
	struct request request = { .method = SLICE("POST"),
				   .path = SLICE("/a"),
				   .target = SLICE("/a"),
				   .headers = (struct header *)(uintptr_t)of->headers,
				   .body = of->body };
	struct trust_verdict verdict;
	enum trust_event_result result;
	struct trust_event event;

	while (request.header_count < HEADERS && of->headers[request.header_count].name.n > 0)
		request.header_count++;
	verdict = fixture_check(f, &request, row->now_ms);
	if (verdict.result != TRUST_ACCEPTED)
		fail_msg("%s: %s", row->route, verdict.reason);
	assert_in_range(verdict.guard.n, 0, 32);
	guard[0] = '\0';
	for (size_t i = 0; i < verdict.guard.n; i++)
		(void)snprintf(guard + 2 * i, 3, "%02x", verdict.guard.p[i]);
	assert_int_equal(trust_read_event(fixture_verifier(f), &request, f->arena, &event, &result), 0);
	(void)snprintf(id, 256, "%d %.*s", (int)result, SLICE_ARGS(event.id));
}

static void test_remembered(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char route[256], guards[2][65], ids[2][256];
		struct trust_fixture f;

		(void)snprintf(route, sizeof(route), "  - { name: a, path: /a, %s }\n", rows[i].route);
		fixture_open(&f, NULL, route);
		judge(&f, &rows[i], &rows[i].sent, guards[0], ids[0]);
		judge(&f, &rows[i], &rows[i].again, guards[1], ids[1]);
		/* Else there would be nothing to remember. */
		assert_string_not_equal(ids[0], ids[1]);
		assert_string_not_equal(guards[0], "");
		assert_string_equal(guards[0], guards[1]);
		if (!trust_replay_guarded(fixture_verifier(&f)))
			fail_msg("%s: not guarded", rows[i].route);
		fixture_close(&f);
	}
}

/* Two events that differ in what is not signed, and have no id: two all the same. */
static void test_two_events(void **state)
{
	static const struct row two[] = {
		{ "provider: twilio, secret: s",
		  0,
		  { { H("Content-Type", "application/json"), H("Host", "h"),
		      H("X-Twilio-Signature", "jywFo0j5J0Lh5/Z3thNb5lQk9XA=") },
		    SLICE_LIT("{\"a\":1}") },
		  { { H("Content-Type", "application/json"), H("Host", "h"),
		      H("X-Twilio-Signature", "jywFo0j5J0Lh5/Z3thNb5lQk9XA=") },
		    SLICE_LIT("{\"a\":2}") } },
		{ "provider: rfc9421, secret: k",
		  1767225600000,
		  { { H("Signature-Input", "a=(\"@method\");created=1767225600"),
		      H("Signature", "a=:+0vjM5dsVvOZBnP93SvcbF0b1AXlL/TGBI7sN40XayE=:") },
		    SLICE_LIT("{\"a\":1}") },
		  { { H("Signature-Input", "a=(\"@method\");created=1767225600"),
		      H("Signature", "a=:+0vjM5dsVvOZBnP93SvcbF0b1AXlL/TGBI7sN40XayE=:") },
		    SLICE_LIT("{\"a\":2}") } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(two); i++) {
		char route[256], guards[2][65], ids[2][256], again[256];
		struct trust_fixture f;

		(void)snprintf(route, sizeof(route), "  - { name: a, path: /a, %s }\n", two[i].route);
		fixture_open(&f, NULL, route);
		judge(&f, &two[i], &two[i].sent, guards[0], ids[0]);
		judge(&f, &two[i], &two[i].again, guards[1], ids[1]);
		judge(&f, &two[i], &two[i].sent, guards[0], again);
		assert_string_not_equal(ids[0], ids[1]);
		assert_string_equal(ids[0], again);
		assert_string_equal(guards[0], "");
		fixture_close(&f);
	}
}

/* The MAC with each of the texts below, the last line end left out as it is in a configuration. */
static const char *const FORGED[] = {
	"a=:lfPWChK03oNf5P635z8/dt3pKZFlveXCNRG2j3OE7qE=:",
	"a=:7MXgK/hp8MdA3Q/PcDW9Cgx8toZAEHdL7wG/NDdei5E=:",
	"a=:HyCjmqAZOdMMugsfC2RX58v8A9bQia02zs71ANcY05c=:",
	"a=:nVrMnrPL5C6rdlSsmy7u2YEKyvj0Sr6TnQ5SYmfpnP8=:",
};

/* What may be either has to be told by the route. */
static void test_shared_or_public(void **state)
{
	static const struct {
		const char *secret, *options, *finding; /* NULL: fine */
	} secrets[] = {
		{ "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=", "", "options.key says which" },
		{ "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs", "", "options.key says which" },
		{ "26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb", "", "options.key says which" },
		{ "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=", "{ key: public }", NULL },
		{ "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=", "{ key: shared }", NULL },
		{ "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=", "{ key: both }", "shared, public" },
		{ "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=", "", NULL },
		{ "a shared secret", "", NULL },
		{ "a shared secret", "{ key: public }", "is no key" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
		struct trust_fixture f;
		char route[512];

		(void)snprintf(route, sizeof(route),
			       "  - { name: a, path: /a, provider: rfc9421, secret: \"%s\"%s%s }\n", secrets[i].secret,
			       secrets[i].options[0] ? ", options: " : "", secrets[i].options);
		fixture_open(&f, NULL, route);
		if (secrets[i].finding ? !strstr(fixture_findings(&f.diag), secrets[i].finding) : f.result != 0)
			fail_msg("%s: %s", route, fixture_findings(&f.diag));
		fixture_close(&f);
	}
}

/* A public key with lines before it is none that others may sign with. */
static void test_public_key_is_no_secret(void **state)
{
	static const char *const before[] = { "", "\\n", "# the key\\n", "Bag Attributes\\n    friendlyName: x\\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		struct trust_fixture f;
		char route[512];

		(void)snprintf(route, sizeof(route),
			       "  - { name: a, path: /a, provider: rfc9421, secret: \"%s-----BEGIN PUBLIC KEY-----\\n"
			       "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\\n"
			       "-----END PUBLIC KEY-----\\n\" }\n",
			       before[i]);
		fixture_open(&f, NULL, route);
		if (f.result == 0) {
			struct header headers[] = {
				H("Host", "h"),
				H("Signature-Input", "a=(\"@method\");created=1767225600"),
				{ SLICE_LIT("Signature"), slice_str(FORGED[i]) },
			};
			struct request request = { .method = SLICE("POST"),
						   .path = SLICE("/a"),
						   .target = SLICE("/a"),
						   .headers = headers,
						   .header_count = ARRAY_SIZE(headers) };

			assert_int_equal(fixture_check(&f, &request, 1767225600000).result, TRUST_SIGNATURE_MISMATCH);
		}
		fixture_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_remembered), cmocka_unit_test(test_two_events),
					    cmocka_unit_test(test_shared_or_public),
					    cmocka_unit_test(test_public_key_is_no_secret) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
