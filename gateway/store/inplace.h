/* inplace.h - replies read where they lie; of this room only.
 *
 * hiredis' parser copies each reply and allocates for each of its parts, of which a batch has dozens. Nearly all replies
 * come whole and are flat, and can be looked at in the buffer that they were received into; the others are hiredis'. */
#ifndef HOOKGATE_STORE_INPLACE_H
#define HOOKGATE_STORE_INPLACE_H

#include <hiredis/hiredis.h>
#include <stddef.h>

/* A reply whose strings lie in the buffer. Zeroed before first use. */
struct store_inplace {
	redisReply reply;
	redisReply *elements; /* room for an array's */
	redisReply **pointers;
	size_t room;
};

/* Reads the reply that `bytes` begin with, of which n are there. How many bytes it was, its strings now ending in NUL;
 * 0 and nothing changed where it is not whole, not flat, or nothing that is known here: then it is for hiredis to say. */
size_t store_inplace_read(struct store_inplace *in, char *bytes, size_t n);

void store_inplace_free(struct store_inplace *in);

#endif
