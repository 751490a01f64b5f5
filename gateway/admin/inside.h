/* inside.h - what the files of the metrics page know of each other; of this room only. */
#ifndef HOOKGATE_ADMIN_INSIDE_H
#define HOOKGATE_ADMIN_INSIDE_H

#include "admin/admin.h"
#include "base/clock.h"

/* A family's two lines of comment. */
void admin_family(struct buf *out, const char *name, const char *type, const char *help);

/* A family of one sample without labels. */
void admin_simple(struct buf *out, const char *name, const char *type, const char *help, uint64_t value);

/* metrics_journal.c; `journal` may be NULL. */
void admin_journal_metrics(const struct journal *journal, struct buf *out);
void admin_refused_metrics(const struct journal *refused, struct buf *out);

#endif
