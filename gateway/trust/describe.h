/* describe.h - a provider's description, read from YAML into a const struct: the facts that all else in this room works
 * on.
 *
 * plugins/README.md has the grammar with every key. It is closed: no conditions, loops or arithmetic. A description is
 * immutable once read and may be used from any thread. Slices point into its own copy of the text or its arena. */
#ifndef HOOKGATE_TRUST_DESCRIBE_H
#define HOOKGATE_TRUST_DESCRIBE_H

#include "base/arena.h"
#include "base/json.h"
#include "config/diag.h"
#include "config/node.h"
#include "trust/public_key.h"
#include "trust/trust.h"

enum {
	TRUST_FAMILIES_MAX = 4,
	TRUST_PARTS_MAX = 24,
	TRUST_FILTERS_MAX = 4,
	TRUST_POINTERS_MAX = 16, /* json_find() takes no more at once */
	TRUST_ALTERNATIVES_MAX = 4,
	TRUST_SIGNATURES_MAX = 4,
	TRUST_HANDSHAKES_MAX = 8,
	TRUST_MATCHES_MAX = 6,
	TRUST_ANSWER_HEADERS_MAX = 4,
	TRUST_INNER_POINTERS_MAX = 20,
	TRUST_OPTIONS_MAX = 8,
	TRUST_VARIANTS_MAX = 4,
	TRUST_KEY_HOSTS_MAX = 8,
	TRUST_KEY_PREFIXES_MAX = 4,
	TRUST_PLUGIN_OPTIONS_MAX = 16,
	TRUST_PLUGIN_HOSTS_MAX = 8,
	TRUST_CLAIMS_MAX = 8,
	TRUST_CLAIM_VALUES_MAX = 4
};

/* ---- where a value stands ---- */

enum trust_place_kind {
	TRUST_PLACE_FIXED, /* the text itself */
	TRUST_PLACE_HEADER,
	TRUST_PLACE_QUERY,   /* a parameter, percent-decoded */
	TRUST_PLACE_FORM,    /* a field of a urlencoded or multipart body, decoded */
	TRUST_PLACE_SORTED,  /* all fields of a form, by name: name and value, nothing between */
	TRUST_PLACE_POINTER, /* a value of a JSON body */
	TRUST_PLACE_RAW,     /* the same of any type, as it stands there */
	TRUST_PLACE_BODY,    /* the whole body, byte for byte */
	TRUST_PLACE_METHOD,
	TRUST_PLACE_PATH,
	TRUST_PLACE_SEGMENT,	  /* of the path, counted from 1, decoded */
	TRUST_PLACE_TARGET,	  /* path and query as on the request line, without an authority */
	TRUST_PLACE_QUERY_SORTED, /* the whole query, its parameters sorted by name */
	TRUST_PLACE_QUERIES,	  /* the whole query, nothing decoded */
	TRUST_PLACE_URL,	  /* the public URL that the provider was given */
	TRUST_PLACE_HOST,	  /* its host, with the port where it has one */
	TRUST_PLACE_OPTION,	  /* what the route says under `options` */
	TRUST_PLACE_CLAIM,	  /* of the token that proves the delivery */
	TRUST_PLACE_KEY,	  /* the secret, where the scheme is a plain hash; it resolves to trust_key_mark */
	TRUST_PLACE_TIMESTAMP,	  /* as sent, never formatted anew */
	TRUST_PLACE_ID,		  /* what `hookgate send` was given */
	TRUST_PLACE_TYPE,
	TRUST_PLACE_NOW /* unix seconds, when a sample is made */
};

enum trust_inner { TRUST_INNER_NONE, TRUST_INNER_JSON, TRUST_INNER_BASE64_JSON, TRUST_INNER_TOKEN };

struct trust_place {
	enum trust_place_kind kind;
	struct slice text;			/* as written; of FIXED: the value */
	struct slice names[TRUST_FAMILIES_MAX]; /* of header, parameter, field: per family */
	size_t index;				/* of POINTER and OPTION: in the description's; of SEGMENT: which */
	enum trust_inner inner; /* the value is JSON, or a token's header is, and only what stands ... */
	const struct json_pointer *inner_pointer; /* ... here in it is meant */
	const struct trust_place *otherwise;	  /* where to look when it is not there; NULL: nowhere */
};

/* How several values share one place: "t=1,v1=aa,v1=bb", "v1,aa v1,bb", "sha256=aa". */
struct trust_grammar {
	size_t position;      /* only that item, from 1; 0: all */
	bool onward;	      /* and those behind it */
	struct slice prefix;  /* must be there, in any case, and is taken off */
	unsigned char list;   /* 0: one value */
	struct slice field;   /* only items of this name; empty: all */
	unsigned char assign; /* between name and value */
	unsigned char behind; /* the value is what stands behind the last of these; 0: all */
	unsigned length;      /* only values of so many characters, the prefix taken off; 0: all */
};

/* ---- text put together from such values ---- */

enum trust_filter {
	TRUST_FILTER_JSON,
	TRUST_FILTER_JSONSTR,
	TRUST_FILTER_HEX,
	TRUST_FILTER_BASE64,
	TRUST_FILTER_BASE64URL,
	TRUST_FILTER_UNBASE64,
	TRUST_FILTER_LOWER,
	TRUST_FILTER_UPPER,
	TRUST_FILTER_CRC32,
	TRUST_FILTER_HMAC,
	TRUST_FILTER_MD5,
	TRUST_FILTER_SHA1,
	TRUST_FILTER_SHA256,
	TRUST_FILTER_SHA384,
	TRUST_FILTER_SHA512
};

struct trust_part {
	struct trust_place place;
	enum trust_filter filters[TRUST_FILTERS_MAX];
	size_t filter_count;
	unsigned optional; /* parts with the same number, not 0, are left out together when one is not there */
};

struct trust_template {
	struct slice text; /* as written */
	const struct trust_part *parts;
	size_t count; /* 0: there is none */
	bool has_optional;
	uint32_t pointers; /* which of the description's pointers it needs */
};

/* The first template all of whose parts are there gives the value. */
struct trust_source {
	struct trust_template alternatives[TRUST_ALTERNATIVES_MAX];
	size_t count;
	uint32_t pointers;
};

/* ---- the sections ---- */

enum trust_key_form {
	TRUST_KEY_TEXT,
	TRUST_KEY_NFKD,	  /* normalised by Unicode's form KD */
	TRUST_KEY_BASE64, /* padding may be missing, as in the next */
	TRUST_KEY_BASE64URL,
	TRUST_KEY_HEX,
	TRUST_KEY_SHA1 /* the 20 bytes of its SHA-1 */
};

/* What a secret's text stands for. */
struct trust_key_rule {
	enum trust_key_form form;
	struct slice prefixes[TRUST_KEY_PREFIXES_MAX]; /* the first that is there is taken off */
	size_t prefix_count;
};

/* Whether a secret is shared or a public key, where a plugin takes both. */
enum trust_secret_kind { TRUST_SECRET_SEEN, TRUST_SECRET_SHARED, TRUST_SECRET_PUBLIC }; /* SEEN: from its text */

enum trust_encoding { TRUST_ENCODING_TEXT, TRUST_ENCODING_HEX, TRUST_ENCODING_BASE64, TRUST_ENCODING_BASE64URL };
enum trust_unit { TRUST_UNIT_SECONDS, TRUST_UNIT_MILLISECONDS, TRUST_UNIT_RFC3339, TRUST_UNIT_HTTP_DATE };

struct trust_scheme;
struct plugin;

/* The token that has to be got first: OAuth 2.0, client credentials (RFC 6749, 4.4). */
struct trust_oauth {
	struct trust_template url, client_id, client_secret; /* url.count 0: none is needed */
	struct slice scope;				     /* empty: none is asked for */
};

/* Where the provider publishes its keys. */
struct trust_published {
	struct trust_template url; /* count 0: nowhere */
	struct slice hosts[TRUST_KEY_HOSTS_MAX];
	struct keys_policy policy;  /* its hosts are these */
	bool fixed;		    /* nothing of the request comes with the delivery */
	struct trust_template post; /* what is sent there; count 0: it is a GET */
	struct slice content_type;  /* of that */
	struct trust_oauth token;
	const struct json_pointer *at; /* where in the answer the key stands; NULL: it is the key */
	const struct json_pointer
		*ended;		/* what stands there, but for null, when the key is used no longer; NULL: nothing */
	unsigned absent_status; /* of the answer that there is no such key; 0: none is known */
	struct slice absent_text;
};

/* What a claim of a token must be. */
struct trust_claim {
	struct slice name;
	const struct json_pointer *pointer;
	struct trust_template values[TRUST_CLAIM_VALUES_MAX]; /* any of them */
	size_t value_count;				      /* 0: it must be there */
};

/* Which tokens are taken. */
struct trust_jwt {
	unsigned shared;     /* bits: HS256, HS384, HS512 */
	unsigned algorithms; /* bits by enum trust_algorithm; never together with the former */
	bool ages;	     /* iat must be there, and not be older than the tolerance */
	bool detached;	     /* the payload is the signed text */
	int64_t leeway_ms;   /* how far clocks may be apart */
	struct trust_claim claims[TRUST_CLAIMS_MAX];
	size_t claim_count;
	struct slice hash_name;
	const struct json_pointer *hash_pointer; /* the claim with the body's SHA-256; NULL: there is none */
	enum trust_encoding hash_encoding;
};

struct trust_verify {
	const struct trust_scheme *scheme; /* NULL: the route has to bring a verify section */
	struct trust_key_rule key;
	struct slice families[TRUST_FAMILIES_MAX];	     /* beginnings of header names, written "*" in them */
	size_t family_count;				     /* at least 1: "" */
	struct trust_place signatures[TRUST_SIGNATURES_MAX]; /* every one that is there gives candidates */
	size_t signature_count;
	struct trust_grammar signature;
	enum trust_encoding encoding;
	unsigned char groups; /* between groups of signature and timestamp in one header; 0: there is but one */
	unsigned numbered;    /* the headers have a number behind their name, up to this; 0: none has */
	bool repeated;	      /* the provider sends the header several times */
	struct trust_published published;
	enum trust_signature_form form; /* of ECDSA */
	bool has_form;			/* it was said */
	bool inflate;			/* a body that is compressed was signed before */
	bool has_timestamp;
	struct trust_place timestamp;
	struct trust_grammar timestamp_grammar;
	enum trust_unit unit;
	int64_t tolerance_ms, future_ms; /* -1: not checked */
	struct trust_template signed_text;
	struct trust_jwt *jwt; /* NULL: no tokens */
	enum trust_cover covered;
	struct slice plugin_name; /* empty: none */
	unsigned plugin_line, plugin_column;
	enum trust_secret_kind secret_kind;
	const struct plugin *plugin; /* bound by the catalogue, of the same name */
};

enum trust_match_kind {
	TRUST_MATCH_TEXT,
	TRUST_MATCH_PRESENT, /* "*" */
	TRUST_MATCH_ABSENT,  /* "!" */
	TRUST_MATCH_SECRET,  /* "{secret}": any of the route's that is valid */
	TRUST_MATCH_TEMPLATE /* compared in constant time, as a secret is */
};

struct trust_match {
	enum trust_match_kind kind;
	struct trust_place place;
	struct slice text;
	struct trust_template template;
};

struct trust_answer_header {
	struct slice name;
	struct trust_template value; /* nothing: the header is left out */
};

struct trust_handshake {
	struct slice name;
	struct slice method;
	bool is_signed; /* only answered when the signature is right */
	struct trust_match matches[TRUST_MATCHES_MAX];
	size_t match_count;
	uint32_t pointers; /* of the matches and the answer */
	unsigned status;
	struct slice content_type; /* empty: no such header */
	struct trust_template body;
	struct trust_answer_header headers[TRUST_ANSWER_HEADERS_MAX];
	size_t header_count;
	unsigned mismatch;	   /* the status when only what is compared as a secret is wrong; 0: then it is none */
	struct trust_source learn; /* the secret that it brings; only answered while the route has none */
};

/* Another description that says how this provider signs as well. */
struct trust_variant {
	struct slice provider;
	bool asks; /* taken only where this place has that text */
	struct trust_place at;
	struct slice is;
};

/* The route's options that a description takes. */
enum trust_option {
	TRUST_OPTION_ID = 1,
	TRUST_OPTION_TYPE = 2,
	TRUST_OPTION_HEADER = 4,
	TRUST_OPTION_PREFIX = 8,
	TRUST_OPTION_ENCODING = 16
};

/* An option of a description's own. */
struct trust_own_option {
	struct slice name, about;
	bool required;
	struct slice value; /* the route's, or the default; empty: there is none */
};

/* What a route says under `options` for its plugin. */
struct trust_plugin_option {
	struct slice name;
	struct slice *values;
	size_t count;
};

struct trust_description {
	struct arena *arena;
	struct config_tree *tree;
	const char *file;
	struct slice source; /* the text, vectors left out */
	struct slice name, title, docs, confidence, evidence;
	struct slice *aliases;
	size_t alias_count;
	unsigned options; /* of enum trust_option */
	struct trust_own_option own_options[TRUST_OPTIONS_MAX];
	size_t own_option_count;
	struct trust_plugin_option plugin_options[TRUST_PLUGIN_OPTIONS_MAX];
	size_t plugin_option_count;
	struct trust_verify verify;

	struct trust_match required[TRUST_MATCHES_MAX]; /* what must be so besides the signature */
	size_t required_count;
	uint32_t required_pointers;

	struct trust_variant variants[TRUST_VARIANTS_MAX];
	size_t variant_count;

	struct trust_source id, type;
	struct trust_source detail; /* of the type, such as an action: for filters only */
	bool id_signed;
	bool no_guard; /* one signed text may be of several events */
	int64_t window_ms;

	struct trust_handshake *handshakes;
	size_t handshake_count;
	bool gives_macs;    /* an unsigned handshake is answered with a MAC of what it says: see filter.h */
	struct slice allow; /* "GET, POST" */

	unsigned answer_status; /* 0: no wish */
	struct slice answer_body, answer_content_type;
	struct header answer_headers[TRUST_ANSWER_HEADERS_MAX];
	size_t answer_header_count;
	unsigned refusals[TRUST_MALFORMED_BODY + 1]; /* by enum trust_result; 0: the outcome's own status */
	bool refusal_has_body;			     /* else the outcome's own */
	struct slice refusal_body, refusal_content_type;

	struct trust_template sample;
	struct slice sample_content_type;

	struct json_pointer *pointers[TRUST_POINTERS_MAX];
	struct slice pointer_texts[TRUST_POINTERS_MAX];
	size_t pointer_count;
	struct json_pointer *inner_pointers[TRUST_INNER_POINTERS_MAX];
	size_t inner_pointer_count;
};

/* Reads a description. `text` is copied as far as the line "vectors:"; `file` names it in findings and must outlive the
 * description. 0; -EINVAL with findings added to diag; or a fault. */
int trust_description_read(struct slice text, const char *file, struct config_diag *diag,
			   struct trust_description **out) __attribute__((warn_unused_result));
void trust_description_free(struct trust_description *description);

/* The text before the line "vectors:". */
struct slice trust_description_cut(struct slice text);

/* Puts a route's own `verify` section and `options` (either may be NULL) over a description that was read for it alone.
 * Findings name the configuration's file. 0, -EINVAL, or a fault. Nodes must outlive the description. */
int trust_description_override(struct trust_description *description, const struct config_node *verify,
			       const struct config_node *options, const struct config *config, struct config_diag *diag)
	__attribute__((warn_unused_result));

/* The first required option that has no value; NULL when all have one. */
const struct trust_own_option *trust_description_lacks(const struct trust_description *description);

#endif
