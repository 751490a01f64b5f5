/* restyle.h - a JSON text as other programs would have written it: for `hookgate verify`, which looks for the body that
 * was signed where another one came. */
#ifndef HOOKGATE_TRUST_RESTYLE_H
#define HOOKGATE_TRUST_RESTYLE_H

#include "base/arena.h"

/* The nth way of writing, in words ("without white space"); NULL behind the last. */
const char *trust_restyle_words(size_t n);

/* The same values in the nth way, in the arena; SLICE_NONE where the text is no JSON, or is nested deeper than 64. Numbers
 * stay as they are written. */
struct slice trust_restyle(size_t n, struct slice text, struct arena *arena);

#endif
