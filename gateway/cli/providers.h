/* providers.h - how `hookgate providers` is printed. */
#ifndef HOOKGATE_CLI_PROVIDERS_H
#define HOOKGATE_CLI_PROVIDERS_H

#include "trust/trust.h"

/* A line each, as wide as the terminal or COLUMNS (120 where neither is known), and how many there are of `all`. */
void cli_providers_table(const struct trust_about *chosen, size_t count, size_t all, struct buf *out);

/* One in full: all that is known, a route to paste, and the description. */
void cli_providers_page(const struct trust_about *about, struct buf *out);

#endif
