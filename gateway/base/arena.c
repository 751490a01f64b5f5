/* arena.c - the arena as blocks: an allocation is an addition and a comparison (build option arena=block).
 *
 * The special difficulty: what counts against the limit is what leaves the arena, rounded to the alignment, so that a
 * million allocations of one byte are no cheaper for a stranger than they are for us. Only a single allocation's own
 * rounding may stand over the limit. arena_checked.c counts in the same way. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

enum { ALIGNMENT = _Alignof(max_align_t), SMALLEST = 256 };

struct block {
	struct block *next;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
	unsigned char *next; /* the next free byte of the newest block, always aligned */
	unsigned char *end;
	size_t used;
	size_t limit;
	bool failed;
	size_t first_size;
	struct block *later; /* newest first; given back on reset */
	_Alignas(ALIGNMENT) unsigned char first[];
};

static size_t round_up(size_t n)
{
	return (n + (ALIGNMENT - 1)) & ~(size_t)(ALIGNMENT - 1);
}

struct arena *arena_new(size_t first_block, size_t limit)
{
	if (first_block > SIZE_MAX / 4)
		return NULL;
	size_t size = first_block < SMALLEST ? SMALLEST : round_up(first_block);
	struct arena *arena = malloc(sizeof *arena + size);
	if (!arena)
		return NULL;
	*arena = (struct arena){ .limit = limit, .first_size = size };
	arena->next = arena->first;
	arena->end = arena->first + size;
	return arena;
}

static void free_later(struct arena *arena)
{
	while (arena->later) {
		struct block *block = arena->later;
		arena->later = block->next;
		free(block);
	}
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	free_later(arena);
	free(arena);
}

void arena_reset(struct arena *arena)
{
	free_later(arena);
	arena->next = arena->first;
	arena->end = arena->first + arena->first_size;
	arena->used = 0;
	arena->failed = false;
}

void arena_set_limit(struct arena *arena, size_t limit)
{
	arena->limit = limit;
}

/* Blocks grow with what was used already, so that their number stays small. */
static bool add_block(struct arena *arena, size_t n)
{
	size_t size = arena->used > arena->first_size ? arena->used : arena->first_size;
	if (size > arena->limit)
		size = round_up(arena->limit);
	if (size < n)
		size = n;
	struct block *block = malloc(sizeof *block + size);
	if (!block)
		return false;
	block->next = arena->later;
	arena->later = block;
	arena->next = block->bytes;
	arena->end = block->bytes + size;
	return true;
}

void *arena_alloc(struct arena *arena, size_t n)
{
	if (arena->failed || n > arena->limit || arena->used > arena->limit - n || n > SIZE_MAX / 4)
		goto fail;
	n = round_up(n);
	if ((size_t)(arena->end - arena->next) < n && !add_block(arena, n))
		goto fail;
	void *p = arena->next;
	arena->next += n;
	arena->used += n;
	return p;

fail:
	arena->failed = true;
	return NULL;
}

void arena_shrink(struct arena *arena, void *p, size_t had, size_t keep)
{
	/* As numbers: p may be of another block. */
	if (!p || keep > had || (uintptr_t)p + round_up(had) != (uintptr_t)arena->next)
		return;
	size_t back = round_up(had) - round_up(keep);
	arena->next -= back;
	arena->used -= back;
}

bool arena_failed(const struct arena *arena)
{
	return arena->failed;
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}
