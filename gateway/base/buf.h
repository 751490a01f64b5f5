/* buf.h - a growing run of bytes that we own: log lines, JSON, commands.
 *
 * Like the arena, it has a flag that sticks: after a failed growth every append is a no-op and buf_failed() says so.
 * Zero-initialised is valid and empty. One thread at a time. */
#ifndef HOOKGATE_BASE_BUF_H
#define HOOKGATE_BASE_BUF_H

#include "base/slice.h"

#include <stdint.h>

struct buf {
	unsigned char *p;
	size_t n;
	size_t size;
	bool failed;
};

#define BUF_EMPTY ((struct buf){ NULL, 0, 0, false })

/* Makes room for n more bytes; false, and the flag set, when memory is short. Inlined: it stands in the hot path. */
bool buf_grow(struct buf *buf, size_t n);
static inline bool buf_room(struct buf *buf, size_t n)
{
	return (buf->size - buf->n >= n && !buf->failed) || buf_grow(buf, n);
}

/* Makes it `size` bytes large and no larger, where it is smaller: for what may take only so much memory. As
 * buf_grow. */
bool buf_grow_to(struct buf *buf, size_t size);

static inline void buf_add(struct buf *buf, struct slice s)
{
	if (s.n > 0 && buf_room(buf, s.n)) {
		memcpy(buf->p + buf->n, s.p, s.n);
		buf->n += s.n;
	}
}

static inline void buf_add_byte(struct buf *buf, unsigned char c)
{
	if (buf_room(buf, 1))
		buf->p[buf->n++] = c;
}

void buf_add_str(struct buf *buf, const char *s);
void buf_add_u64(struct buf *buf, uint64_t value);
void buf_add_i64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The content; borrowed until the next append, clear or free. */
static inline struct slice buf_slice(const struct buf *buf)
{
	return slice_of(buf->p, buf->n);
}

static inline bool buf_failed(const struct buf *buf)
{
	return buf->failed;
}

/* Empties it and clears the flag; the memory stays. */
static inline void buf_clear(struct buf *buf)
{
	buf->n = 0;
	buf->failed = false;
}

/* Frees the memory; the buf is then valid and empty. */
void buf_free(struct buf *buf);

/* As buf_free, but wipes the bytes first: for anything a secret passed through. Note that growing may have left older
 * copies behind: give a buf for secrets its full size with buf_grow first. */
void buf_wipe(struct buf *buf);

#endif
