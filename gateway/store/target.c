/* target.c - the keys and fixed fields of a route.
 *
 * All that is the same for every event of a route is written once, in the form in which it goes to Redis. Its
 * difficulty: the pieces share one growing buffer, so they are kept as offsets until the buffer has stopped moving. */
#include "store/target.h"

#include "store/command.h"
#include "store/script.h"
#include "store/slot.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>

static void add_key(struct buf *out, struct slice prefix, struct slice route, const char *rest)
{
	buf_add(out, prefix);
	buf_add_str(out, ":{");
	buf_add(out, route);
	buf_add_str(out, "}:");
	buf_add_str(out, rest);
}

static void add_field(struct buf *out, const char *name, struct slice value)
{
	store_command_add_bulk(out, slice_str(name));
	store_command_add_bulk(out, value);
}

/* XADD key * specversion 1.0 id */
static void add_xadd(struct store_target *target, size_t stream_n)
{
	struct buf *memory = &target->memory;
	size_t begun = memory->n;
	store_command_add_count(memory, 3 + STORE_SCRIPT_FIELD_WORDS);
	store_command_add_bulk(memory, SLICE("XADD"));
	target->stream_at = memory->n - begun;
	store_command_add_bulk(memory, slice_head(buf_slice(memory), stream_n));
	target->stream_n = memory->n - begun - target->stream_at;
	store_command_add_bulk(memory, SLICE("*"));
	target->fields_at = memory->n - begun;
	add_field(memory, "specversion", SLICE("1.0"));
	store_command_add_bulk(memory, SLICE("id"));
}

int store_target_new(struct slice prefix, struct slice route, struct slice source, struct slice provider,
		     struct store_target **out)
{
	struct store_target *target = calloc(1, sizeof *target);
	if (!target)
		return -ENOMEM;

	struct buf *memory = &target->memory;
	add_key(memory, prefix, route, "events");
	size_t seen = memory->n;
	add_key(memory, prefix, route, "seen:");
	size_t guard = memory->n;
	add_key(memory, prefix, route, "guard:");
	size_t xadd = memory->n;
	add_xadd(target, seen);
	size_t fixed = memory->n;
	add_field(memory, "source", source);
	store_command_add_bulk(memory, SLICE("type"));
	size_t names = memory->n;
	add_field(memory, "route", route);
	add_field(memory, "provider", provider);
	store_command_add_bulk(memory, SLICE("headers"));
	if (buf_failed(memory)) {
		store_target_free(target);
		return -ENOMEM;
	}

	const unsigned char *p = memory->p;
	target->stream = slice_of(p, seen);
	target->slot = store_slot(target->stream);
	target->seen = slice_of(p + seen, guard - seen);
	target->guard = slice_of(p + guard, xadd - guard);
	target->xadd = slice_of(p + xadd, fixed - xadd);
	target->source = slice_of(p + fixed, names - fixed);
	target->names = slice_of(p + names, memory->n - names);
	*out = target;
	return 0;
}

void store_target_free(struct store_target *target)
{
	if (!target)
		return;
	buf_free(&target->memory);
	free(target);
}

struct slice store_target_stream(const struct store_target *target)
{
	return target->stream;
}
