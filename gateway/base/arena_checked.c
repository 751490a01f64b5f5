/* arena_checked.c - the arena with one malloc per allocation (build option arena=checked): slower, but AddressSanitizer
 * sees every overrun, and every use after a reset.
 *
 * The special difficulty: arena_shrink may not move the allocation, so the bytes given back stay where they are and are
 * poisoned instead. The counting is that of arena.c. */
#include "base/arena.h"

#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <stdlib.h>

enum { ALIGNMENT = _Alignof(max_align_t) };

struct arena {
	void **given;
	size_t count;
	size_t room;
	size_t newest; /* the size that the newest allocation has left */
	size_t used;
	size_t limit;
	bool failed;
};

static size_t round_up(size_t n)
{
	return (n + (ALIGNMENT - 1)) & ~(size_t)(ALIGNMENT - 1);
}

struct arena *arena_new(size_t first_block, size_t limit)
{
	(void)first_block;
	struct arena *arena = malloc(sizeof *arena);
	if (arena)
		*arena = (struct arena){ .limit = limit };
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	arena_reset(arena);
	free(arena->given);
	free(arena);
}

void arena_reset(struct arena *arena)
{
	while (arena->count > 0)
		free(arena->given[--arena->count]);
	arena->used = 0;
	arena->failed = false;
}

void arena_set_limit(struct arena *arena, size_t limit)
{
	arena->limit = limit;
}

static bool make_room(struct arena *arena)
{
	if (arena->count < arena->room)
		return true;
	size_t room = arena->room > 0 ? arena->room * 2 : 16;
	void **given = realloc(arena->given, room * sizeof *given);
	if (!given)
		return false;
	arena->given = given;
	arena->room = room;
	return true;
}

void *arena_alloc(struct arena *arena, size_t n)
{
	if (arena->failed || n > arena->limit || arena->used > arena->limit - n || n > SIZE_MAX / 4)
		goto fail;
	if (!make_room(arena))
		goto fail;
	void *p = malloc(n > 0 ? n : 1);
	if (!p)
		goto fail;
	if (n == 0)
		ASAN_POISON_MEMORY_REGION(p, 1);
	arena->given[arena->count++] = p;
	arena->newest = n;
	arena->used += round_up(n);
	return p;

fail:
	arena->failed = true;
	return NULL;
}

void arena_shrink(struct arena *arena, void *p, size_t had, size_t keep)
{
	if (arena->count == 0 || arena->given[arena->count - 1] != p || had != arena->newest || keep > had)
		return;
	ASAN_POISON_MEMORY_REGION((unsigned char *)p + keep, had - keep);
	arena->newest = keep;
	arena->used -= round_up(had) - round_up(keep);
}

bool arena_failed(const struct arena *arena)
{
	return arena->failed;
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}
