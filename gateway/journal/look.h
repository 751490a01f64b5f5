/* look.h - a journal's folder looked through from outside, be it in use or not; nothing in it is changed. */
#ifndef HOOKGATE_JOURNAL_LOOK_H
#define HOOKGATE_JOURNAL_LOOK_H

#include "base/reason.h"
#include "journal/reader.h"

struct journal_look;

/* One record, or a stretch that is none. */
struct journal_looked {
	enum journal_read what; /* RECORD, FOREIGN, DAMAGED, TORN; END: there is no more */
	char file[JOURNAL_SEGMENT_NAME];
	uint64_t at, length;		   /* where it stands in it */
	uint64_t sequence;		   /* of a record */
	const struct journal_event *event; /* of a RECORD; borrowed until the next call */
	bool done;			   /* below the mark: it is in Redis for good, and its file will go */
};

/* 0, or -errno with the reason. */
int journal_look_open(const char *dir, struct journal_look **out, struct reason *reason)
	__attribute__((warn_unused_result));

/* The next one, in the order of events. 0, or -errno with the reason. */
int journal_look_next(struct journal_look *look, struct journal_looked *looked, struct reason *reason)
	__attribute__((warn_unused_result));

/* Accepts NULL. */
void journal_look_close(struct journal_look *look);

#endif
