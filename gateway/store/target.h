/* target.h - what a route's keys and fixed fields look like on the wire; of this room only. */
#ifndef HOOKGATE_STORE_TARGET_H
#define HOOKGATE_STORE_TARGET_H

#include "base/buf.h"
#include "base/slice.h"

/* "Bulk" is RESP's word for a string with its length before it: "$5\r\nhello\r\n". All slices point into `memory`. */
struct store_target {
	struct slice stream;	  /* the stream's key as it is */
	struct slice stream_bulk; /* the same, ready to be sent */
	struct slice seen;	  /* PREFIX:{ROUTE}:seen: - the id follows */
	struct slice guard;	  /* PREFIX:{ROUTE}:guard: - the digest follows; no id's key can begin like this */
	struct slice source_bulk;
	struct slice names_bulk; /* route and provider, which stand side by side in the script's arguments */
	struct buf memory;
};

#endif
