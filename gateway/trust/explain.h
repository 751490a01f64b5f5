/* explain.h - what the files that explain a refusal know of each other. Not for other rooms. */
#ifndef HOOKGATE_TRUST_EXPLAIN_H
#define HOOKGATE_TRUST_EXPLAIN_H

#include "trust/verify.h"

/* Strangers' bytes as a person may see them, cut where they are long. */
void trust_explain_escaped(struct buf *out, struct slice s);

/* explain_token.c: what the token says of itself, and each claim that is looked at beside what it must be. */
void trust_explain_token(const struct trust_verifier *verifier, const struct trust_evidence *evidence, int64_t now_ms,
			 struct buf *out);

#endif
