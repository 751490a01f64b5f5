/* fuzz_describe.c - a provider's description from anywhere: read or refused with findings, and what was read can be
 * worked with. */
#include "base/buf.h"
#include "fuzz.h"
#include "trust/describe.h"
#include "trust/verify.h"

#include <errno.h>

static const struct header headers[] = {
	{ SLICE_LIT("Content-Type"), SLICE_LIT("application/json") },
	{ SLICE_LIT("Stripe-Signature"), SLICE_LIT("t=1764000000,v1=00ff,v1=aa") },
	{ SLICE_LIT("X-Sig"), SLICE_LIT("sha256=00") },
	{ SLICE_LIT("webhook-id"), SLICE_LIT("msg_1") },
	{ SLICE_LIT("webhook-timestamp"), SLICE_LIT("1764000000") },
	{ SLICE_LIT("webhook-signature"), SLICE_LIT("v1,AAAA v1,AA==") },
};

static void use(const struct trust_description *d)
{
	static const char *const methods[] = { "POST", "GET", "HEAD" };
	struct trust_verifier verifier = { .description = d };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct request request = {
			.method = slice_str(methods[i]),
			.path = SLICE("/"),
			.query = SLICE("challenge=a%20b&x=%"),
			.headers = headers,
			.header_count = sizeof(headers) / sizeof(headers[0]),
			.body = SLICE(
				"{\"id\":\"evt_1\",\"type\":\"a\",\"challenge\":\"c\",\"event\":{\"type\":\"t\"}}")
		};
		struct arena *arena = arena_new(4096, 1 << 20);
		struct trust_reading reading = {
			.description = d, .request = &request, .arena = arena, .verifier = &verifier
		};
		struct trust_evidence evidence;
		struct trust_verdict verdict = { .result = TRUST_ACCEPTED };
		const char *reason = NULL;

		MUST(arena);
		if (d->verify.scheme &&
		    trust_gather(&verifier, &request, 0, arena, &evidence, &reason) != TRUST_ACCEPTED)
			MUST(reason && *reason);
		if (trust_handshake(&verifier, &reading, NULL, false, &verdict))
			MUST(verdict.result == TRUST_CHALLENGE
				     ? verdict.answer.status >= 200 && verdict.answer.status <= 299
				     : verdict.refusal_status >= 400 && verdict.refusal_status <= 499);
		arena_free(arena);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct trust_description *d = NULL;
	int result = trust_description_read(slice_of(data, size), "fuzz.yaml", &diag, &d);

	MUST(result == 0 || d == NULL);
	MUST(result == 0 || diag.errors > 0 || diag.failed || result != -EINVAL);
	if (result == 0) {
		MUST(d->name.n > 0);
		use(d);
	}
	trust_description_free(d);
	config_diag_free(&diag);
	return 0;
}
