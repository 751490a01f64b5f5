/* waited.c - events that Redis has, and that are told only when its replicas have them as well, or its disk.
 *
 * What has settled so far is asked for together: behind EXEC, or behind the scripts, goes one SET, and a WAIT or WAITAOF
 * for each kind of wait that is among the events, the weakest first. Redis answers them one after the other, each as
 * soon as it holds, so that an event which asks for one replica does not wait for another's second one. Once per batch,
 * however many events are in it.
 *
 * The difficulty is what WAIT means: it is about the last write of its own connection, and on one that has written nothing
 * it is true at once. A duplicate writes nothing; so the SET is there, of a key that is gone in a second. It was done
 * after all that has settled on this connection, by whichever connection that was written: replicas and the disk get all
 * of a Redis' writes in one row, and who has the SET has what is before it. Where it is refused (by a node of a Cluster whose
 * slot is on its way, or for a lacking right), the answer is about what this connection has added itself, and nothing else is
 * known.
 *
 * While Redis waits it does not read this connection. So nothing is sent meanwhile (it would only lose the choice of the way
 * that it takes), and what has gathered by the end of a wait all leaves before the next one begins: a disk that is synced
 * once a second must not be waited for by each batch. */
#include "base/clock.h"
#include "base/num.h"
#include "store/link.h"

/* How long the key of the SET stays: long enough for its replicas to see it, no longer than a person looks. */
#define TAG_MS "1000"

/* How long events are refused at once whose wait Redis has refused; then it is tried again. */
enum { REFUSED_MS = 1000 };

/* ---- asking ---- */

static bool is_same(const struct store_wait *a, const struct store_wait *b)
{
	return a->level == b->level && a->replicas == b->replicas && a->timeout_ms == b->timeout_ms;
}

static bool is_weaker(const struct store_wait *a, const struct store_wait *b)
{
	return a->level != b->level ? a->level < b->level : a->replicas < b->replicas;
}

/* Keeps the waits in order. What has no room any more has its turn with the next trip. */
static void note_wait(struct store_trip *trip, const struct store_wait *wait)
{
	size_t at = trip->wait_count;
	for (size_t i = 0; i < trip->wait_count; i++)
		if (is_same(&trip->waits[i], wait))
			return;
	if (wait->level == STORE_LEVEL_STORED || at == STORE_TRIP_WAITS)
		return;
	for (; at > 0 && is_weaker(wait, &trip->waits[at - 1]); at--)
		trip->waits[at] = trip->waits[at - 1];
	trip->waits[at] = *wait;
	trip->wait_count++;
}

/* The last event is as good as another to name the key: they are all of this node. */
static const struct store_ticket *note_waits(struct store_trip *trip, const struct store_list *list,
					     const struct store_ticket *last)
{
	for (const struct store_ticket *ticket = list->first; ticket; ticket = ticket->next) {
		note_wait(trip, &ticket->wait);
		if (ticket->wait.level != STORE_LEVEL_STORED)
			last = ticket;
	}
	return last;
}

/* PREFIX:{ROUTE}:waited, from the stream's key, which is a bulk. */
static void add_tag(struct buf *out, const struct store_ticket *ticket)
{
	struct slice bulk = store_command_part(&ticket->command, ticket->command.stream), key;
	slice_cut(bulk, '\n', &key, &bulk);
	key = slice_head(bulk, bulk.n - sizeof("events\r\n") + 1);
	store_command_add_count(out, 5);
	store_command_add_bulk(out, SLICE("SET"));
	buf_add_byte(out, '$');
	buf_add_u64(out, key.n + sizeof("waited") - 1);
	buf_add_str(out, "\r\n");
	buf_add(out, key);
	buf_add_str(out, "waited\r\n");
	store_command_add_bulk(out, SLICE("1"));
	store_command_add_bulk(out, SLICE("PX"));
	store_command_add_bulk(out, SLICE(TAG_MS));
}

size_t store_waited_words(const struct store_wait *wait, char digits[2][20], struct slice words[STORE_WAITED_WORDS])
{
	size_t count = 0;
	if (wait->level == STORE_LEVEL_SYNCED) {
		words[count++] = SLICE("WAITAOF");
		words[count++] = SLICE("1");
	} else {
		words[count++] = SLICE("WAIT");
	}
	words[count++] = slice_of(digits[0], num_format_u64(wait->replicas, digits[0]));
	words[count++] = slice_of(digits[1], num_format_u64(wait->timeout_ms, digits[1]));
	return count;
}

static void add_wait(struct buf *out, const struct store_wait *wait)
{
	struct slice words[STORE_WAITED_WORDS];
	char digits[2][20];
	size_t count = store_waited_words(wait, digits, words);
	store_command_add_words(out, words, count);
}

static void ask(struct store_link *link, const struct store_trip *before)
{
	struct store_trip *trip = store_trips_take(&link->trips, STORE_TRIP_WAIT);
	if (link->waiting.out == 0)
		store_list_join(&link->waiting.settled, &link->waiting.confirms);
	const struct store_ticket *tag = trip ? note_waits(trip, &link->waiting.settled, NULL) : NULL;
	if (trip && before) {
		tag = note_waits(trip, &before->list, tag);
		tag = note_waits(trip, &before->aside, tag);
	}
	if (tag) {
		add_tag(&trip->bytes, tag);
		for (size_t i = 0; i < trip->wait_count; i++)
			add_wait(&trip->bytes, &trip->waits[i]);
		trip->due = 1 + trip->wait_count;
	}
	if (tag && !buf_failed(&trip->bytes) && store_trip_add(trip, buf_slice(&trip->bytes))) {
		link->waiting.out++;
		store_trips_queue(&link->trips, trip, loop_now_ms(link->setup.loop));
		return;
	}
	/* Without memory the deadlines of those that have settled end them. */
	if (trip)
		store_trips_give(&link->trips, trip);
}

/* Those that leave together may not be the first ones. */
static bool leaves_more(struct store_link *link)
{
	if (link->waiting.ahead > link->gathered.count)
		link->waiting.ahead = link->gathered.count;
	return link->waiting.ahead > 0;
}

void store_waited_follow(struct store_link *link, const struct store_trip *trip)
{
	if (link->waiting.wanted && !leaves_more(link))
		ask(link, trip);
}

void store_waited_turn_end(struct store_link *link)
{
	const struct store_waiting *waiting = &link->waiting;
	if ((waiting->settled.first || waiting->confirms.first) && !leaves_more(link) && !link->trips.head)
		ask(link, NULL);
}

int64_t store_waited_allows_ms(const struct store_trip *trip)
{
	int64_t ms = 0;
	for (size_t i = 0; i < trip->wait_count; i++)
		ms += trip->waits[i].timeout_ms;
	return ms;
}

bool store_waited_lets_go(const struct store_link *link)
{
	return link->waiting.out == 0;
}

void store_waited_confirm(struct store_link *link, struct store_ticket *ticket)
{
	ticket->confirms = true;
	ticket->settled = STORE_STORED;
	ticket->settled_us = clock_mono_us();
	store_list_add(&link->waiting.confirms, ticket);
}

void store_waited_settle(struct store_link *link, struct store_ticket *ticket, enum store_result result)
{
	ticket->settled = result;
	ticket->settled_us = link->heard_us != 0 ? link->heard_us : clock_mono_us();
	store_list_add(&link->waiting.settled, ticket);
}

/* ---- what comes back ---- */

static void end(struct store_link *link, struct store_ticket *ticket, bool held, const struct reason *reason)
{
	if (ticket->put) {
		ticket->put->waited_us = 1 + clock_mono_us() - ticket->settled_us;
		link->counts.shortfalls += !held;
	}
	ticket->wait.level = STORE_LEVEL_STORED;
	store_put_end(link, ticket, held ? ticket->settled : STORE_UNAVAILABLE, held ? NULL : reason->text);
}

/* Without the SET. */
static bool is_known(const struct store_trip *trip, const struct store_ticket *ticket)
{
	return !trip->failed || (ticket->settled == STORE_STORED && !ticket->confirms);
}

static void end_of(struct store_link *link, const struct store_trip *trip, const struct store_wait *wait, bool held,
		   const struct reason *reason)
{
	struct store_list all = { .first = NULL };
	struct store_ticket *ticket;
	store_list_join(&all, &link->waiting.settled);
	while ((ticket = store_list_take(&all)) != NULL) {
		if (!is_same(&ticket->wait, wait))
			store_list_add(&link->waiting.settled, ticket);
		else if (is_known(trip, ticket))
			end(link, ticket, held, reason);
		else
			end(link, ticket, false, &trip->reason);
	}
}

static int64_t number(const redisReply *reply, size_t i)
{
	const redisReply *one = reply->type == REDIS_REPLY_ARRAY && i < reply->elements ? reply->element[i] : reply;
	return one->type == REDIS_REPLY_INTEGER ? one->integer : -1;
}

bool store_waited_holds(const struct store_wait *wait, const redisReply *reply, struct reason *reason)
{
	bool synced = wait->level == STORE_LEVEL_SYNCED;
	int64_t replicas = number(reply, synced ? 1 : 0);
	if (reply->type != (synced ? REDIS_REPLY_ARRAY : REDIS_REPLY_INTEGER) || (synced && reply->elements < 2)) {
		reason_set(reason, "Redis waits in an unexpected way");
		return false;
	}
	if (synced && number(reply, 0) < 1) {
		reason_set(reason, "Redis has it, but not on its disk within %u ms", wait->timeout_ms);
		return false;
	}
	if (replicas >= (int64_t)wait->replicas)
		return true;
	reason_set(reason, "Redis has it, but %lld of %u replicas had it%s within %u ms", (long long)replicas,
		   wait->replicas, synced ? " on their disks" : "", wait->timeout_ms);
	return false;
}

static void say_refusal(enum store_level level, struct slice text, struct reason *reason)
{
	if (level == STORE_LEVEL_SYNCED && slice_starts(text, SLICE(STORE_WAITED_ERROR_UNKNOWN)))
		reason_set(reason, STORE_WAITED_UNKNOWN);
	else if (level == STORE_LEVEL_SYNCED && slice_starts(text, SLICE(STORE_WAITED_ERROR_OFF)))
		reason_set(reason, STORE_WAITED_OFF);
	else
		reason_set(reason, "Redis refused %s: %.*s", level == STORE_LEVEL_SYNCED ? "WAITAOF" : "WAIT",
			   SLICE_ARGS(slice_head(text, 160)));
}

bool store_waited_at_replica(struct slice text)
{
	return store_scripted_means_elsewhere(store_scripted_error_word(text)) ||
	       slice_starts(text, SLICE("UNBLOCKED")) ||
	       slice_starts(text, SLICE("ERR WAIT cannot be used with replica")) ||
	       slice_starts(text, SLICE("ERR WAITAOF cannot be used with replica"));
}

static void refused(struct store_link *link, const struct store_trip *trip, const struct store_wait *wait,
		    struct slice text)
{
	struct store_waiting *waiting = &link->waiting;
	struct reason *reason = &waiting->refused[wait->level];
	say_refusal(wait->level, text, reason);
	waiting->refused_until_ms[wait->level] = loop_now_ms(link->setup.loop) + REFUSED_MS;
	end_of(link, trip, wait, false, reason);
}

void store_waited_refuse(struct store_link *link)
{
	struct store_waiting *waiting = &link->waiting;
	int64_t now_ms = loop_now_ms(link->setup.loop);
	struct store_list all = { .first = NULL };
	struct store_ticket *ticket;
	if (waiting->refused_until_ms[STORE_LEVEL_REPLICATED] <= now_ms &&
	    waiting->refused_until_ms[STORE_LEVEL_SYNCED] <= now_ms)
		return;
	store_list_join(&all, &link->gathered);
	while ((ticket = store_list_take(&all)) != NULL) {
		enum store_level level = ticket->wait.level;
		if (waiting->refused_until_ms[level] <= now_ms)
			store_list_add(&link->gathered, ticket);
		else
			store_put_end(link, ticket, STORE_UNAVAILABLE, waiting->refused[level].text);
	}
}

/* The SET's answer, which comes first. */
static void wrote(struct store_link *link, struct store_trip *trip, struct slice error)
{
	struct reason reason;
	if (error.n == 0)
		return;
	reason_set(&reason, "Redis refused what a wait begins with: %.*s", SLICE_ARGS(slice_head(error, 160)));
	trip->failed = true;
	trip->reason = reason;
	if (store_waited_at_replica(error))
		store_link_drop(link, reason.text);
}

void store_waited_answered(struct store_link *link, struct store_trip *trip, const redisReply *reply)
{
	struct slice error = reply->type == REDIS_REPLY_ERROR ? slice_of(reply->str, reply->len) : SLICE_NONE;
	bool last = trip->due == 0;
	struct reason reason;
	if (trip->answered == 1) {
		wrote(link, trip, error);
		return;
	}
	const struct store_wait *wait = &trip->waits[trip->answered - 2];
	if (error.n > 0 && store_waited_at_replica(error)) {
		reason_set(&reason, "Redis refused to wait: %.*s", SLICE_ARGS(slice_head(error, 160)));
		store_link_drop(link, reason.text);
		return;
	}
	if (error.n > 0)
		refused(link, trip, wait, error);
	else
		end_of(link, trip, wait, store_waited_holds(wait, reply, &reason), &reason);
	if (!last || --link->waiting.out > 0)
		return;
	link->waiting.ahead = link->gathered.count;
}
