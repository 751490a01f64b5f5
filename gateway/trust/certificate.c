/* certificate.c - see certificate.h.
 *
 * The special difficulty: this judges the very certificate whose key verifies, so it takes the text apart as key_text.c
 * does (OpenSSL's own reader passes over what is not quite PEM and might judge the next one), and refuses a text that
 * holds anything else, as a bare key would be tried too. */
#include "trust/certificate.h"

#include "base/encode.h"
#include "trust/public_key_inner.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

struct trust_roots {
	X509_STORE *store;
};

/* ---- roots ---- */

int trust_roots_new(const char *file, struct trust_roots **out, struct reason *reason)
{
	struct trust_roots *roots = calloc(1, sizeof(*roots));
	bool fine;

	if (roots)
		roots->store = X509_STORE_new();
	if (!roots || !roots->store) {
		free(roots);
		return -ENOMEM;
	}
	fine = (file ? X509_STORE_load_file(roots->store, file) : X509_STORE_set_default_paths(roots->store)) == 1;
	ERR_clear_error();
	if (!fine) {
		reason_set(reason,
			   file ? "holds no certificate that can be read" : "OpenSSL has no default certificates");
		trust_roots_free(roots);
		return -EINVAL;
	}
	*out = roots;
	return 0;
}

void trust_roots_free(struct trust_roots *roots)
{
	if (!roots)
		return;
	X509_STORE_free(roots->store);
	free(roots);
}

/* ---- the text ---- */

static X509 *read_one(struct slice inside, unsigned char *room)
{
	struct slice tight = trust_pem_squeeze(inside, room);
	const unsigned char *at = room + tight.n;
	X509 *certificate;
	size_t n = 0;

	if (!encode_base64_decode(ENCODE_BASE64_ANY, tight, room + tight.n, &n))
		return NULL;
	certificate = d2i_X509(NULL, &at, (long)n);
	if (certificate && at != room + tight.n + n) {
		X509_free(certificate);
		certificate = NULL;
	}
	return certificate;
}

/* All certificates of the text; NULL where something else stands in it, or too many. */
static STACK_OF(X509) * read_all(struct slice text, unsigned char *room)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	struct slice label, inside;
	bool fine = all;

	while (fine && trust_pem_begins(text)) {
		X509 *one = NULL;

		if (trust_pem_block(&text, &label, &inside) && slice_eq(label, SLICE("CERTIFICATE")) &&
		    sk_X509_num(all) < TRUST_CHAIN_MAX)
			one = read_one(inside, room);
		fine = one && sk_X509_push(all, one) > 0;
		if (!fine)
			X509_free(one);
	}
	if (fine && sk_X509_num(all) > 0)
		return all;
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

/* ---- names ---- */

static bool name_fits(struct slice pattern, struct slice name)
{
	struct slice wanted, label;
	bool more_wanted, more;

	do {
		more_wanted = slice_cut(pattern, '.', &wanted, &pattern);
		more = slice_cut(name, '.', &label, &name);
		if (label.n == 0 || (!slice_eq_nocase(wanted, label) && !slice_eq(wanted, SLICE("*"))))
			return false;
	} while (more_wanted && more);
	return !more_wanted && !more;
}

static bool one_fits(const struct trust_certificate_rule *rule, const ASN1_STRING *name)
{
	struct slice s = slice_of(ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name));

	for (size_t i = 0; i < rule->name_count; i++)
		if (name_fits(slice_str(rule->names[i]), s))
			return true;
	return false;
}

/* *has says whether there are any. */
static bool alternative_fits(const struct trust_certificate_rule *rule, const X509 *certificate, bool *has)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool fits = false;

	*has = false;
	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_DNS)
			continue;
		*has = true;
		fits |= one_fits(rule, name->d.dNSName);
	}
	GENERAL_NAMES_free(names);
	return fits;
}

static bool names_fit(const struct trust_certificate_rule *rule, const X509 *certificate)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	bool has_alternatives, fits = alternative_fits(rule, certificate, &has_alternatives);
	int at;

	if (has_alternatives)
		return fits;
	at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	return at >= 0 && one_fits(rule, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

/* ---- dates and issuers ---- */

static bool valid_at(const X509 *certificate, int64_t now_ms)
{
	time_t now = (time_t)(now_ms / 1000);

	/* 0 is a date that cannot be read. */
	return X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0 &&
	       X509_cmp_time(X509_get0_notAfter(certificate), &now) > 0;
}

static bool issued_by(const struct trust_certificate_rule *rule, STACK_OF(X509) * all)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	bool right = context && X509_STORE_CTX_init(context, rule->roots->store, sk_X509_value(all, 0), all) == 1;

	if (right) {
		X509_STORE_CTX_set_time(context, 0, (time_t)(rule->now_ms / 1000));
		X509_STORE_CTX_set_flags(context, X509_V_FLAG_PARTIAL_CHAIN);
		right = X509_verify_cert(context) == 1;
	}
	X509_STORE_CTX_free(context);
	return right;
}

static const char *judge(const struct trust_certificate_rule *rule, STACK_OF(X509) * all)
{
	const X509 *certificate = sk_X509_value(all, 0);

	if (!valid_at(certificate, rule->now_ms))
		return "the certificate is not valid now";
	if (!names_fit(rule, certificate))
		return "the certificate is for another name";
	if (rule->may_stand_alone && sk_X509_num(all) == 1)
		return NULL;
	return issued_by(rule, all) ? NULL : "the certificate is issued by nobody who is trusted (key_fetch.ca_file)";
}

bool trust_certificate_holds(struct slice text, const struct trust_certificate_rule *rule, const char **why)
{
	STACK_OF(X509) *all = NULL;
	unsigned char *room = NULL;

	if (text.n <= TRUST_RING_TEXT_MAX)
		room = malloc(text.n + encode_base64_room(text.n));
	if (room)
		all = read_all(text, room);
	*why = all ? judge(rule, all) : "what was fetched is no certificate";
	sk_X509_pop_free(all, X509_free);
	free(room);
	ERR_clear_error();
	return *why == NULL;
}
