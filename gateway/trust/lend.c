/* lend.c - a route's verifier with a secret that was learned in a handshake; see trust.h.
 *
 * The special difficulty: all else of the verifier is shared with the route's own, which outlives it; only the secret is freed. */
#include "trust/key.h"
#include "trust/set.h"

#include <errno.h>
#include <stdlib.h>

int trust_lend(const struct trust_verifier *verifier, struct slice secret, struct trust_verifier **out,
	       struct reason *reason)
{
	struct trust_verifier *lent;
	int fault = -ENOMEM;

	if (verifier->secret_count > 0 || verifier->route->keep_learned != CONFIG_SWITCH_ON) {
		reason_set(reason, "the route has a secret, or keeps none");
		return -EINVAL;
	}
	lent = malloc(sizeof(*lent));
	if (!lent)
		return -ENOMEM;
	*lent = *verifier;
	lent->secrets = calloc(1, sizeof(lent->secrets[0]));
	if (lent->secrets)
		fault = trust_secret_open(&verifier->description->verify, secret, &lent->secrets[0], reason);
	if (fault) {
		free(lent->secrets);
		free(lent);
		return fault;
	}
	lent->secrets[0].name = SLICE("learned");
	lent->secrets[0].not_before_ms = INT64_MIN;
	lent->secrets[0].not_after_ms = INT64_MAX;
	lent->secret_count = 1;
	*out = lent;
	return 0;
}

void trust_lent_free(struct trust_verifier *lent)
{
	if (!lent)
		return;
	trust_secret_close(&lent->secrets[0]);
	free(lent->secrets);
	free(lent);
}
