/* target.h - what a route's keys and fixed fields look like on the wire; of this room only. */
#ifndef HOOKGATE_STORE_TARGET_H
#define HOOKGATE_STORE_TARGET_H

#include "base/buf.h"
#include "base/slice.h"
#include "store/store.h"

#include <stdint.h>

/* All slices point into `memory`. */
struct store_target {
	struct slice stream;	    /* the stream's key as it is */
	struct slice seen;	    /* PREFIX:{ROUTE}:seen: - the id follows */
	struct slice guard;	    /* PREFIX:{ROUTE}:guard: - the digest follows; no id's key can begin like this */
	struct slice xadd;	    /* an XADD up to the name of the field `id`; in it: */
	size_t stream_at, stream_n; /* the stream's key as a bulk */
	size_t fields_at;	    /* the first field */
	struct slice source;	    /* the field `source`, and the name of `type` */
	uint16_t slot;		    /* of all of them, in a Cluster */
	uint64_t generation;	    /* of the layout that it is of */
	struct slice names;	    /* the fields `route` and `provider`, and the name of `headers` */
	struct slice fence;	    /* PREFIX:{TAG}:closed:GENERATION as a bulk; layout.h says what it is */
	struct buf memory;
};

/* PREFIX:{TAG}:closed:GENERATION, in place of what was in `out`; its flag tells when memory is short. */
void store_target_closed_key(const struct store_target_setup *setup, struct buf *out);

#endif
