/* key.h - what a secret's text stands for, as bytes. */
#ifndef HOOKGATE_TRUST_KEY_H
#define HOOKGATE_TRUST_KEY_H

#include "base/reason.h"
#include "trust/describe.h"

/* Takes off the prefix where it is there and decodes; *key is newly allocated and goes to trust_key_free(). 0; -EINVAL
 * with a reason, which never holds a part of the secret; or -ENOMEM. An empty key is refused: it would let everybody
 * in. */
int trust_key_new(enum trust_key_form form, struct slice prefix, struct slice secret, struct slice *key,
		  struct reason *reason) __attribute__((warn_unused_result));

/* Wipes, frees, and empties it. */
void trust_key_free(struct slice *key);

#endif
