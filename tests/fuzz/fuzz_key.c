/* fuzz_key.c - public keys as text and as DER, and signatures of any form: nothing is read beyond its end, what is
 * taken is of a kind and size that may be taken, and a signature that nobody made is never right.
 *
 * Input: a byte of choice, then the key. */
#include "fuzz.h"
#include "trust/certificate.h"
#include "trust/public_key.h"

#include <string.h>

static void judge(const struct trust_key_ring *ring, struct slice input)
{
	MUST(trust_key_ring_count(ring) > 0 && trust_key_ring_count(ring) <= TRUST_RING_MAX);
	for (int a = TRUST_ED25519; a <= TRUST_RSA_PSS_SHA512; a++) {
		enum trust_algorithm algorithm = (enum trust_algorithm)a;
		struct trust_message message;

		if (!trust_key_ring_fits(ring, algorithm))
			continue;
		MUST(trust_message_init(&message, algorithm, &input, 1) == 0);
		MUST(!trust_ring_verify(ring, &message, TRUST_FORM_DER, slice_head(input, 70)));
		MUST(!trust_ring_verify(ring, &message, TRUST_FORM_RAW, slice_head(input, 64)));
		MUST(!trust_ring_verify(ring, &message, TRUST_FORM_RAW, slice_head(input, 256)));
		trust_message_clear(&message);
	}
}

/* What a plugin fetched: the same text is looked at as a certificate and those of its issuers. */
static void judge_certificate(struct slice input)
{
	static const char *const names[] = { "*.example.com", "sns.*.amazonaws.com" };
	static struct trust_roots *roots;
	struct reason reason = { "" };
	struct trust_certificate_rule rule = { .names = names, .name_count = 2, .now_ms = 1780000000000 };
	const char *why = NULL;
	bool holds;

	MUST(roots || trust_roots_new(NULL, &roots, &reason) == 0);
	rule.roots = roots;
	for (unsigned alone = 0; alone <= 1; alone++) {
		rule.may_stand_alone = alone;
		holds = trust_certificate_holds(input, &rule, &why);
		MUST(holds == (why == NULL));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_from(slice_of(data, size), 1);
	struct trust_key_ring *ring = NULL;
	struct reason reason = { "" };
	int result;

	if (size == 0)
		return 0;
	result = data[0] == 'd' ? trust_key_ring_der(input, &ring, &reason) : trust_key_ring_new(input, &ring, &reason);
	MUST(result == 0 || (result == -22 && reason.text[0] && !ring));
	if (result == 0)
		judge(ring, input);
	judge_certificate(input);
	trust_key_ring_free(ring);
	return 0;
}
