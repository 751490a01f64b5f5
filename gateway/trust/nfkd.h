/* nfkd.h - Unicode's normalization form KD (UAX #15), for providers that normalise their secrets. */
#ifndef HOOKGATE_TRUST_NFKD_H
#define HOOKGATE_TRUST_NFKD_H

#include "base/slice.h"

/* How long what comes of n bytes may be: no point grows more than U+FDFA does, from 3 bytes to 33. */
#define TRUST_NFKD_ROOM(n) ((n)*11)

/* Writes the text's form, at most TRUST_NFKD_ROOM bytes. 0; -EINVAL where the text is not UTF-8; -ENOMEM. Nothing of the
 * text is left behind in memory. */
int trust_nfkd(struct slice text, unsigned char *out, size_t *n) __attribute__((warn_unused_result));

#endif
