/* key.h - what a secret's text stands for, as bytes and as keys. */
#ifndef HOOKGATE_TRUST_KEY_H
#define HOOKGATE_TRUST_KEY_H

#include "base/reason.h"
#include "trust/set.h"

/* Takes off the first prefix of the rule that is there and decodes; *key is newly allocated and goes to
 * trust_key_free(). 0; -EINVAL with a reason, which never holds a part of the secret; or -ENOMEM. An empty key is
 * refused: it would let everybody in. */
int trust_key_new(const struct trust_key_rule *rule, struct slice secret, struct slice *key, struct reason *reason)
	__attribute__((warn_unused_result));

/* Wipes, frees, and empties it. */
void trust_key_free(struct slice *key);

/* The same, and what the scheme makes of it: a public key's text is read. Fills key, hash and ring of *secret. As
 * above. */
int trust_secret_open(const struct trust_verify *verify, struct slice text, struct trust_secret *secret,
		      struct reason *reason) __attribute__((warn_unused_result));
/* Are the secrets public keys? */
bool trust_takes_public(const struct trust_verify *verify);

void trust_secret_close(struct trust_secret *secret);

#endif
