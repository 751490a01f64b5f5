/* fuzz_template.c - templates and header grammars from anywhere, on a request from anywhere.
 *
 * Input: a template, a newline, a grammar ("<list><assign><field>"), a newline, a header's value, a newline, the
 * body. */
#include "base/buf.h"
#include "fuzz.h"
#include "trust/template.h"

static struct trust_description *describe(struct slice template)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct trust_description *d = NULL;
	struct buf text = BUF_EMPTY;

	buf_add_str(&text, "name: t\nverify: { algorithm: hmac-sha256, signature: { header: X }, signed: ");
	json_write_string(&text, template);
	buf_add_str(&text, " }\nsign: { sample: ");
	json_write_string(&text, template);
	buf_add_str(&text, " }\n");
	if (trust_description_read(buf_slice(&text), "t.yaml", &diag, &d)) {
		MUST(diag.errors > 0);
		d = NULL;
	}
	buf_free(&text);
	config_diag_free(&diag);
	return d;
}

static void resolve(const struct trust_description *d, const struct request *request)
{
	struct arena *arena = arena_new(4096, 1 << 22);
	struct trust_reading reading = {
		.description = d, .request = request, .arena = arena, .timestamp = SLICE("1")
	};
	const struct trust_place *culprit = NULL;
	struct trust_parts parts;
	struct slice joined;
	enum trust_found found;

	MUST(arena);
	(void)trust_reading_look_up(&reading, d->verify.signed_text.pointers);
	found = trust_template_resolve(&d->verify.signed_text, &reading, &parts, &culprit);
	MUST(found == TRUST_FOUND || culprit);
	if (found == TRUST_FOUND) {
		MUST(trust_template_join(&d->verify.signed_text, &reading, &joined) == TRUST_FOUND);
		MUST(joined.n == trust_parts_length(&parts));
	}
	arena_free(arena);
}

static void split(struct slice grammar, struct slice value)
{
	struct trust_grammar g = { .list = grammar.n > 0 ? grammar.p[0] : 0,
				   .assign = grammar.n > 1 ? grammar.p[1] : '=',
				   .field = slice_from(grammar, 2) };
	struct slice rest = value, item;
	size_t total = 0;

	while (trust_grammar_next(&g, &rest, &item)) {
		MUST(item.n == 0 || (item.p >= value.p && item.p + item.n <= value.p + value.n));
		total += item.n;
	}
	MUST(total <= value.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size), template, grammar, value;
	struct trust_description *d;

	slice_cut(rest, '\n', &template, &rest);
	slice_cut(rest, '\n', &grammar, &rest);
	slice_cut(rest, '\n', &value, &rest);
	split(grammar, value);
	d = describe(template);
	if (d) {
		struct header headers[] = { { SLICE("X-A"), value },
					    { SLICE("Content-Type"), SLICE("application/x-www-form-urlencoded") } };
		struct request request = { .method = SLICE("POST"),
					   .path = SLICE("/p"),
					   .query = value,
					   .headers = headers,
					   .header_count = 2,
					   .body = rest };

		resolve(d, &request);
		request.header_count = 1;
		resolve(d, &request);
	}
	trust_description_free(d);
	return 0;
}
