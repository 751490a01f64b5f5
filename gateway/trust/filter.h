/* filter.h - what stands behind a place in a template: {body|sha256|hex}.
 *
 * The special difficulty: the filter `hmac` makes something with the secret. On a request that proves nothing it must
 * not become a way to have a delivery signed by asking for it; see trust_filter_apply(). */
#ifndef HOOKGATE_TRUST_FILTER_H
#define HOOKGATE_TRUST_FILTER_H

#include "trust/template.h"

#define TRUST_FILTER_NAMES                                                                                             \
	"json, jsonstr, hex, base64, base64url, unbase64, lower, upper, crc32, hmac, md5, sha1, sha256, sha384, "      \
	"sha512"

bool trust_filter_named(struct slice name, enum trust_filter *out);

/* *out may be &in's slice; it is in the arena. False when memory is short, `unbase64` has nothing it can decode, or
 * `hmac` has no secret or must not: while reading->unproven, it only takes 1 to 64 of the characters of base64 and
 * base64url, which no JSON body and no signed text with a separator consists of. */
bool trust_filter_apply(enum trust_filter filter, struct trust_reading *reading, struct slice in, struct slice *out)
	__attribute__((warn_unused_result));

/* Could the MAC over these have come from a handshake that nobody signed? What is so is no delivery, whatever its
 * signature. */
bool trust_filter_was_for_all(const struct trust_parts *parts) __attribute__((warn_unused_result));

#endif
