/* pool.c - blocks of growing size, each filled from its beginning. The one thing to mind: they hold secrets, so no
 * block is ever moved by realloc, and all of it is wiped before it goes. */
#include "config/pool.h"

#include <stdint.h>
#include <stdlib.h>

enum { FIRST_BLOCK = 16 * 1024, LAST_BLOCK = 1024 * 1024, ALIGNMENT = _Alignof(max_align_t) };

struct config_pool_block {
	struct config_pool_block *next;
	size_t size, used;
	_Alignas(max_align_t) unsigned char bytes[];
};

static struct config_pool_block *block_new(const struct config_pool *pool, size_t n)
{
	size_t size = FIRST_BLOCK;
	if (pool->blocks)
		size = pool->blocks->size < LAST_BLOCK ? pool->blocks->size * 2 : pool->blocks->size;
	if (size > LAST_BLOCK)
		size = LAST_BLOCK;
	if (size < n)
		size = n;
	/* Zeroed pages come from the kernel as they are needed: clearing a piece again when it is given out costs
	 * more. */
	struct config_pool_block *block = calloc(1, sizeof(*block) + size);
	if (block)
		block->size = size;
	return block;
}

void *config_pool_alloc(struct config_pool *pool, size_t n)
{
	if (n > SIZE_MAX / 2) {
		pool->failed = true;
		return NULL;
	}
	n = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct config_pool_block *block = pool->blocks;
	if (!block || block->size - block->used < n) {
		block = block_new(pool, n);
		if (!block) {
			pool->failed = true;
			return NULL;
		}
		block->next = pool->blocks;
		pool->blocks = block;
	}
	void *p = block->bytes + block->used;
	block->used += n;
	return p;
}

void *config_pool_array(struct config_pool *pool, size_t count, size_t size)
{
	size_t n;
	if (__builtin_mul_overflow(count, size, &n)) {
		pool->failed = true;
		return NULL;
	}
	return config_pool_alloc(pool, n);
}

struct slice config_pool_copy(struct config_pool *pool, struct slice s)
{
	unsigned char *p = s.n < SIZE_MAX ? config_pool_alloc(pool, s.n + 1) : NULL;
	if (!p)
		return SLICE_NONE;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}

const char *config_pool_string(struct config_pool *pool, struct slice s)
{
	return (const char *)config_pool_copy(pool, s).p;
}

void config_pool_free(struct config_pool *pool)
{
	while (pool->blocks) {
		struct config_pool_block *block = pool->blocks;
		pool->blocks = block->next;
		explicit_bzero(block->bytes, block->used);
		free(block);
	}
	pool->failed = false;
}
