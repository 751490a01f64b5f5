/* describe_jwt.c - the section `jwt` of a `verify` section: which tokens are taken.
 *
 * The special difficulty: each key that is left out makes a verifier weaker, and nobody notices. So the algorithms must
 * be named, shared secrets and public keys cannot be allowed together, and what a token covers is never more than what
 * is in it. */
#include "trust/jwt.h"
#include "trust/scheme.h"

static struct trust_jwt *jwt_of(struct trust_reader *reader)
{
	return reader->into->verify.jwt;
}

static void read_algorithms(struct trust_reader *reader, const struct config_node *node)
{
	const struct config_node *item;

	for (size_t i = 0; (item = trust_node_item(node, i)) != NULL; i++) {
		struct slice name = SLICE_NONE;

		trust_node_text(reader, item, &name);
		if (name.n > 0 && !trust_jwt_algorithm(name, &jwt_of(reader)->shared, &jwt_of(reader)->algorithms))
			config_error(
				reader->diag, reader->file, item,
				"is no algorithm of tokens; accepted are HS256, HS384, HS512, RS256, RS384, RS512, "
				"PS256, PS384, PS512, ES256, ES384, ES512, EdDSA");
	}
}

static void read_leeway(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_duration(reader, node, &jwt_of(reader)->leeway_ms);
	if (jwt_of(reader)->leeway_ms < 0)
		config_error(reader->diag, reader->file, node, "must be a time, such as 30s or 0s");
}

static void read_max_age(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_duration(reader, node, &reader->into->verify.tolerance_ms);
	jwt_of(reader)->ages = true;
}

static void read_detached(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_bool(reader, node, &jwt_of(reader)->detached);
}

/* The pointer to the member of that name, owned by the description; NULL with a finding. */
static const struct json_pointer *member(struct trust_reader *reader, const struct config_node *node, struct slice name)
{
	struct trust_description *into = reader->into;
	struct buf text = BUF_EMPTY;
	struct json_pointer *made = NULL;

	buf_add_byte(&text, '/');
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '~' || name.p[i] == '/')
			buf_add_str(&text, name.p[i] == '~' ? "~0" : "~1");
		else
			buf_add_byte(&text, name.p[i]);
	if (!buf_failed(&text) && into->inner_pointer_count < TRUST_INNER_POINTERS_MAX)
		made = json_pointer_parse(buf_slice(&text));
	buf_free(&text);
	if (made)
		into->inner_pointers[into->inner_pointer_count++] = made;
	else
		config_error(reader->diag, reader->file, node,
			     "is one claim too many, or has no name that one can have");
	return made;
}

static struct trust_claim *add_claim(struct trust_reader *reader, const struct config_node *node, struct slice name)
{
	struct trust_jwt *jwt = jwt_of(reader);
	struct trust_claim *claim = &jwt->claims[jwt->claim_count];

	if (jwt->claim_count == TRUST_CLAIMS_MAX) {
		config_error(reader->diag, reader->file, node, "are more than %d claims", TRUST_CLAIMS_MAX);
		return NULL;
	}
	*claim = (struct trust_claim){ .name = name, .pointer = member(reader, node, name) };
	if (!claim->pointer)
		return NULL;
	jwt->claim_count++;
	return claim;
}

static void read_claims(struct trust_reader *reader, const struct config_node *node)
{
	if (node->kind != CONFIG_MAP) {
		config_error(reader->diag, reader->file, node, "must be a map of claims and what they must be");
		return;
	}
	for (const struct config_node *child = node->first; child; child = child->next) {
		struct trust_claim *claim = add_claim(reader, child, child->key);
		const struct config_node *item;

		for (size_t i = 0; claim && (item = trust_node_item(child, i)) != NULL; i++) {
			struct slice text = SLICE_NONE;

			if (i == TRUST_CLAIM_VALUES_MAX) {
				config_error(reader->diag, reader->file, child, "has more than %d values",
					     TRUST_CLAIM_VALUES_MAX);
				return;
			}
			trust_node_text(reader, item, &text);
			trust_template_read(reader, item, text, &claim->values[claim->value_count++]);
		}
	}
}

static void read_require(struct trust_reader *reader, const struct config_node *node)
{
	const struct config_node *item;

	for (size_t i = 0; (item = trust_node_item(node, i)) != NULL; i++) {
		struct slice name = SLICE_NONE;

		trust_node_text(reader, item, &name);
		if (name.n == 0 || !add_claim(reader, item, name))
			return;
	}
}

static void read_hash_claim(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &jwt_of(reader)->hash_name);
	if (jwt_of(reader)->hash_name.n > 0)
		jwt_of(reader)->hash_pointer = member(reader, node, jwt_of(reader)->hash_name);
}

static void read_hash_encoding(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_choice choices[] = { { "hex", TRUST_ENCODING_HEX },
						       { "base64", TRUST_ENCODING_BASE64 },
						       { "base64url", TRUST_ENCODING_BASE64URL } };
	int value = TRUST_ENCODING_HEX;

	trust_node_choice(reader, node, choices, 3, &value);
	jwt_of(reader)->hash_encoding = (enum trust_encoding)value;
}

static void read_body_hash(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "claim", read_hash_claim }, { "encoding", read_hash_encoding } };

	jwt_of(reader)->hash_encoding = TRUST_ENCODING_HEX;
	trust_node_map(reader, node, keys, 2);
	if (!config_node_get(node, SLICE("claim")))
		config_error(reader->diag, reader->file, node, "does not name its claim");
}

void trust_section_jwt(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "algorithms", read_algorithms }, { "leeway", read_leeway },
						 { "max_age", read_max_age },	    { "detached", read_detached },
						 { "claims", read_claims },	    { "require", read_require },
						 { "body_hash", read_body_hash } };
	struct trust_jwt *jwt = arena_alloc(reader->into->arena, sizeof(*jwt));

	if (!jwt)
		return;
	*jwt = (struct trust_jwt){ .leeway_ms = 60 * 1000 };
	reader->into->verify.jwt = jwt;
	trust_node_map(reader, node, keys, sizeof(keys) / sizeof(keys[0]));
}

enum trust_cover trust_jwt_cover(const struct trust_verify *verify)
{
	const struct trust_jwt *jwt = verify->jwt;
	bool is_body = verify->signature_count == 1 && verify->signatures[0].kind == TRUST_PLACE_BODY;

	if (jwt->detached)
		return trust_template_covers(&verify->signed_text, TRUST_PLACE_BODY) ? TRUST_COVER_FULL
										     : TRUST_COVER_PARTIAL;
	return jwt->hash_pointer || is_body ? TRUST_COVER_FULL : TRUST_COVER_NONE;
}

const char *trust_judge_jwt(const struct trust_verify *verify)
{
	const struct trust_jwt *jwt = verify->jwt;

	if (verify->scheme != &trust_scheme_jwt)
		return "has a section jwt, but its algorithm is another";
	if (!jwt || (jwt->shared | jwt->algorithms) == 0)
		return "does not say by which algorithms tokens are signed: jwt.algorithms";
	if (jwt->shared && jwt->algorithms)
		return "allows shared secrets and public keys together: who knows the public key could sign with it";
	if (jwt->algorithms && verify->key.form != TRUST_KEY_TEXT)
		return "says what form the key has; that of public keys is seen from their text";
	if (jwt->shared && verify->published.url.count > 0)
		return "has keys that anybody can read, but its tokens are signed with a secret";
	if (verify->signature_count == 0)
		return "does not say where the token stands: signature.header, .query or .at";
	if (verify->encoding != TRUST_ENCODING_TEXT || verify->has_form)
		return "says how the token is encoded, which it says itself";
	if (verify->has_timestamp)
		return "has a timestamp; a token carries its own: jwt.max_age";
	if (jwt->detached != (verify->signed_text.count > 0))
		return jwt->detached ? "does not say what is signed by its detached token"
				     : "says that a text is signed, which is so for detached tokens only";
	if (jwt->detached && (jwt->claim_count > 0 || jwt->hash_pointer || jwt->ages))
		return "has claims, which a detached token has not";
	if (verify->covered == TRUST_COVER_FULL && trust_jwt_cover(verify) != TRUST_COVER_FULL)
		return "says that the body is covered; a token without the body's hash does not";
	return NULL;
}
