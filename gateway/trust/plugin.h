/* plugin.h - the plugin ABI: what a provider's verification in C sees of the gateway, and the gateway of it.
 *
 * A plugin is the verification step of a provider whose rule a description cannot say (certificates, sorted form
 * fields, several signatures in one body), and nothing else: where id and type stand, the window, handshakes, answers,
 * docs and vectors are in the provider's description, which names the plugin:
 *
 *	verify: { algorithm: plugin, plugin: acme, covered: full }
 *
 * This header stands alone and is installed. The same source is built in, or built as a shared object
 *
 *	cc -shared -fPIC -I PREFIX/include/hookgate -o acme.so acme.c
 *
 * and put into the configuration's `plugin_dir`. In both, acme.c ends with
 *
 *	PLUGIN_EXPORT const struct plugin plugin_acme = { .abi = PLUGIN_ABI, .size = sizeof(struct plugin),
 *							  .name = "acme", ... };
 *
 * where the symbol is "plugin_" and the name with "_" for "-", and the file's name is the plugin's name and ".so". The
 * loader looks at the ABI version first, at the size second, at the name last, and refuses on any mismatch.
 *
 * What binds a plugin: it does no I/O, logs nothing, allocates by the host's alloc() only, keeps nothing between two
 * calls, and is called from several threads at once. It never decides by itself whether a signature is fresh, and
 * compares secrets and signatures by the host's equal() only. The host sees to the rest: every secret that is valid now
 * is tried, whatever the first ones say, and the clock is looked at last.
 *
 * What binds the host: a wrong argument (NULL, a length that cannot be, an unknown constant, a secret that there is
 * none of) gets PLUGIN_WRONG, 0, NULL or false, never a crash; and the delivery then ends as internal_error, so that it
 * is noticed. All bytes given out are borrowed: they live as long as the call. */
#ifndef HOOKGATE_TRUST_PLUGIN_H
#define HOOKGATE_TRUST_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Changes with every change that an old plugin or an old host would not understand. */
#define PLUGIN_ABI 3u

#define PLUGIN_EXPORT __attribute__((visibility("default")))

/* A run of bytes that somebody else owns, never NUL-terminated; p may be NULL where n is 0. */
struct plugin_bytes {
	const unsigned char *p;
	size_t n;
};

/* Of a string literal. */
#define PLUGIN_LITERAL(s) ((struct plugin_bytes){ (const unsigned char *)("" s), sizeof(s) - 1 })

enum plugin_result {
	PLUGIN_OK,		  /* all is well; it is there; it matches */
	PLUGIN_MISSING,		  /* it is not there; of a delivery: signature_missing */
	PLUGIN_MISMATCH,	  /* it is there and wrong: signature_mismatch */
	PLUGIN_MALFORMED_REQUEST, /* it stands there twice, or cannot be read */
	PLUGIN_MALFORMED_BODY,	  /* the body is not what it says that it is */
	PLUGIN_STALE,		  /* the signature is right, and not valid now by what itself says */
	PLUGIN_PENDING, /* a key is being fetched; the plugin is asked again, from the beginning, when it is there */
	PLUGIN_UNAVAILABLE, /* a key could not be fetched: the provider is to try again */
	PLUGIN_WRONG	    /* the question was wrong, or memory is short: internal_error */
};

/* One delivery, or handshake, or draft, on its way through a plugin. */
struct plugin_call;

enum plugin_part {
	PLUGIN_METHOD,
	PLUGIN_TARGET, /* as on the request line */
	PLUGIN_PATH,   /* nothing decoded */
	PLUGIN_QUERY,  /* nothing decoded, without the "?" */
	PLUGIN_BODY,   /* byte for byte */
	PLUGIN_URL     /* as the provider was given it: public_url and the target; empty where that is not known */
};

enum plugin_fields { PLUGIN_FIELDS_QUERY, PLUGIN_FIELDS_FORM };

struct plugin_field {
	struct plugin_bytes name, value; /* decoded */
};

enum plugin_json_type {
	PLUGIN_JSON_NULL,
	PLUGIN_JSON_BOOL,
	PLUGIN_JSON_NUMBER,
	PLUGIN_JSON_STRING,
	PLUGIN_JSON_OBJECT,
	PLUGIN_JSON_ARRAY
};

struct plugin_json {
	enum plugin_json_type type;
	struct plugin_bytes raw;  /* as it stands there */
	struct plugin_bytes text; /* of a string: unescaped; of a number or boolean: as it stands; else empty */
};

enum plugin_hash { PLUGIN_MD5, PLUGIN_SHA1, PLUGIN_SHA256, PLUGIN_SHA384, PLUGIN_SHA512 };

/* RSA is PKCS#1 v1.5 where PSS is not in the name; PSS has a salt as long as the hash. */
enum plugin_algorithm {
	PLUGIN_ED25519,
	PLUGIN_ECDSA_P256_SHA1,
	PLUGIN_ECDSA_P256_SHA256,
	PLUGIN_ECDSA_P384_SHA384,
	PLUGIN_ECDSA_P521_SHA512,
	PLUGIN_RSA_SHA1,
	PLUGIN_RSA_SHA256,
	PLUGIN_RSA_SHA384,
	PLUGIN_RSA_SHA512,
	PLUGIN_RSA_PSS_SHA256,
	PLUGIN_RSA_PSS_SHA384,
	PLUGIN_RSA_PSS_SHA512
};

/* How an ECDSA signature is written: in DER, or r and s one behind the other. The others have one form. */
enum plugin_form { PLUGIN_DER, PLUGIN_RAW };

enum plugin_encoding {
	PLUGIN_HEX,	     /* either case; written in lower case */
	PLUGIN_BASE64,	     /* + and /, with padding */
	PLUGIN_BASE64_ANY,   /* padding right or left out; written with */
	PLUGIN_BASE64URL,    /* - and _, no padding */
	PLUGIN_BASE64URL_ANY /* padding right or left out; written without */
};

enum plugin_cover { PLUGIN_COVER_NONE, PLUGIN_COVER_PARTIAL, PLUGIN_COVER_FULL };

/* PLUGIN_ISSUERS_IF_THERE: the provider publishes its certificate alone; where it came from is what counts then. */
enum plugin_issuers { PLUGIN_ISSUERS_NEEDED, PLUGIN_ISSUERS_IF_THERE };

/* What the host does for a plugin. Functions are only ever added at the end, with a new ABI version. Where an output
 * is written, it is written on PLUGIN_OK only. */
struct plugin_host {
	uint32_t abi;  /* PLUGIN_ABI */
	uint32_t size; /* sizeof(struct plugin_host) */

	/* ---- the request ---- */

	struct plugin_bytes (*part)(struct plugin_call *call, enum plugin_part part);

	/* How many headers there are of that name, in any case; *value is the nth, from 0, without white space at its
	 * ends, where there is one. */
	size_t (*header)(struct plugin_call *call, const char *name, size_t nth, struct plugin_bytes *value);

	/* All fields of the query or of a urlencoded body in their order, decoded. A body of another Content-Type has
	 * none. PLUGIN_MALFORMED_REQUEST or _BODY where a percent escape is broken or there are more than 1000. */
	enum plugin_result (*fields)(struct plugin_call *call, enum plugin_fields which,
				     const struct plugin_field **fields, size_t *count);

	/* The value at a JSON pointer (RFC 6901) in a text. PLUGIN_MISSING; PLUGIN_MALFORMED_BODY where the text is not
	 * JSON as far as it was read, or a name on the way stands twice in its object, in any case of letters: of two
	 * programs one takes the first and one the last. */
	enum plugin_result (*json)(struct plugin_call *call, struct plugin_bytes text, const char *pointer,
				   struct plugin_json *value);

	/* Wall clock, milliseconds since 1970. For what expires; freshness is the host's business. */
	int64_t (*now_ms)(struct plugin_call *call);

	/* How many values the route's option has; *value is the nth, where there is one. A flag has the value "true"
	 * or "false". */
	size_t (*option)(struct plugin_call *call, const char *name, size_t nth, struct plugin_bytes *value);

	/* ---- memory and text ---- */

	/* n bytes that are zero, aligned for any type, at most 16 MiB in all; NULL when there are none left. */
	void *(*alloc)(struct plugin_call *call, size_t n);

	/* The n bytes that read(), prove() and event() of one delivery share: zero the first time. Always ask for the
	 * same n. */
	void *(*state)(struct plugin_call *call, size_t n);

	/* Strict; PLUGIN_MISMATCH when the text is not in that encoding. */
	enum plugin_result (*decode)(struct plugin_call *call, enum plugin_encoding encoding, struct plugin_bytes text,
				     struct plugin_bytes *bytes);
	enum plugin_result (*encode)(struct plugin_call *call, enum plugin_encoding encoding, struct plugin_bytes bytes,
				     struct plugin_bytes *text);

	/* One behind the other. */
	enum plugin_result (*join)(struct plugin_call *call, const struct plugin_bytes *pieces, size_t count,
				   struct plugin_bytes *joined);

	/* In constant time where the lengths are equal. */
	bool (*equal)(struct plugin_bytes a, struct plugin_bytes b);

	/* ---- secrets ---- */

	/* HMAC of the pieces, one behind the other, with the secret's key. */
	enum plugin_result (*mac)(struct plugin_call *call, enum plugin_hash hash, uint32_t secret,
				  const struct plugin_bytes *pieces, size_t count, struct plugin_bytes *mac);

	/* The same with a key that the plugin made of one: Braintree's is the SHA-1 of the secret. */
	enum plugin_result (*mac_with)(struct plugin_call *call, enum plugin_hash hash, struct plugin_bytes key,
				       const struct plugin_bytes *pieces, size_t count, struct plugin_bytes *mac);

	enum plugin_result (*digest)(struct plugin_call *call, enum plugin_hash hash, const struct plugin_bytes *pieces,
				     size_t count, struct plugin_bytes *digest);

	/* How many secrets the route has; their numbers begin with 0. */
	uint32_t (*secrets)(struct plugin_call *call);

	/* PLUGIN_MISSING where it is not valid now. The key's bytes, decoded as the description's `key` says, for rules that are
	 * no MAC: a text that is sorted among others, a hash of a secret and a body. Never to be copied but into what alloc()
	 * gave. */
	enum plugin_result (*secret)(struct plugin_call *call, uint32_t secret, struct plugin_bytes *key);

	/* ---- public keys ---- */

	/* Is the signature of the pieces right under one of the secret's public keys? For plugins with
	 * PLUGIN_SECRET_IS_KEY. Where `kid` is not empty, keys of another kid do not count; those without one do.
	 * PLUGIN_OK or PLUGIN_MISMATCH. */
	enum plugin_result (*verify)(struct plugin_call *call, uint32_t secret, struct plugin_bytes kid,
				     enum plugin_algorithm algorithm, enum plugin_form form,
				     const struct plugin_bytes *pieces, size_t count, struct plugin_bytes signature);

	/* Was the secret read as a public key? For plugins with PLUGIN_SECRET_MAY_BE_KEY. */
	bool (*is_key)(struct plugin_call *call, uint32_t secret);

	/* The same with keys in a text: PEM (also a certificate), a JWK, a JWK set, DER in base64. PLUGIN_MISMATCH also
	 * where it holds none. */
	enum plugin_result (*verify_with)(struct plugin_call *call, struct plugin_bytes keys, struct plugin_bytes kid,
					  enum plugin_algorithm algorithm, enum plugin_form form,
					  const struct plugin_bytes *pieces, size_t count,
					  struct plugin_bytes signature);

	/* In prove(): what stands at an https address of one of the plugin's `hosts`, fetched and kept by the gateway.
	 * PLUGIN_PENDING and PLUGIN_UNAVAILABLE are to be handed on; PLUGIN_MISMATCH where the address is not allowed. */
	enum plugin_result (*fetch)(struct plugin_call *call, struct plugin_bytes url, struct plugin_bytes *document);

	/* In prove(): opens such an address once, and throws away what comes: a confirmation. False where it is not
	 * even tried. */
	bool (*visit)(struct plugin_call *call, struct plugin_bytes url);

	/* ---- what the plugin found ---- */

	/* Why it says no, for the log: a literal of the plugin's own, never bytes of a stranger or of a secret. */
	void (*reason)(struct plugin_call *call, const char *why);

	/* A signature as it was sent; at most 16. For `hookgate verify`, and for the tests, which flip its bits. */
	void (*signature)(struct plugin_call *call, struct plugin_bytes text);

	/* The bytes that are signed: for `hookgate verify`, for the replay guard, and for the id of an event that has
	 * none. Without it they are the body. */
	void (*signed_text)(struct plugin_call *call, const struct plugin_bytes *pieces, size_t count);

	/* The signed time, where the description has no place for it. The host checks it, after the signature, against
	 * the description's or the route's tolerance. */
	void (*signed_at)(struct plugin_call *call, int64_t wall_ms);

	/* This delivery's signature covers less than the description says. It never covers more. */
	void (*covers)(struct plugin_call *call, enum plugin_cover cover);

	/* ---- answers and drafts ---- */

	/* In handshake(): what to answer. content_type may be empty. The status is 200 to 499. */
	enum plugin_result (*answer)(struct plugin_call *call, unsigned status, struct plugin_bytes content_type,
				     struct plugin_bytes body);

	/* In sign(): adds a header to the draft. */
	enum plugin_result (*add_header)(struct plugin_call *call, const char *name, struct plugin_bytes value);

	/* In sign(): sends another body, or another target, than the draft's. */
	enum plugin_result (*set_body)(struct plugin_call *call, struct plugin_bytes body);
	enum plugin_result (*set_target)(struct plugin_call *call, struct plugin_bytes target);

	/* ---- since version 2 ---- */

	/* In prove(): may a certificate that was fetched be believed? The text is PEM: the certificate, behind it those
	 * of its issuers. It must be valid now, one of its names (DNS names, else the common name) must fit one of
	 * `names` ("*.example.com": "*" is any one label), and its issuers must end at one that the gateway trusts: of
	 * the system's, or of key_fetch.ca_file. PLUGIN_OK; PLUGIN_MISMATCH, and the reason is told. It costs more than a
	 * signature: ask when that was right. */
	enum plugin_result (*certificate)(struct plugin_call *call, struct plugin_bytes text, const char *const *names,
					  size_t count, enum plugin_issuers issuers);

	/* AES-256-CBC: a key of 32 bytes, 16 bytes before the first block, a text of whole blocks; its padding is left
	 * on. PLUGIN_MISMATCH where a length is another. It proves nothing: whoever can change the text can change what
	 * comes out. */
	enum plugin_result (*decrypt)(struct plugin_call *call, struct plugin_bytes key, struct plugin_bytes iv,
				      struct plugin_bytes text, struct plugin_bytes *plain);

	/* ---- since version 3 ---- */

	/* The other direction of decrypt(): the text is of whole blocks, padded by who asks. */
	enum plugin_result (*encrypt)(struct plugin_call *call, struct plugin_bytes key, struct plugin_bytes iv,
				      struct plugin_bytes text, struct plugin_bytes *cipher);

	/* In sign(): the signature of the pieces by the secret's private key, such as verify() takes. PLUGIN_MISMATCH
	 * where the secret holds no private key for the algorithm. */
	enum plugin_result (*sign_with)(struct plugin_call *call, uint32_t secret, enum plugin_algorithm algorithm,
					enum plugin_form form, const struct plugin_bytes *pieces, size_t count,
					struct plugin_bytes *signature);

	/* The name (`kid`) of the secret's first private key, else of its first key. PLUGIN_MISSING where it has none. */
	enum plugin_result (*kid)(struct plugin_call *call, uint32_t secret, struct plugin_bytes *kid);
};

enum plugin_option_kind { PLUGIN_OPTION_TEXT, PLUGIN_OPTION_LIST, PLUGIN_OPTION_FLAG };

/* What a route may say under `options`; the host checks kinds and what must be there. */
struct plugin_option {
	const char *name;
	enum plugin_option_kind kind;
	bool required;
	const char *help; /* what it is, in a few words */
};

enum plugin_flag {
	PLUGIN_SECRET_OPTIONAL = 1, /* a route may have no secret: keys come from elsewhere */
	PLUGIN_TELLS_TIME = 2,	    /* it calls signed_at() */
	PLUGIN_ANSWERS_GET = 4,	    /* handshake() answers GET requests as well */
	/* The same where it is PEM, JSON or DER; else it is a shared secret. Of 32 bytes the route's option `key` says which. */
	PLUGIN_SECRET_MAY_BE_KEY = 16,
	PLUGIN_SECRET_IS_KEY = 8, /* a secret is a public key or a certificate, and read as one when it is bound */
	/* The provider shows its key in a certificate, for a name of the first of `hosts`. */
	PLUGIN_KEY_IS_CERTIFICATE = 32
};

/* The secret's number where the route has none. */
#define PLUGIN_NO_SECRET UINT32_MAX

struct plugin {
	uint32_t abi;  /* PLUGIN_ABI */
	uint32_t size; /* sizeof(struct plugin) */
	const char *name;
	const char *scheme; /* for people: "hmac-sha1 base64 over {url} and the sorted fields" */
	uint32_t flags;	    /* of enum plugin_flag */
	const struct plugin_option *options;
	size_t option_count;

	/* Where fetch() and visit() may go: "keys.example.com", "*.example.com" ("*" is any one label). */
	const char *const *hosts;
	size_t host_count;

	/* May that be a key? Otherwise *why says what it must be ("is no PEM certificate"). NULL: any. */
	bool (*accepts)(struct plugin_bytes key, const char **why);

	/* Gathers what the delivery brings along: reads the signature, tells the signed text and time. PLUGIN_OK when
	 * all is there, whether right or not. */
	enum plugin_result (*read)(const struct plugin_host *host, struct plugin_call *call);

	/* After read(), for each secret that is valid now, and once with PLUGIN_NO_SECRET where there is none: is the
	 * signature right? */
	enum plugin_result (*prove)(const struct plugin_host *host, struct plugin_call *call, uint32_t secret);

	/* The event's id and type, where the description cannot say where they stand; what is left empty is taken by the
	 * description. The request has been proved. NULL: by the description alone. */
	enum plugin_result (*event)(const struct plugin_host *host, struct plugin_call *call, struct plugin_bytes *id,
				    struct plugin_bytes *type);

	/* Before anything is proved: is this a handshake that the plugin itself answers (and proves, where it must be)?
	 * PLUGIN_OK after answer(); PLUGIN_MISSING when it is none. NULL: the description has them all. */
	enum plugin_result (*handshake)(const struct plugin_host *host, struct plugin_call *call);

	/* Signs the draft as the provider would. The request is the draft with its headers so far. NULL: cannot. */
	enum plugin_result (*sign)(const struct plugin_host *host, struct plugin_call *call, uint32_t secret);

	/* With PLUGIN_SECRET_IS_KEY: what its keys are for. Nobody has the provider's private one, so `hookgate send` makes
	 * one for the test, and sign() gets that as the secret. */
	enum plugin_algorithm key_for;
};

#endif
