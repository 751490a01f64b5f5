/* event.h - an entry of a route's stream as a consumer sees it: its fields, and the same as a line of JSON. */
#ifndef HOOKGATE_CONSUME_EVENT_H
#define HOOKGATE_CONSUME_EVENT_H

#include "base/buf.h"
#include "base/slice.h"
#include "store/client.h"

#include <stdint.h>

/* A gateway writes 13 fields; what stands behind the 64th of somebody else's entry is not looked at. */
enum { CONSUME_FIELDS_MAX = 64 };

struct consume_field {
	struct slice name, value;
};

/* All borrowed: from the reply it was read from, and the stream's key from who reads. */
struct consume_event {
	struct slice entry; /* the stream's id of it: "1700000000000-0" */
	struct slice stream;
	bool split; /* that is a partition's */
	struct consume_field fields[CONSUME_FIELDS_MAX];
	size_t field_count;
	bool again;	     /* it was handed to a consumer before */
	uint64_t deliveries; /* how often, this time included; 0: not known */
};

enum consume_entry {
	CONSUME_ENTRY_EVENT,
	CONSUME_ENTRY_DELETED, /* it is in the group's pending list, and no longer in the stream; only `entry` is set */
	CONSUME_ENTRY_NONE     /* nothing that could be told or acknowledged */
};

/* Reads an element of a list of entries: [id, [name, value, ...]], where the second may be nil, or nil as a whole. */
enum consume_entry consume_event_read(const struct store_reply *entry, struct consume_event *event);

/* The first field of that name; empty when there is none. */
struct slice consume_event_field(const struct consume_event *event, struct slice name);

/* Appends {"entry":"1700000000000-0","specversion":"1.0",...} and a line feed; of a partition's, with "stream" behind
 * "entry". As in CloudEvents' JSON format 1.0 (section 3.1), the body is the string `data` where it is UTF-8, else
 * `data_base64`. `headers` stands as the object that it is. Nothing else in the line is a line feed, whatever the fields hold. */
void consume_event_json(const struct consume_event *event, struct buf *out);

#endif
