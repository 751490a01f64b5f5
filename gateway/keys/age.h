/* age.h - how long an answer may be kept, from its headers. For this room only. */
#ifndef HOOKGATE_KEYS_AGE_H
#define HOOKGATE_KEYS_AGE_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { KEYS_KEPT_LEAST_MS = 60 * 1000, KEYS_KEPT_MOST_MS = 24 * 3600 * 1000, KEYS_KEPT_DEFAULT_MS = 3600 * 1000 };

/* By RFC 9111 Cache-Control's max-age less Age, else Expires less Date (`now_ms` where there is no Date); an hour where
 * nothing is said or readable; never less than a minute (also where it says no-store: a key is wanted by many
 * deliveries) and never more than a day. Empty slices stand for headers that are not there. Milliseconds. */
int64_t keys_age_kept_ms(struct slice cache_control, struct slice age, struct slice expires, struct slice date,
			 int64_t now_ms);

/* Of a token's answer (RFC 6749, 5.1): its expires_in, less a tenth or a minute, in which a request with it is still on its
 * way; five minutes where it says none; never less than five seconds, so that it can be used at all, nor more than a day.
 * False where there is no access_token. */
bool keys_age_of_token(struct slice answer, int64_t *kept_ms);

#endif
