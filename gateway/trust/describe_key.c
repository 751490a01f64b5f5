/* describe_key.c - the keys of a `verify` section that say which algorithm and what a secret's text stands for. */
#include "trust/scheme.h"

static struct trust_verify *verify_of(struct trust_reader *reader)
{
	return &reader->into->verify;
}

void trust_section_algorithm(struct trust_reader *reader, const struct config_node *node)
{
	enum { SCHEMES_MAX = 48 };
	const struct trust_scheme *scheme;
	struct trust_choice choices[SCHEMES_MAX];
	size_t count = 0;
	int chosen = -1;

	while ((scheme = trust_scheme_at(count)) != NULL && count < SCHEMES_MAX) {
		choices[count] = (struct trust_choice){ (const char *)scheme->name.p, (int)count };
		count++;
	}
	trust_node_choice(reader, node, choices, count, &chosen);
	if (chosen >= 0)
		verify_of(reader)->scheme = trust_scheme_at((size_t)chosen);
}

void trust_section_key(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_choice choices[] = {
		{ "text", TRUST_KEY_TEXT }, { "base64", TRUST_KEY_BASE64 }, { "base64url", TRUST_KEY_BASE64URL },
		{ "hex", TRUST_KEY_HEX },   { "sha1", TRUST_KEY_SHA1 },	    { "nfkd", TRUST_KEY_NFKD }
	};
	int value = TRUST_KEY_TEXT;

	trust_node_choice(reader, node, choices, sizeof(choices) / sizeof(choices[0]), &value);
	verify_of(reader)->key.form = (enum trust_key_form)value;
}

void trust_section_key_prefix(struct trust_reader *reader, const struct config_node *node)
{
	struct trust_key_rule *key = &verify_of(reader)->key;
	const struct config_node *item;

	key->prefix_count = 0;
	while ((item = trust_node_item(node, key->prefix_count)) != NULL) {
		if (key->prefix_count == TRUST_KEY_PREFIXES_MAX) {
			config_error(reader->diag, reader->file, node, "has more than %d beginnings of secrets",
				     TRUST_KEY_PREFIXES_MAX);
			return;
		}
		trust_node_text(reader, item, &key->prefixes[key->prefix_count++]);
	}
}

void trust_section_signature_form(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_choice choices[] = { { "der", TRUST_FORM_DER }, { "raw", TRUST_FORM_RAW } };
	int value = TRUST_FORM_DER;

	trust_node_choice(reader, node, choices, 2, &value);
	verify_of(reader)->form = (enum trust_signature_form)value;
	verify_of(reader)->has_form = true;
}

static bool ecdsa(const struct trust_scheme *scheme)
{
	return scheme->is_public && trust_algorithm_type(scheme->algorithm) != TRUST_PUBLIC_RSA &&
	       trust_algorithm_type(scheme->algorithm) != TRUST_PUBLIC_ED25519;
}

/* How often {key} stands in it; *filtered: with a filter or an alternative behind it. */
static size_t count_keys(const struct trust_template *template, bool *filtered)
{
	size_t count = 0;

	for (size_t i = 0; i < template->count; i++)
		if (trust_place_is(&template->parts[i].place, TRUST_PLACE_KEY)) {
			count++;
			*filtered |= template->parts[i].filter_count > 0 || template->parts[i].place.otherwise;
		}
	return count;
}

const char *trust_judge_key(const struct trust_verify *verify)
{
	bool filtered = false;
	size_t keys = count_keys(&verify->signed_text, &filtered);

	if (verify->scheme->hash && keys == 0)
		return "signs a text without {key}: anybody could make that hash";
	if (!verify->scheme->hash && keys > 0)
		return "signs {key}, which only md5, sha1, sha256, sha384 and sha512 do: others have it as their key";
	if (filtered)
		return "has a filter or an alternative behind {key}";
	if (verify->scheme->is_public && verify->key.form != TRUST_KEY_TEXT)
		return "says what form the key has; that of public keys is seen from their text";
	if (verify->has_form && !ecdsa(verify->scheme))
		return "has signature.form, which is for ECDSA";
	return NULL;
}
