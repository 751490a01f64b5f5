/* inflate.c - undoing gzip, see inflate.h.
 *
 * The special difficulty: a kilobyte can say a gigabyte, and this happens before the signature is known to be right. The
 * end of the body tells how long the text is; that much room is made and no more, never above the limit, and a body
 * that then comes to anything else is none. */
#include "trust/inflate.h"

#define ZLIB_CONST
#include <zlib.h>

enum { TRAILER = 8, WINDOW_OF_GZIP = 15 + 16 };

/* ISIZE: the last four bytes, the lowest first. */
static size_t told_size(struct slice gzip)
{
	const unsigned char *p = gzip.p + gzip.n - 4;

	return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

enum trust_inflated trust_inflate(struct slice gzip, struct arena *arena, struct slice *text)
{
	z_stream stream = { .next_in = gzip.p, .avail_in = (uInt)gzip.n };
	unsigned char *room;
	size_t size;
	int end;

	if (gzip.n < TRAILER || gzip.n > TRUST_INFLATE_MAX || (size = told_size(gzip)) > TRUST_INFLATE_MAX)
		return TRUST_INFLATE_WRONG;
	/* One byte more, so that a text which is longer than was told is noticed. */
	room = arena_alloc(arena, size + 1);
	if (!room || inflateInit2(&stream, WINDOW_OF_GZIP) != Z_OK)
		return TRUST_INFLATE_SHORT;
	stream.next_out = room;
	stream.avail_out = (uInt)size + 1;
	end = inflate(&stream, Z_FINISH);
	(void)inflateEnd(&stream);
	if (end != Z_STREAM_END || stream.avail_in > 0 || stream.avail_out != 1)
		return end == Z_MEM_ERROR ? TRUST_INFLATE_SHORT : TRUST_INFLATE_WRONG;
	*text = slice_of(room, size);
	return TRUST_INFLATED;
}
