/* plugin_call.h - one delivery on its way through a plugin: what is behind the opaque `struct plugin_call`, and the steps
 * that verify.c, event.c and sign.c ask a plugin for. */
#ifndef HOOKGATE_TRUST_PLUGIN_CALL_H
#define HOOKGATE_TRUST_PLUGIN_CALL_H

#include "trust/plugin.h"
#include "trust/verify.h"

#include <stdint.h>

enum { PLUGIN_CALL_MAGIC = 0x504c5547, PLUGIN_CALL_MEMORY = 16 * 1024 * 1024 };

/* Where a draft's headers go. */
struct trust_plugin_draft {
	struct header *headers;
	size_t room, count;
	struct slice target, body;
	bool full;
};

struct plugin_call {
	uint32_t magic; /* what a plugin hands back is ours */
	const struct trust_verifier *verifier;
	const struct request *request;
	struct trust_lane *lane; /* in prove(); else NULL */
	struct slice key_url;	 /* that is being fetched */
	struct arena *arena;
	int64_t now_ms;
	struct trust_evidence *evidence;  /* while it is being verified; else NULL */
	struct answer *answer;		  /* in handshake() */
	struct trust_plugin_draft *draft; /* in sign() */
	const char *reason;		  /* NULL: it has said none */
	void *state;
	size_t state_size, allocated;
	const struct plugin_field *fields[2]; /* by enum plugin_fields, once they were asked for */
	size_t field_count[2];
	enum trust_cover covered;
	bool wrong; /* it has asked wrongly, or memory is short */
};

extern const struct plugin_host trust_plugin_host;

/* The functions that need keys and hashes, in a file of their own. */
enum plugin_result trust_plugin_mac(struct plugin_call *call, enum plugin_hash hash, uint32_t secret,
				    const struct plugin_bytes *pieces, size_t count, struct plugin_bytes *mac);
enum plugin_result trust_plugin_mac_with(struct plugin_call *call, enum plugin_hash hash, struct plugin_bytes key,
					 const struct plugin_bytes *pieces, size_t count, struct plugin_bytes *mac);
enum plugin_result trust_plugin_digest(struct plugin_call *call, enum plugin_hash hash,
				       const struct plugin_bytes *pieces, size_t count, struct plugin_bytes *digest);
enum plugin_result trust_plugin_verify(struct plugin_call *call, uint32_t secret, struct plugin_bytes kid,
				       enum plugin_algorithm algorithm, enum plugin_form form,
				       const struct plugin_bytes *pieces, size_t count, struct plugin_bytes signature);
enum plugin_result trust_plugin_verify_with(struct plugin_call *call, struct plugin_bytes keys, struct plugin_bytes kid,
					    enum plugin_algorithm algorithm, enum plugin_form form,
					    const struct plugin_bytes *pieces, size_t count,
					    struct plugin_bytes signature);
enum plugin_result trust_plugin_decrypt(struct plugin_call *call, struct plugin_bytes key, struct plugin_bytes iv,
					struct plugin_bytes text, struct plugin_bytes *plain);
enum plugin_result trust_plugin_encrypt(struct plugin_call *call, struct plugin_bytes key, struct plugin_bytes iv,
					struct plugin_bytes text, struct plugin_bytes *cipher);
enum plugin_result trust_plugin_sign_with(struct plugin_call *call, uint32_t secret, enum plugin_algorithm algorithm,
					  enum plugin_form form, const struct plugin_bytes *pieces, size_t count,
					  struct plugin_bytes *signature);
enum plugin_result trust_plugin_kid(struct plugin_call *call, uint32_t secret, struct plugin_bytes *kid);
bool trust_plugin_visit(struct plugin_call *call, struct plugin_bytes url);
enum plugin_result trust_plugin_fetch(struct plugin_call *call, struct plugin_bytes url, struct plugin_bytes *document);
enum plugin_result trust_plugin_certificate(struct plugin_call *call, struct plugin_bytes text,
					    const char *const *names, size_t count, enum plugin_issuers issuers);
bool trust_plugin_is_key(struct plugin_call *call, uint32_t secret);
uint32_t trust_plugin_secrets(struct plugin_call *call);
enum plugin_result trust_plugin_secret(struct plugin_call *call, uint32_t secret, struct plugin_bytes *key);

/* What a plugin found, in a file of their own. */
void trust_plugin_reason(struct plugin_call *call, const char *why);
void trust_plugin_signature(struct plugin_call *call, struct plugin_bytes text);
void trust_plugin_signed_text(struct plugin_call *call, const struct plugin_bytes *pieces, size_t count);
void trust_plugin_signed_at(struct plugin_call *call, int64_t wall_ms);
void trust_plugin_covers(struct plugin_call *call, enum plugin_cover cover);
enum plugin_result trust_plugin_answer(struct plugin_call *call, unsigned status, struct plugin_bytes content_type,
				       struct plugin_bytes body);
enum plugin_result trust_plugin_add_header(struct plugin_call *call, const char *name, struct plugin_bytes value);
enum plugin_result trust_plugin_set_body(struct plugin_call *call, struct plugin_bytes body);
enum plugin_result trust_plugin_set_target(struct plugin_call *call, struct plugin_bytes target);

/* The engine's name of it; false where it is none. */
bool trust_plugin_algorithm(enum plugin_algorithm algorithm, enum trust_algorithm *out);

/* Notes that the plugin has asked wrongly, where there is a call to note it in; PLUGIN_WRONG. */
enum plugin_result trust_plugin_wrong(struct plugin_call *call);

/* A secret that is the route's and valid now; else NULL, and it is noted. */
const struct trust_secret *trust_plugin_secret_of(struct plugin_call *call, uint32_t secret);

/* Is it a call, and are these pieces that can be read? Otherwise it is noted. */
bool trust_plugin_fine(struct plugin_call *call);
bool trust_plugin_pieces(struct plugin_call *call, const struct plugin_bytes *pieces, size_t count);
bool trust_plugin_asked(struct plugin_call *call, const void *output);
bool trust_plugin_named(struct plugin_call *call, const char *name);
enum plugin_result trust_plugin_join(struct plugin_call *call, const struct plugin_bytes *pieces, size_t count,
				     struct plugin_bytes *joined);

static inline struct slice trust_plugin_slice(struct plugin_bytes bytes)
{
	return slice_of(bytes.p, bytes.n);
}

static inline struct plugin_bytes trust_plugin_bytes(struct slice s)
{
	return (struct plugin_bytes){ s.p, s.n };
}

/* ---- the steps ---- */

/* read(): fills the evidence's candidates, parts and time. */
enum trust_result trust_plugin_read(const struct trust_verifier *verifier, struct trust_evidence *evidence,
				    const char **reason);

/* prove() for every secret that is valid now; fills the verdict. Behind trust_plugin_read(), which left its call in the
 * evidence. 0 or a fault. */
int trust_plugin_prove(const struct trust_verifier *verifier, struct trust_lane *lane, struct trust_evidence *evidence,
		       int64_t now_ms, struct trust_verdict *verdict) __attribute__((warn_unused_result));

/* The same with the one secret of the attempt's verifier, a key that was published; what is more than a no is in the verdict. */
int trust_plugin_prove_with(const struct trust_attempt *attempt, bool *match, struct trust_verdict *verdict)
	__attribute__((warn_unused_result));

/* handshake(); true when it was one, or was refused as one. */
bool trust_plugin_handshake(const struct trust_verifier *verifier, const struct request *request, int64_t now_ms,
			    struct arena *arena, struct trust_verdict *verdict, int *fault);

/* event(); what it does not tell is empty. 0 or a fault; *result is not OK where the body could not be read. */
int trust_plugin_event(const struct trust_verifier *verifier, const struct request *request, struct arena *arena,
		       struct slice *id, struct slice *type, enum trust_event_result *result)
	__attribute__((warn_unused_result));

/* sign(): `request` is the draft with its headers so far. 0, -ENOTSUP with a reason, or a fault. */
int trust_plugin_sign(const struct trust_verifier *verifier, const struct request *request, int64_t now_ms,
		      size_t secret, struct arena *arena, struct trust_plugin_draft *draft, struct reason *reason)
	__attribute__((warn_unused_result));

#endif
