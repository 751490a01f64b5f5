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

void store_target_key(const struct store_target_setup *setup, const char *rest, struct buf *out)
{
	buf_add(out, setup->prefix);
	buf_add_str(out, ":{");
	buf_add(out, setup->route);
	if (setup->split) {
		buf_add_byte(out, '.');
		buf_add_u64(out, setup->partition);
	}
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

void store_target_closed_key(const struct store_target_setup *setup, struct buf *out)
{
	buf_clear(out);
	store_target_key(setup, "closed:", out);
	buf_add_u64(out, setup->generation);
}

static void add_fence(struct buf *memory, const struct store_target_setup *setup)
{
	struct buf key = BUF_EMPTY;
	store_target_closed_key(setup, &key);
	if (buf_failed(&key))
		memory->failed = true;
	else
		store_command_add_bulk(memory, buf_slice(&key));
	buf_free(&key);
}

int store_target_new_at(const struct store_target_setup *setup, struct store_target **out)
{
	struct store_target *target = calloc(1, sizeof *target);
	if (!target)
		return -ENOMEM;

	struct buf *memory = &target->memory;
	store_target_key(setup, "events", memory);
	size_t seen = memory->n;
	store_target_key(setup, "seen:", memory);
	size_t guard = memory->n;
	store_target_key(setup, "guard:", memory);
	size_t xadd = memory->n;
	add_xadd(target, seen);
	size_t fixed = memory->n;
	add_field(memory, "source", setup->source);
	store_command_add_bulk(memory, SLICE("type"));
	size_t names = memory->n;
	add_field(memory, "route", setup->route);
	add_field(memory, "provider", setup->provider);
	store_command_add_bulk(memory, SLICE("headers"));
	size_t fence = memory->n;
	add_fence(memory, setup);
	if (buf_failed(memory)) {
		store_target_free(target);
		return -ENOMEM;
	}

	const unsigned char *p = memory->p;
	target->stream = slice_of(p, seen);
	target->slot = store_slot(target->stream);
	target->generation = setup->generation;
	target->seen = slice_of(p + seen, guard - seen);
	target->guard = slice_of(p + guard, xadd - guard);
	target->xadd = slice_of(p + xadd, fixed - xadd);
	target->source = slice_of(p + fixed, names - fixed);
	target->names = slice_of(p + names, fence - names);
	target->fence = slice_of(p + fence, memory->n - fence);
	*out = target;
	return 0;
}

int store_target_new(struct slice prefix, struct slice route, struct slice source, struct slice provider,
		     struct store_target **out)
{
	return store_target_new_at(
		&(struct store_target_setup){
			.prefix = prefix, .route = route, .source = source, .provider = provider },
		out);
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

uint64_t store_target_generation(const struct store_target *target)
{
	return target->generation;
}
