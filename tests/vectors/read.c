/* read.c - a vector as it stands in a description. Its one difficulty: each part of the request lies in memory of its own, of just its
 * size, so that bits of it can be flipped and a sanitizer sees what is read behind it. */
#include "base/encode.h"
#include "base/num.h"
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>

void vector_fail(const struct vector *v, const char *what, struct slice got)
{
	printf("FAILED %s:%u: %.*s: %s: %.*s\n", v->file, v->node->line, SLICE_ARGS(v->name), what, SLICE_ARGS(got));
	vectors_total.failed++;
}

struct slice vector_copy(struct slice s)
{
	unsigned char *p = malloc(s.n + 1);

	if (!p)
		abort();
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}

void vector_drop(struct slice s)
{
	free((void *)(uintptr_t)s.p);
}

struct slice vector_text(const struct config_node *node, const char *key)
{
	const struct config_node *child = config_node_get(node, slice_str(key));

	return child ? child->text : SLICE_NONE;
}

void vector_add_header(struct vector *v, struct slice name, struct slice value)
{
	if (v->request.header_count == HEADERS_MAX)
		abort();
	v->headers[v->request.header_count++] = (struct header){ name, vector_copy(value) };
}

static void read_headers(struct vector *v)
{
	const struct config_node *headers = config_node_get(v->node, SLICE("headers"));

	v->request.headers = v->headers;
	for (const struct config_node *h = headers ? headers->first : NULL; h; h = h->next) {
		if (h->kind == CONFIG_SCALAR)
			vector_add_header(v, h->key, h->text);
		for (const struct config_node *item = h->first; item; item = item->next)
			vector_add_header(v, h->key, item->text);
	}
}

static void read_body(struct vector *v)
{
	const struct config_node *encoded = config_node_get(v->node, SLICE("body_base64"));
	unsigned char *bytes;
	size_t n = 0;

	if (!encoded) {
		v->request.body = vector_copy(vector_text(v->node, "body"));
		return;
	}
	bytes = malloc(encode_base64_room(encoded->text.n));
	if (!bytes || !encode_base64_decode(ENCODE_BASE64, encoded->text, bytes, &n))
		vector_fail(v, "body_base64 is not", encoded->text);
	v->request.body = slice_of(bytes, n);
}

static int64_t seconds(const struct config_node *node, const char *key, int64_t otherwise)
{
	uint64_t s;

	return num_parse_u64(vector_text(node, key), 1ULL << 40, &s) ? (int64_t)s * 1000 : otherwise;
}

static void add_secret(struct vector *v, struct slice name, struct slice bytes, const struct config_node *node)
{
	v->secrets[v->route.secret_count++] = (struct config_secret){
		.name = name,
		.bytes = bytes,
		.node = node,
		.not_before_ms = seconds(node, "not_before", INT64_MIN),
		.not_after_ms = seconds(node, "not_after", INT64_MAX),
	};
}

static void read_secrets(struct vector *v)
{
	const struct config_node *one = config_node_get(v->node, SLICE("secret"));
	const struct config_node *several = config_node_get(v->node, SLICE("secrets"));

	if (one)
		add_secret(v, SLICE("secret"), one->text, one);
	for (const struct config_node *s = several ? several->first : NULL; s; s = s->next)
		add_secret(v, vector_text(s, "name"), vector_text(s, "value"), s);
	v->route.secrets = v->secrets;
}

void vector_read(struct vector *v, const char *file, const struct config_node *node, struct slice provider)
{
	struct slice missing = vector_text(node, "missing_id");
	struct slice method = vector_text(node, "method"), target = vector_text(node, "target");

	*v = (struct vector){
		.file = file, .node = node, .name = vector_text(node, "name"), .expect = vector_text(node, "expect")
	};
	v->now_ms = seconds(node, "now", 0);
	v->route = (struct config_route){ .name = provider,
					  .path = SLICE("/hooks/x"),
					  .provider = provider,
					  .node = node,
					  .tolerance_ms = -1,
					  .public_url = vector_text(node, "public_url"),
					  .options = config_node_get(node, SLICE("options")),
					  .verify = config_node_get(node, SLICE("verify")) };
	if (slice_eq(missing, SLICE("reject")))
		v->route.missing_id = CONFIG_MISSING_REJECT;
	v->request.method = method.n > 0 ? method : SLICE("POST");
	v->request.target = vector_copy(target.n > 0 ? target : SLICE("/hooks/x"));
	if (!message_split_target(v->request.target, &v->request.path, &v->request.query))
		vector_fail(v, "no target", v->request.target);
	read_headers(v);
	read_body(v);
	read_secrets(v);
	v->config = (struct config){ .file = file, .routes = &v->route, .route_count = 1 };
}

void vector_end(struct vector *v)
{
	for (size_t i = 0; i < v->request.header_count; i++)
		vector_drop(v->headers[i].value);
	vector_drop(v->request.body);
	vector_drop(v->request.target);
}
