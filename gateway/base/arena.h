/* arena.h - memory that lives as long as one delivery and is given back all at once.
 *
 * The special difficulty: everything a stranger can make us allocate needs a limit, but a check after each allocation
 * hides the logic. So an arena has a limit of its own, and running over it sets a flag that sticks: every later
 * allocation fails too, and who builds something from several pieces may check arena_failed() once at the end.
 *
 * The first block is kept over resets, so a worker that reuses its arenas allocates nothing in the steady state.
 * One thread at a time. The build option `arena=checked` replaces the blocks by one malloc per allocation, so that
 * AddressSanitizer sees every overrun. */
#ifndef HOOKGATE_BASE_ARENA_H
#define HOOKGATE_BASE_ARENA_H

#include "base/slice.h"

struct arena;

/* A new arena whose first block has `first_block` bytes and that gives out at most `limit` bytes between two resets.
 * NULL when memory is short. */
struct arena *arena_new(size_t first_block, size_t limit);

/* Frees all; accepts NULL. */
void arena_free(struct arena *arena);

/* Takes back everything given out; the first block stays. Clears the failure flag. */
void arena_reset(struct arena *arena);

/* Changes the limit, counted from the last reset on. */
void arena_set_limit(struct arena *arena, size_t limit);

/* n bytes aligned for any type (and counted with the bytes that takes), not cleared; valid until reset. NULL, and the
 * flag set, when the limit or memory is reached. n == 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t n) __attribute__((warn_unused_result));

/* Gives back the tail of the newest allocation `p`, which had `had` bytes and keeps `keep`; a no-op for any other. */
void arena_shrink(struct arena *arena, void *p, size_t had, size_t keep);

/* A copy of the slice in the arena; SLICE_NONE, and the flag set, on failure. */
struct slice arena_copy(struct arena *arena, struct slice s);

/* A NUL-terminated copy, for APIs that want one; NULL on failure. The caller sees to it that there is no NUL within. */
char *arena_cstring(struct arena *arena, struct slice s);

/* Formatted text of ours in the arena. */
struct slice arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True from the first failed allocation until the next reset. */
bool arena_failed(const struct arena *arena);

/* Bytes given out since the last reset, each allocation rounded up to the alignment. */
size_t arena_used(const struct arena *arena);

#endif
