/* journal_fixture.h - a journal in a folder of its own, events to put into it, and what comes out of it. */
#ifndef HOOKGATE_TESTS_JOURNAL_FIXTURE_H
#define HOOKGATE_TESTS_JOURNAL_FIXTURE_H

#include "journal/journal.h"

struct journal_fixture {
	char dir[64];
	struct loop *loop;
	struct journal *journal;
	struct journal_lane *lane;
	uint64_t max_size;
};

/* Makes the folder; opens nothing yet. */
void fixture_begin(struct journal_fixture *fixture);
/* The same, with a loop that others use as well, and that is the fixture's from then on. */
void fixture_begin_in(struct journal_fixture *fixture, struct loop *loop);
void fixture_open(struct journal_fixture *fixture);
void fixture_close(struct journal_fixture *fixture);
/* Removes the folder with all that is in it. */
void fixture_end(struct journal_fixture *fixture);

/* An event of route `route` with the id "id-NUMBER" and `bytes` bytes of body; borrowed until the next call. */
struct journal_event fixture_event(const char *route, unsigned number, size_t bytes);

/* Appends it and waits for the disk. NULL: it is there; else why not. Negative errno in *refused where it was refused at
 * once. */
const char *fixture_append(struct journal_fixture *fixture, const struct journal_event *event, int *refused);

/* Reads all that there is; the numbers of the ids in `numbers`, at most `max`. */
size_t fixture_read(struct journal_fixture *fixture, unsigned *numbers, size_t max);

/* The path of the only segment, or of the damaged-* file; "" when there is none. Borrowed. */
const char *fixture_file(struct journal_fixture *fixture, const char *part);
size_t fixture_files(struct journal_fixture *fixture, const char *part);

#endif
