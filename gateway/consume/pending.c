/* pending.c - a member's pending entries: how often each was handed out, that one is still being handled, and what becomes of
 * them when the member goes. The special difficulty: whatever fails here must leave an entry pending, for others to find. */
#include "consume/pending.h"

#include "consume/ask.h"

/* XPENDING for one id answers [[id, consumer, idle ms, count]]. */
int consume_pending_count(const struct consume_group_setup *member, struct consume_event *event, struct reason *reason)
{
	const struct store_reply *first, *count;
	struct store_reply *reply = NULL;
	struct consume_words words = { .n = 0 };
	int fault;

	if (!event->again)
		return 0;
	consume_words_add(&words, SLICE("XPENDING"));
	consume_words_add(&words, member->stream);
	consume_words_add(&words, member->group);
	consume_words_add(&words, event->entry);
	consume_words_add(&words, event->entry);
	consume_words_add(&words, SLICE("1"));
	fault = consume_ask_well(member->client, &words, &reply, reason);
	if (fault != 0)
		return fault;
	first = store_reply_at(reply, 0);
	count = first ? store_reply_at(first, 3) : NULL;
	event->deliveries = count && store_reply_number(count) > 0 ? (uint64_t)store_reply_number(count) : 0;
	store_reply_free(reply);
	return 0;
}

/* Claiming what is one's own begins its idle time anew; JUSTID leaves its count alone. */
int consume_pending_hold(const struct consume_group_setup *member, struct slice entry, struct reason *reason)
{
	struct store_reply *reply = NULL;
	struct consume_words words = { .n = 0 };
	int fault;

	consume_words_add(&words, SLICE("XCLAIM"));
	consume_words_add(&words, member->stream);
	consume_words_add(&words, member->group);
	consume_words_add(&words, member->consumer);
	consume_words_add(&words, SLICE("0"));
	consume_words_add(&words, entry);
	consume_words_add(&words, SLICE("JUSTID"));
	fault = consume_ask_well(member->client, &words, &reply, reason);
	if (fault == 0)
		store_reply_free(reply);
	return fault;
}

int consume_pending_leave(const struct consume_group_setup *member, struct reason *reason)
{
	/* In one step: taking a consumer away takes its pending entries away with it, for ever. So with entries it stays,
	 * and they have been lying for as long as others wait before they take them over. */
	static const struct slice script = SLICE_LIT(
		"local from,left='-',0 repeat "
		"local p=redis.call('XPENDING',KEYS[1],ARGV[1],from,'+',100,ARGV[2]) "
		"for _,e in ipairs(p) do left,from=left+1,'('..e[1] "
		"redis.call('XCLAIM',KEYS[1],ARGV[1],ARGV[2],0,e[1],'IDLE',ARGV[3],'JUSTID') end until #p<100 "
		"if left==0 then redis.call('XGROUP','DELCONSUMER',KEYS[1],ARGV[1],ARGV[2]) end return left");
	struct store_reply *reply = NULL;
	struct consume_words words = { .n = 0 };
	int fault;

	consume_words_add(&words, SLICE("EVAL"));
	consume_words_add(&words, script);
	consume_words_add(&words, SLICE("1"));
	consume_words_add(&words, member->stream);
	consume_words_add(&words, member->group);
	consume_words_add(&words, member->consumer);
	consume_words_number(&words, (uint64_t)member->min_idle_ms);
	fault = consume_ask_well(member->client, &words, &reply, reason);
	if (fault == 0)
		store_reply_free(reply);
	return fault;
}
