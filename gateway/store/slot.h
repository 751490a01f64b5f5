/* slot.h - which slot of a Redis Cluster a key is in; of this room only.
 *
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/, Key distribution model and Hash tags. */
#ifndef HOOKGATE_STORE_SLOT_H
#define HOOKGATE_STORE_SLOT_H

#include "base/slice.h"

#include <stdint.h>

enum { STORE_SLOTS = 16384 };

/* CRC16 (polynomial 0x1021, begun with 0, nothing reflected) of the key's tag, or of the whole key where it has none,
 * modulo 16384. The tag is what stands between the first "{" and the next "}" behind it, unless that is nothing. */
uint16_t store_slot(struct slice key);

#endif
