/* twins.h - which events of one batch are the same: what the look into Redis cannot tell, since none of them is there yet;
 * of this room only. */
#ifndef HOOKGATE_STORE_TWINS_H
#define HOOKGATE_STORE_TWINS_H

#include "store/command.h"

enum { STORE_TWINS_EVENTS = 256, STORE_TWINS_SLOTS = 2048 };

struct store_twins {
	uint16_t slots[STORE_TWINS_SLOTS]; /* number of a mark plus one; 0: free */
	struct slice marks[STORE_TWINS_EVENTS * STORE_MARKS_MAX];
	size_t count;
};

/* Must come first; what is in `marks` does not matter. */
void store_twins_begin(struct store_twins *twins);

/* False when a mark of the event is one of those that were added before; else adds its marks, which must stay, of at most
 * STORE_TWINS_EVENTS events. */
bool store_twins_add(struct store_twins *twins, const struct store_command *command);

#endif
