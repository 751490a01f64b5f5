/* inflate.h - a body as it was before its sender compressed it (RFC 1952, gzip): a few providers sign that.
 *
 * The only unit that names zlib. One thread at a time per arena. */
#ifndef HOOKGATE_TRUST_INFLATE_H
#define HOOKGATE_TRUST_INFLATE_H

#include "base/arena.h"

/* What a compressed body may come to. */
enum { TRUST_INFLATE_MAX = 4 << 20 };

enum trust_inflated {
	TRUST_INFLATED,
	TRUST_INFLATE_WRONG, /* not one whole gzip member, or larger than TRUST_INFLATE_MAX */
	TRUST_INFLATE_SHORT  /* memory is short */
};

/* The text in `gzip`, from the arena; written on TRUST_INFLATED only. A body of more than one member is refused: what a
 * reader makes of it differs from program to program. */
enum trust_inflated trust_inflate(struct slice gzip, struct arena *arena, struct slice *text);

#endif
