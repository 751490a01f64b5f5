/* twins.c - a table of a batch's marks, open-addressed.
 *
 * Its difficulty is that the keys are strangers' choice: who makes them all hash alike makes a batch slower, by its
 * square of at most 512, and nothing worse. */
#include "store/twins.h"

void store_twins_begin(struct store_twins *twins)
{
	memset(twins->slots, 0, sizeof twins->slots);
	twins->count = 0;
}

/* Ids differ at their ends, if anywhere. */
static size_t slot_of(struct slice mark)
{
	uint64_t hash = mark.n, part = 0;
	for (size_t end = mark.n, i = 0; i < 3 && end > 0; i++) {
		size_t n = end < sizeof part ? end : sizeof part;
		end -= n;
		part = 0;
		memcpy(&part, mark.p + end, n);
		hash = (hash ^ part) * UINT64_C(0x9E3779B97F4A7C15);
		hash ^= hash >> 29;
	}
	return hash % STORE_TWINS_SLOTS;
}

/* Where the mark is, or is to be. */
static uint16_t *find(struct store_twins *twins, struct slice mark)
{
	size_t at = slot_of(mark);
	while (twins->slots[at] != 0 && !slice_eq(twins->marks[twins->slots[at] - 1], mark))
		at = (at + 1) % STORE_TWINS_SLOTS;
	return &twins->slots[at];
}

bool store_twins_add(struct store_twins *twins, const struct store_command *command)
{
	for (size_t i = 0; i < command->mark_count; i++) {
		if (*find(twins, store_command_part(command, command->marks[i])) != 0)
			return false;
	}
	for (size_t i = 0; i < command->mark_count; i++) {
		struct slice mark = store_command_part(command, command->marks[i]);
		uint16_t *slot = find(twins, mark);
		twins->marks[twins->count] = mark;
		*slot = (uint16_t)++twins->count;
	}
	return true;
}
