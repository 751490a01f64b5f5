/* trust_plugin_key.c - private keys for plugins, and what `hookgate send` makes for providers that have one. */
#include "base/clock.h"
#include "trust/certificate.h"
#include "trust/plugin_call.h"
#include "trust_fixture.h"

#include <errno.h>
#include <unistd.h>

static const struct plugin_host *const host = &trust_plugin_host;
static const struct plugin_bytes any = { NULL, 0 };

#define SEED                                                                                                           \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"seed\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"," \
	"\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}"

struct asking {
	struct trust_fixture f;
	struct request request;
	struct trust_plugin_draft draft;
	struct plugin_call call;
};

/* Of rfc9421, which takes secrets of both kinds: the first is the private key of RFC 8037, A.1, the second its public key,
 * the third a shared one. */
static int open_asking(void **state)
{
	struct asking *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	fixture_open(&a->f, NULL,
		     "  - name: a\n    path: /a\n    provider: rfc9421\n    secrets:\n"
		     "      - { name: one, value: '" SEED "' }\n"
		     "      - { name: two, value: '{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
		     "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}' }\n"
		     "      - { name: three, value: shared }\n");
	a->call = (struct plugin_call){ .magic = PLUGIN_CALL_MAGIC,
					.verifier = fixture_verifier(&a->f),
					.request = &a->request,
					.arena = a->f.arena,
					.now_ms = 1764000000000,
					.draft = &a->draft };
	*state = a;
	return 0;
}

static int close_asking(void **state)
{
	struct asking *a = *state;

	fixture_close(&a->f);
	free(a);
	return 0;
}

static void test_signing(void **state)
{
	struct asking *a = *state;
	struct plugin_call *call = &a->call;
	struct plugin_bytes pieces[2] = { PLUGIN_LITERAL("some "), PLUGIN_LITERAL("text") }, signature, kid;

	assert_int_equal(host->sign_with(call, 0, PLUGIN_ED25519, PLUGIN_DER, pieces, 2, &signature), PLUGIN_OK);
	assert_int_equal(signature.n, 64);
	assert_int_equal(host->verify(call, 1, any, PLUGIN_ED25519, PLUGIN_DER, pieces, 2, signature), PLUGIN_OK);
	pieces[0] = PLUGIN_LITERAL("other ");
	assert_int_equal(host->verify(call, 1, any, PLUGIN_ED25519, PLUGIN_DER, pieces, 2, signature), PLUGIN_MISMATCH);
	assert_int_equal(host->kid(call, 0, &kid), PLUGIN_OK);
	assert_slice(trust_plugin_slice(kid), "seed");
	/* A public key signs nothing, and no key is of another kind. */
	assert_int_equal(host->sign_with(call, 1, PLUGIN_ED25519, PLUGIN_DER, pieces, 2, &signature), PLUGIN_MISMATCH);
	assert_int_equal(host->sign_with(call, 0, PLUGIN_RSA_SHA256, PLUGIN_DER, pieces, 2, &signature),
			 PLUGIN_MISMATCH);
	assert_int_equal(host->kid(call, 1, &kid), PLUGIN_MISSING);
	assert_false(call->wrong);
}

#define WRONG(what)                                                                                                    \
	do {                                                                                                           \
		a->call.wrong = false;                                                                                 \
		assert_int_equal(what, PLUGIN_WRONG);                                                                  \
		assert_true(a->call.wrong);                                                                            \
	} while (0)

static void test_asked_wrongly(void **state)
{
	struct asking *a = *state;
	struct plugin_call *call = &a->call;
	struct plugin_bytes out = { NULL, 0 }, nothing = { NULL, 7 };

	WRONG(host->sign_with(call, 2, PLUGIN_ED25519, PLUGIN_DER, &out, 1, &out));
	WRONG(host->sign_with(call, 3, PLUGIN_ED25519, PLUGIN_DER, &out, 1, &out));
	WRONG(host->sign_with(call, 0, (enum plugin_algorithm)99, PLUGIN_DER, &out, 1, &out));
	WRONG(host->sign_with(call, 0, (enum plugin_algorithm) - 1, PLUGIN_DER, &out, 1, &out));
	WRONG(host->sign_with(call, 0, PLUGIN_ED25519, (enum plugin_form)2, &out, 1, &out));
	WRONG(host->sign_with(call, 0, PLUGIN_ED25519, PLUGIN_DER, NULL, 1, &out));
	WRONG(host->sign_with(call, 0, PLUGIN_ED25519, PLUGIN_DER, &nothing, 1, &out));
	WRONG(host->sign_with(call, 0, PLUGIN_ED25519, PLUGIN_DER, &out, 1, NULL));
	WRONG(host->kid(call, 2, &out));
	WRONG(host->kid(call, 0, NULL));
	/* Nothing is signed while a delivery is being proved. */
	call->draft = NULL;
	WRONG(host->sign_with(call, 0, PLUGIN_ED25519, PLUGIN_DER, &out, 1, &out));
}

/* ---- keys that are made ---- */

static void test_keys_that_are_made(void **state)
{
	static const struct {
		const char *route, *begins; /* of what is to be put into the route; NULL: there is no such key */
	} rows[] = {
		/* It has a private key, be it of the right kind or not. */
		{ "provider: ebay, secret: '" SEED "'", NULL },
		{ "provider: adyen, secret: 00", NULL },
		{ "provider: rfc9421, secret: shared", NULL },
		{ "provider: aws-sns, options: { topics: [ t ] }", "-----BEGIN CERTIFICATE-----\n" },
		{ "provider: paypal, options: { webhook_id: w }", "-----BEGIN CERTIFICATE-----\n" },
		{ "provider: rfc9421, secret: \"-----BEGIN PUBLIC "
		  "KEY-----\\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\\n-----END PUBLIC "
		  "KEY-----\"",
		  "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA" },
		{ "provider: truelayer", "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQ" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf private_text = BUF_EMPTY, public_text = BUF_EMPTY;
		struct trust_fixture f;
		char route[400];

		(void)snprintf(route, sizeof(route), "  - { name: a, path: /a, %s }\n", rows[i].route);
		fixture_open(&f, NULL, route);
		assert_int_equal(trust_needs_private_key(fixture_verifier(&f)), rows[i].begins != NULL);
		if (rows[i].begins) {
			assert_int_equal(trust_key_make(fixture_verifier(&f), &private_text, &public_text), 0);
			assert_true(slice_starts(buf_slice(&private_text), SLICE("-----BEGIN PRIVATE KEY-----\n")));
			assert_true(slice_starts(buf_slice(&public_text), slice_str(rows[i].begins)));
		}
		buf_wipe(&private_text);
		buf_free(&public_text);
		fixture_close(&f);
	}
}

/* It holds where the gateway is told to trust it, as a real one would that was fetched. */
static void test_a_certificate(void **state)
{
	static const char *const names[] = { "sns.*.amazonaws.com" }, *const others[] = { "*.paypal.com" };
	struct buf private_text = BUF_EMPTY, public_text = BUF_EMPTY, certificate = BUF_EMPTY;
	struct trust_certificate_rule rule = { .names = names, .name_count = 1, .now_ms = clock_wall_ms() };
	char path[] = "/tmp/hookgate-root-XXXXXX";
	struct trust_roots *roots = NULL;
	struct reason reason = { "" };
	int fd = mkstemp(path);
	const char *why;

	(void)state;
	assert_int_equal(trust_keypair_new(TRUST_RSA_SHA256, &private_text, &public_text), 0);
	assert_int_equal(trust_certificate_new(buf_slice(&private_text), SLICE("sns.test.amazonaws.com"), &certificate),
			 0);
	assert_int_equal(write(fd, certificate.p, certificate.n), certificate.n);
	close(fd);
	assert_int_equal(trust_roots_new(path, &roots, &reason), 0);
	unlink(path);
	rule.roots = roots;
	assert_true(trust_certificate_holds(buf_slice(&certificate), &rule, &why));
	rule.now_ms += 31LL * 86400 * 1000;
	assert_false(trust_certificate_holds(buf_slice(&certificate), &rule, &why));
	rule.now_ms = clock_wall_ms();
	rule.names = others;
	assert_false(trust_certificate_holds(buf_slice(&certificate), &rule, &why));
	assert_int_equal(trust_certificate_new(SLICE("no key"), SLICE("x"), &certificate), -EINVAL);
	trust_roots_free(roots);
	buf_wipe(&private_text);
	buf_free(&public_text);
	buf_free(&certificate);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_asking, close_asking)
	const struct CMUnitTest tests[] = { TEST(test_signing), TEST(test_asked_wrongly),
					    cmocka_unit_test(test_keys_that_are_made),
					    cmocka_unit_test(test_a_certificate) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
