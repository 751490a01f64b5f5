/* certificate.h - may a certificate be believed? Who issued it, for which names, and until when.
 *
 * Only for certificates that come from elsewhere: one that stands in the configuration is trusted because it stands
 * there. What a certificate's key is good for, public_key.h says, which takes the first one of the same text. */
#ifndef HOOKGATE_TRUST_CERTIFICATE_H
#define HOOKGATE_TRUST_CERTIFICATE_H

#include "base/reason.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { TRUST_CHAIN_MAX = 8 /* certificates in one text */ };

/* Whose signature on a certificate counts; immutable, for any thread. */
struct trust_roots;

/* The certificates in a file (PEM); NULL: the system's, which are looked up in the directory or file that OpenSSL was
 * built with, or that SSL_CERT_DIR and SSL_CERT_FILE name, when they are needed. 0; -EINVAL with a reason where the file
 * holds none; or -ENOMEM. */
int trust_roots_new(const char *file, struct trust_roots **out, struct reason *reason)
	__attribute__((warn_unused_result));

/* Accepts NULL. */
void trust_roots_free(struct trust_roots *roots);

struct trust_certificate_rule {
	/* "*.example.com": "*" stands for any one label. One of its names must fit one of these, in any case. Its names
	 * are the DNS names in its subjectAltName; where it has no such, its common name (RFC 6125, 6.4.4). */
	const char *const *names;
	size_t name_count;

	/* The text may hold the certificate alone, without its issuers' (Amazon's do); then who issued it is not looked
	 * at. A text that does hold issuers is held to them all the same. */
	bool may_stand_alone;

	const struct trust_roots *roots;
	int64_t now_ms;
};

/* The text is PEM of certificates and of nothing else: first the one in question, behind it those of its issuers, in any
 * order. All of the chain must be valid at that time and end at one of the roots; a root may be any certificate, also one
 * in the middle (RFC 5280, 6.1). False with a reason, a literal. */
bool trust_certificate_holds(struct slice text, const struct trust_certificate_rule *rule, const char **why)
	__attribute__((warn_unused_result));

#endif
