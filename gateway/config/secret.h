/* secret.h - where a secret comes from, and its bytes.
 *
 * A reference is `env:NAME`, `file:PATH` (relative paths start at the configuration file's folder; regular files
 * only), or the text itself. One trailing newline, LF or CRLF, is cut off: editors, `echo` and YAML's block texts put
 * it there. What looks like a reference gone wrong (ENV:NAME, ${NAME}, spaces at the ends) is an error. An unset
 * variable, an unreadable file and an empty secret are errors: an empty secret would let everybody in. At most 64 KiB.
 * The bytes are wiped when freed and never stand in a message. */
#ifndef HOOKGATE_CONFIG_SECRET_H
#define HOOKGATE_CONFIG_SECRET_H

#include "base/reason.h"
#include "base/slice.h"

#include <stdint.h>

struct config_secret {
	struct slice name;		/* of ours: "current"; "secret" where the route has one unnamed secret */
	struct slice bytes;		/* owned by the config */
	int64_t not_before_ms;		/* wall clock; INT64_MIN: always */
	int64_t not_after_ms;		/* INT64_MAX: always */
	const struct config_node *node; /* where its value stands, for messages of other rooms; NULL for none */
};

/* Resolves a reference into newly allocated bytes, to be given to config_secret_wipe. 0, -EINVAL with a reason (which
 * names the variable or file, not the content), or -ENOMEM. `folder` is the configuration file's. */
int config_secret_resolve(struct slice reference, const char *folder, struct slice *bytes, struct reason *reason)
	__attribute__((warn_unused_result));

/* Wipes, frees, and empties the slice. */
void config_secret_wipe(struct slice *bytes);

#endif
