/* target.c - the keys and fixed fields of a route.
 *
 * All that is the same for every event of a route is written once, in the form in which it goes to Redis. Its
 * difficulty: the pieces share one growing buffer, so they are kept as offsets until the buffer has stopped moving. */
#include "store/target.h"

#include "store/command.h"
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

int store_target_new(struct slice prefix, struct slice route, struct slice source, struct slice provider,
		     struct store_target **out)
{
	struct store_target *target = calloc(1, sizeof *target);
	if (!target)
		return -ENOMEM;

	struct buf *memory = &target->memory;
	add_key(memory, prefix, route, "events");
	size_t bulk = memory->n;
	store_command_add_bulk(memory, slice_head(buf_slice(memory), bulk));
	size_t seen = memory->n;
	add_key(memory, prefix, route, "seen:");
	size_t guard = memory->n;
	add_key(memory, prefix, route, "guard:");
	size_t fixed = memory->n;
	store_command_add_bulk(memory, source);
	size_t names = memory->n;
	store_command_add_bulk(memory, route);
	store_command_add_bulk(memory, provider);
	if (buf_failed(memory)) {
		store_target_free(target);
		return -ENOMEM;
	}

	const unsigned char *p = memory->p;
	target->stream = slice_of(p, bulk);
	target->stream_bulk = slice_of(p + bulk, seen - bulk);
	target->seen = slice_of(p + seen, guard - seen);
	target->guard = slice_of(p + guard, fixed - guard);
	target->source_bulk = slice_of(p + fixed, names - fixed);
	target->names_bulk = slice_of(p + names, memory->n - names);
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
