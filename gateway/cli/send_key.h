/* send_key.h - what `hookgate send` signs with where the provider has a private key: one of its own. */
#ifndef HOOKGATE_CLI_SEND_KEY_H
#define HOOKGATE_CLI_SEND_KEY_H

#include "intake/plan.h"

/* Reads the private key in the file, or makes one: where the file is not there yet it is written, where `file` is NULL it
 * is printed. What to put into the route is said on standard error. The key is appended; buf_wipe() it. An exit status. */
int cli_send_key(const struct trust_verifier *verifier, const char *file, struct buf *key);

/* Would the route take it? Otherwise says on standard error what is in the way. An exit status. */
int cli_send_check(const struct trust_verifier *verifier, const struct intake_plan *plan, const struct request *request,
		   int64_t now_ms);

#endif
