/* order.c - the ordering key of an event. Its difficulty is to find the same today and later: so only what the entry holds
 * is looked at, the body as it was sent and the headers that were kept. */
#include "store/order.h"

#include "base/json.h"

#include <errno.h>
#include <stdlib.h>

/* So that no arena is ever too small for one. */
enum { KEY_MAX = 1024 };

struct store_order {
	struct json_pointer *pointer;
	bool in_body;
};

/* A header is a member of the object that the entry keeps: "/name", with "~" written as a pointer wants it. */
static struct json_pointer *header_pointer(struct slice name)
{
	struct buf text = BUF_EMPTY;
	struct json_pointer *pointer = NULL;
	buf_add_byte(&text, '/');
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = name.p[i];
		buf_add_byte(&text, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
		if (c == '~')
			buf_add_byte(&text, '0');
	}
	if (!buf_failed(&text))
		pointer = json_pointer_parse(buf_slice(&text));
	buf_free(&text);
	return pointer;
}

int store_order_new(struct slice text, struct store_order **out)
{
	bool in_body = slice_starts(text, SLICE("body:"));
	struct slice where = slice_from(text, in_body ? 5 : 7);
	struct store_order *order;
	if ((!in_body && !slice_starts(text, SLICE("header:"))) || where.n == 0)
		return -EINVAL;
	order = calloc(1, sizeof *order);
	if (!order)
		return -ENOMEM;
	order->in_body = in_body;
	order->pointer = in_body ? json_pointer_parse(where) : header_pointer(where);
	if (!order->pointer) {
		free(order);
		return -EINVAL;
	}
	*out = order;
	return 0;
}

void store_order_free(struct store_order *order)
{
	if (!order)
		return;
	json_pointer_free(order->pointer);
	free(order);
}

bool store_order_in_body(const struct store_order *order)
{
	return order->in_body;
}

bool store_order_find(const struct store_order *order, const struct store_event *event, struct arena *arena,
		      struct slice *key)
{
	const struct json_pointer *pointer = order->pointer;
	struct json_value value;
	struct slice found;
	if (json_find(order->in_body ? event->data : event->headers, &pointer, 1, &value) != JSON_OK ||
	    value.raw.n > KEY_MAX || !json_text(&value, arena, &found) || found.n == 0)
		return false;
	*key = found;
	return true;
}

uint32_t store_order_hash(struct slice key)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < key.n; i++)
		h = (h ^ key.p[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(h >> 32) ^ (uint32_t)h;
}
