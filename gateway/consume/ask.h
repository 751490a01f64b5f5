/* ask.h - commands to Redis and what their errors mean for a consumer; of this room only. */
#ifndef HOOKGATE_CONSUME_ASK_H
#define HOOKGATE_CONSUME_ASK_H

#include "base/reason.h"
#include "store/client.h"

enum { CONSUME_WORDS_MAX = 16 };

/* A command being put together. Zeroed before use; the words are borrowed. */
struct consume_words {
	struct slice w[CONSUME_WORDS_MAX];
	size_t n;
	char digits[4][20];
	size_t numbers;
};

void consume_words_add(struct consume_words *words, struct slice word);

/* At most four numbers in one command. */
void consume_words_number(struct consume_words *words, uint64_t number);

/* As store_client_call; faults as of group.h. The reply may be an error. */
int consume_ask(struct store_client *client, const struct consume_words *words, int64_t wait_ms,
		struct store_reply **reply, struct reason *reason) __attribute__((warn_unused_result));

/* The same where an error is a fault: -EIO for one that will pass, else -EINVAL. */
int consume_ask_well(struct store_client *client, const struct consume_words *words, struct store_reply **reply,
		     struct reason *reason) __attribute__((warn_unused_result));

/* The text of a reply that is an error; empty for others. */
struct slice consume_error(const struct store_reply *reply);

/* An error as a fault, with the reason. */
int consume_refused(struct slice error, struct reason *reason);

/* -EINVAL: the reply has not the shape that the command's has. */
int consume_senseless(const char *command, struct reason *reason);

#endif
