/* deliveries.c - makes the request from its template and signs it a few hundred thousand times.
 *
 * The difficulty is to know where the changing parts stand: the head is printed with the first delivery's values, and their
 * places are found in the finished request. */
#include "deliveries.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define TEMPLATE_MAX (1024U * 1024)
#define STRIPE_OR_GITHUB_SIGNATURE 64

static const char zeros[DELIVERIES_ID + 1] = "000000000000000000000000";

static void digits(char *out, size_t n, uint64_t value)
{
	while (n--) {
		out[n] = (char)('0' + value % 10);
		value /= 10;
	}
}

static void id_write(const struct deliveries *set, char *out, uint64_t i)
{
	digits(out, 12, set->series);
	digits(out + 12, 12, i);
}

static char *template_read(const char *file, size_t *size)
{
	FILE *in = fopen(file, "rb");
	char *text = malloc(TEMPLATE_MAX);
	size_t n = in && text ? fread(text, 1, TEMPLATE_MAX, in) : 0;
	if (in)
		(void)fclose(in);
	/* An editor's last newline is no part of a provider's body. */
	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0 && n < TEMPLATE_MAX) {
		*size = n;
		return text;
	}
	free(text);
	(void)fprintf(stderr, "load: cannot read the body from %s\n", file);
	return NULL;
}

static int head_print(const struct deliveries_setup *setup, size_t body, long long now, char *out, size_t room)
{
	const char *suffix = setup->spread ? "-00000" : "";
	if (setup->kind == DELIVERIES_STRIPE)
		return snprintf(out, room,
				"POST %s%s HTTP/1.1\r\nHost: hooks.example.com\r\nContent-Type: application/json; "
				"charset=utf-8\r\n"
				"Content-Length: %zu\r\nUser-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n"
				"Accept: */*; q=0.5, application/xml\r\nCache-Control: no-cache\r\n"
				"Stripe-Signature: t=%lld,v1=%064d\r\n\r\n",
				setup->path, suffix, body, now, 0);
	return snprintf(
		out, room,
		"POST %s%s HTTP/1.1\r\nHost: hooks.example.com\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\nUser-Agent: GitHub-Hookshot/044aadd\r\nAccept: */*\r\nX-GitHub-Event: push\r\n"
		"X-GitHub-Hook-ID: 292430182\r\nX-GitHub-Hook-Installation-Target-ID: 79929171\r\n"
		"X-GitHub-Hook-Installation-Target-Type: repository\r\nX-GitHub-Delivery: %s\r\n"
		"X-Hub-Signature-256: sha256=%064d\r\n\r\n",
		setup->path, suffix, body, zeros, 0);
}

/* Every run of 24 zeros is an id, but for what stands in the signature. */
static bool ids_find(struct deliveries *set)
{
	for (size_t at = 0; at < set->size;) {
		char *found = memmem(set->request + at, set->size - at, zeros, DELIVERIES_ID);
		if (!found)
			break;
		at = (size_t)(found - set->request);
		if (at >= set->signature && at < set->signature + set->signature_size) {
			at = set->signature + set->signature_size;
			continue;
		}
		if (set->id_count == DELIVERIES_SLOTS)
			return false;
		set->ids[set->id_count++] = at;
		at += DELIVERIES_ID;
	}
	return set->id_count > 0;
}

static bool slots_find(struct deliveries *set, size_t head)
{
	char *signature =
		memmem(set->request, head, "=0000000000000000000000000000000000000000000000000000000000000000", 65);
	if (!signature)
		return false;
	set->signature = (size_t)(signature + 1 - set->request);
	set->signature_size = STRIPE_OR_GITHUB_SIGNATURE;
	set->suffix = set->spread ? (size_t)((char *)memmem(set->request, head, "-00000 ", 7) - set->request) + 1 : 0;
	return ids_find(set);
}

static bool request_make(const struct deliveries_setup *setup, long long now, struct deliveries *set, size_t *head)
{
	size_t body;
	char *text = template_read(setup->template_file, &body);
	if (!text)
		return false;
	set->request = malloc(body + 2048);
	int n = set->request ? head_print(setup, body, now, set->request, 2048) : -1;
	if (n > 0 && n < 2048) {
		memcpy(set->request + n, text, body);
		set->size = (size_t)n + body;
		*head = (size_t)n;
	}
	free(text);
	if (n <= 0 || n >= 2048 || !slots_find(set, (size_t)n)) {
		(void)fprintf(stderr, "load: the body in %s has no id (24 zeros), or too many\n", setup->template_file);
		return false;
	}
	return true;
}

/* A context with the key in it: beginning anew with no key spares the key's set-up. */
static EVP_MAC_CTX *mac_new(const char *secret)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
				OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	if (context && EVP_MAC_init(context, (const unsigned char *)secret, strlen(secret), params) == 1)
		return context;
	EVP_MAC_CTX_free(context);
	return NULL;
}

static bool sign(EVP_MAC_CTX *mac, const char *prefix, const char *body, size_t size, char *hex)
{
	unsigned char raw[32];
	size_t n;
	if (EVP_MAC_init(mac, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(mac, (const unsigned char *)prefix, strlen(prefix)) != 1 ||
	    EVP_MAC_update(mac, (const unsigned char *)body, size) != 1 ||
	    EVP_MAC_final(mac, raw, &n, sizeof(raw)) != 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = "0123456789abcdef"[raw[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[raw[i] & 15];
	}
	return true;
}

static bool sign_all(const struct deliveries_setup *setup, long long now, struct deliveries *set, size_t head)
{
	char prefix[32] = "";
	EVP_MAC_CTX *mac = mac_new(setup->secret);
	bool ok = mac && (set->signatures = malloc(setup->count * set->signature_size));
	if (setup->kind == DELIVERIES_STRIPE)
		(void)snprintf(prefix, sizeof(prefix), "%lld.", now);
	for (uint64_t i = 0; ok && i < setup->count; i++) {
		for (size_t k = 0; k < set->id_count; k++)
			id_write(set, set->request + set->ids[k], i);
		char *hex = set->signatures + i * set->signature_size;
		ok = sign(mac, prefix, set->request + head, set->size - head, hex);
		if (setup->bad)
			hex[63] = hex[63] == '0' ? '1' : '0';
	}
	EVP_MAC_CTX_free(mac);
	return ok;
}

bool deliveries_make(const struct deliveries_setup *setup, struct deliveries *out)
{
	long long now = (long long)time(NULL);
	size_t head;
	*out = (struct deliveries){ .count = setup->count, .spread = setup->spread };
	if (getrandom(&out->series, sizeof(out->series), 0) != (ssize_t)sizeof(out->series))
		return false;
	out->series %= 1000000000000U;
	if (!request_make(setup, now, out, &head))
		return false;
	if (!sign_all(setup, now, out, head)) {
		(void)fprintf(stderr, "load: cannot sign\n");
		return false;
	}
	return true;
}

/* The first line: five numbers. */
static bool signed_sizes(FILE *in, struct deliveries *set)
{
	char line[128];
	unsigned long n[5];
	if (!fgets(line, sizeof(line), in) || sscanf(line, "%lu %lu %lu %lu %lu", n, n + 1, n + 2, n + 3, n + 4) != 5)
		return false;
	set->size = n[0];
	set->signature = n[1];
	set->signature_size = n[2];
	set->count = n[3];
	set->series = n[4];
	return set->size > 0 && set->size <= TEMPLATE_MAX && set->count > 0 && set->signature_size <= set->size &&
	       set->signature <= set->size - set->signature_size;
}

bool deliveries_read(const char *file, struct deliveries *out)
{
	FILE *in = fopen(file, "rb");
	*out = (struct deliveries){ 0 };
	bool ok = in && signed_sizes(in, out) && (out->request = malloc(out->size)) &&
		  (out->signatures = malloc(out->count * out->signature_size + 1));
	ok = ok && fread(out->request, 1, out->size, in) == out->size &&
	     fread(out->signatures, 1, out->count * out->signature_size, in) == out->count * out->signature_size &&
	     ids_find(out);
	if (in)
		(void)fclose(in);
	if (!ok)
		(void)fprintf(stderr, "load: cannot read the deliveries from %s\n", file);
	return ok;
}

void deliveries_free(struct deliveries *set)
{
	free(set->request);
	free(set->signatures);
	*set = (struct deliveries){ 0 };
}

void deliveries_patch(const struct deliveries *set, char *request, uint64_t i)
{
	for (size_t k = 0; k < set->id_count; k++)
		id_write(set, request + set->ids[k], i);
	memcpy(request + set->signature, set->signatures + i * set->signature_size, set->signature_size);
	if (set->spread)
		digits(request + set->suffix, 5, i % set->spread);
}
