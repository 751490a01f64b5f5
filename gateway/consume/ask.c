/* ask.c - commands to Redis. The difficulty is to tell errors that will go by, which are waited for, from those that
 * will not, which a person must hear of at once. */
#include "consume/ask.h"

#include "base/num.h"

#include <errno.h>

void consume_words_add(struct consume_words *words, struct slice word)
{
	if (words->n < CONSUME_WORDS_MAX)
		words->w[words->n++] = word;
}

void consume_words_number(struct consume_words *words, uint64_t number)
{
	char *digits = words->digits[words->numbers++ % 4];

	consume_words_add(words, slice_of(digits, num_format_u64(number, digits)));
}

/* Redis starts, has no memory left, fails over, runs a long script. */
static bool will_pass(struct slice error)
{
	static const struct slice words[] = {
		SLICE_LIT("LOADING"),	 SLICE_LIT("OOM"),	   SLICE_LIT("BUSY"),	  SLICE_LIT("READONLY"),
		SLICE_LIT("MASTERDOWN"), SLICE_LIT("CLUSTERDOWN"), SLICE_LIT("TRYAGAIN"), SLICE_LIT("MISCONF"),
		SLICE_LIT("NOREPLICAS"), SLICE_LIT("UNBLOCKED"),
	};
	struct slice word, rest;

	slice_cut(error, ' ', &word, &rest);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (slice_eq(word, words[i]))
			return true;
	}
	return false;
}

struct slice consume_error(const struct store_reply *reply)
{
	return store_reply_type(reply) == STORE_REPLY_ERROR ? store_reply_text(reply) : SLICE_NONE;
}

int consume_refused(struct slice error, struct reason *reason)
{
	struct slice text = slice_head(error, 200);

	reason_set(reason, "Redis answers: %.*s", SLICE_ARGS(text));
	return will_pass(error) ? -EIO : -EINVAL;
}

int consume_senseless(const char *command, struct reason *reason)
{
	reason_set(reason, "Redis answers %s with something else than it should", command);
	return -EINVAL;
}

int consume_ask(struct store_client *client, const struct consume_words *words, int64_t wait_ms,
		struct store_reply **reply, struct reason *reason)
{
	int fault = store_client_call(client, words->w, words->n, wait_ms, reply, reason);

	return fault == -ENAMETOOLONG ? -EINVAL : fault;
}

int consume_ask_well(struct store_client *client, const struct consume_words *words, struct store_reply **reply,
		     struct reason *reason)
{
	int fault = consume_ask(client, words, 0, reply, reason);

	if (fault != 0 || store_reply_type(*reply) != STORE_REPLY_ERROR)
		return fault;
	fault = consume_refused(store_reply_text(*reply), reason);
	store_reply_free(*reply);
	return fault;
}
