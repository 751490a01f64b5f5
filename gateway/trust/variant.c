/* variant.c - providers that sign in more than one way: which of them a request is signed in.
 *
 * The special difficulty: nobody may choose the weaker way for a delivery that was signed in the stronger one. So the
 * first way whose signature is there is the only one that is tried, in the order of the description, and what follows
 * is the same as if there were no other. */
#include "trust/grammar.h"
#include "trust/verify.h"

static struct trust_variant *newest(struct trust_reader *reader)
{
	return &reader->into->variants[reader->into->variant_count];
}

static void read_provider(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &newest(reader)->provider);
}

static void read_at(struct trust_reader *reader, const struct config_node *node)
{
	struct slice text = SLICE_NONE;

	trust_node_text(reader, node, &text);
	newest(reader)->asks = text.n > 0 && trust_place_read(reader, node, text, &newest(reader)->at);
	if (newest(reader)->asks && newest(reader)->at.kind != TRUST_PLACE_HEADER &&
	    newest(reader)->at.kind != TRUST_PLACE_QUERY)
		config_error(reader->diag, reader->file, node, "must be header:NAME or query:NAME");
}

static void read_is(struct trust_reader *reader, const struct config_node *node)
{
	trust_node_text(reader, node, &newest(reader)->is);
}

void trust_section_variants(struct trust_reader *reader, const struct config_node *node)
{
	static const struct trust_key keys[] = { { "provider", read_provider }, { "at", read_at }, { "is", read_is } };

	if (node->kind != CONFIG_LIST || node->count > TRUST_VARIANTS_MAX) {
		config_error(reader->diag, reader->file, node, "must be a list of at most %d", TRUST_VARIANTS_MAX);
		return;
	}
	for (const struct config_node *item = node->first; item; item = item->next) {
		*newest(reader) = (struct trust_variant){ .asks = false };
		trust_node_map(reader, item, keys, 3);
		if (newest(reader)->provider.n == 0 || newest(reader)->asks != (newest(reader)->is.n > 0))
			config_error(reader->diag, reader->file, item,
				     "must have `provider`, and `at` together with `is`");
		reader->into->variant_count++;
	}
}

/* ---- picking ---- */

static bool is_asked_for(const struct trust_variant *variant, const struct trust_verifier *verifier,
			 const struct request *request, struct arena *arena)
{
	struct trust_reading reading = { .description = verifier->description, .request = request, .arena = arena };
	struct slice value;

	return !variant->asks ||
	       (trust_place_find(&variant->at, &reading, &value) == TRUST_FOUND && slice_eq(value, variant->is));
}

const struct trust_verifier *trust_pick(const struct trust_verifier *verifier, const struct request *request,
					struct arena *arena)
{
	if (verifier->variant_count == 0 || trust_is_signed(verifier, request, arena))
		return verifier;
	for (size_t i = 0; i < verifier->variant_count; i++) {
		const struct trust_verifier *variant = &verifier->variants[i];

		if (variant->secret_count > 0 &&
		    is_asked_for(&verifier->description->variants[i], verifier, request, arena) &&
		    trust_is_signed(variant, request, arena))
			return variant;
	}
	return verifier;
}
