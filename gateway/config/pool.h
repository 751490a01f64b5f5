/* pool.h - the memory of one tree or one config: given out in pieces, wiped and freed all at once.
 *
 * base/arena.h is for deliveries: it has a limit and forgets. This one holds secrets, so it wipes what it frees. For
 * this room only. One thread at a time. */
#ifndef HOOKGATE_CONFIG_POOL_H
#define HOOKGATE_CONFIG_POOL_H

#include "base/slice.h"

struct config_pool_block;

/* Zero-initialised is valid and empty. */
struct config_pool {
	struct config_pool_block *blocks;
	bool failed; /* memory was short once; stays */
};

/* n zeroed bytes aligned for any type; NULL, and the flag set, when memory is short. n == 0 gives a valid pointer. */
void *config_pool_alloc(struct config_pool *pool, size_t n) __attribute__((warn_unused_result));

/* The same for an array; NULL also when count * size is no size_t. */
void *config_pool_array(struct config_pool *pool, size_t count, size_t size) __attribute__((warn_unused_result));

/* A copy that is NUL-terminated behind its end; SLICE_NONE on failure. */
struct slice config_pool_copy(struct config_pool *pool, struct slice s);

/* The same as a string; NULL on failure. The caller sees to it that there is no NUL within. */
const char *config_pool_string(struct config_pool *pool, struct slice s) __attribute__((warn_unused_result));

/* Wipes and frees all; the pool is then valid and empty. */
void config_pool_free(struct config_pool *pool);

#endif
