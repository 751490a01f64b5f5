/* buf.c - the slow half of buf.h: growing, and appending what has to be formatted first.
 *
 * The special difficulty: formatted text says how long it is only when it has been written, so buf_printf may have to
 * write twice. */
#include "base/buf.h"

#include "base/num.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SMALLEST = 128 };

bool buf_grow_to(struct buf *buf, size_t size)
{
	if (buf->failed || size <= buf->size)
		return !buf->failed;
	unsigned char *p = size <= SIZE_MAX / 4 ? realloc(buf->p, size) : NULL;
	if (!p) {
		buf->failed = true;
		return false;
	}
	buf->p = p;
	buf->size = size;
	return true;
}

bool buf_grow(struct buf *buf, size_t n)
{
	if (buf->failed)
		return false;
	if (buf->size - buf->n >= n)
		return true;
	if (n > SIZE_MAX / 4 - buf->n) {
		buf->failed = true;
		return false;
	}
	size_t size = buf->size < SMALLEST ? SMALLEST : buf->size * 2;
	return buf_grow_to(buf, size < buf->n + n ? buf->n + n : size);
}

void buf_add_str(struct buf *buf, const char *s)
{
	buf_add(buf, slice_str(s));
}

void buf_add_u64(struct buf *buf, uint64_t value)
{
	char digits[20];
	buf_add(buf, slice_of(digits, num_format_u64(value, digits)));
}

void buf_add_i64(struct buf *buf, int64_t value)
{
	uint64_t magnitude = (uint64_t)value;
	if (value < 0) {
		buf_add_byte(buf, '-');
		magnitude = 0 - magnitude;
	}
	buf_add_u64(buf, magnitude);
}

/* Writes what fits into the room there is; answers how many bytes the text has. */
static int try_format(struct buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static int try_format(struct buf *buf, const char *format, va_list args)
{
	size_t room = buf->size - buf->n;
	return vsnprintf(room > 0 ? (char *)buf->p + buf->n : NULL, room, format, args);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	if (buf->failed)
		return;
	va_list args;
	va_start(args, format);
	int n = try_format(buf, format, args);
	va_end(args);
	if (n < 0) {
		buf->failed = true;
		return;
	}
	/* vsnprintf wants room for its NUL as well. */
	if ((size_t)n >= buf->size - buf->n) {
		if (!buf_grow(buf, (size_t)n + 1))
			return;
		va_start(args, format);
		(void)try_format(buf, format, args);
		va_end(args);
	}
	buf->n += (size_t)n;
}

void buf_free(struct buf *buf)
{
	free(buf->p);
	*buf = BUF_EMPTY;
}

void buf_wipe(struct buf *buf)
{
	if (buf->p)
		explicit_bzero(buf->p, buf->size);
	buf_free(buf);
}
