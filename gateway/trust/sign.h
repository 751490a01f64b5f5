/* sign.h - how a signature is written: the other direction of what verify.h and grammar.h read. */
#ifndef HOOKGATE_TRUST_SIGN_H
#define HOOKGATE_TRUST_SIGN_H

#include "trust/describe.h"

/* "v1=abc", "sha256=abc", "hookgate/abc", "abc": one value as the grammar has it, in the arena. */
struct slice trust_spell(const struct trust_grammar *grammar, struct slice value, struct arena *arena);

/* Bytes in that encoding, in the arena; of text the bytes themselves. */
struct slice trust_encode(enum trust_encoding encoding, struct slice bytes, struct arena *arena);

#endif
