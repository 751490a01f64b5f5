/* script.h - the script that marks an event as seen and adds it to the stream in one step; of this room only.
 *
 * KEYS: the stream; its fence (layout.h); the id's key (left out: no look at what was seen); the guard's key (may be left out).
 * ARGV: how long to remember, in seconds; then the entry's fields, a name and a value each, as command.c writes them.
 * Answers 1 when the event was added, 0 when it was seen before, -1 where the fence stands, or an error; nothing is changed but for
 * 1. */
#ifndef HOOKGATE_STORE_SCRIPT_H
#define HOOKGATE_STORE_SCRIPT_H

#include "base/slice.h"

enum { STORE_SCRIPT_FIELD_WORDS = 26, STORE_SCRIPT_SHA = 40 };

struct slice store_script_text(void);

/* The same for several events of one stream, one after the other, in one step.
 *
 * KEYS: the stream; its fence; the marks of each event. ARGV: of each event how many marks it has, of which there must be one, how
 * long to remember, and the entry's fields. Answers 1 when any was added, 0 when all were seen before, -1 where the fence stands and
 * nothing is changed, or an error: then the first so many may have been added, none behind one that was not. */
struct slice store_script_row_text(void);

#endif
