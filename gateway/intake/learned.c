/* learned.c - a secret that the provider hands over in its handshake (Asana's X-Hook-Secret, Notion's token).
 *
 * The special difficulty: there must be a way to the person who has to put it into the configuration, and anybody can send
 * such a request. It only comes here while the route has none. Where the route does not keep it, it is the one secret that
 * is ever written to the log: nothing is verified with it then, so whoever reads the log cannot use it; the line says
 * where it came from, is cut at 256 bytes, and after 16 of them the process writes no more. Where the route keeps it, it
 * is used, and never logged: who may read it in Redis may read the events as well. */
#include "intake/learned.h"

#include "base/clock.h"
#include "intake/inside.h"

#include <errno.h>
#include <string.h>

enum { SHOWN_MAX = 16, LOOK_MS = 1000 };

#define KEPT_S "604800"

static atomic_uint shown;

void intake_learning_init(struct intake_learning *learning)
{
	*learning = (struct intake_learning){ .n = 0 };
	pthread_mutex_init(&learning->lock, NULL);
	atomic_init(&learning->lent, NULL);
}

void intake_learning_clear(struct intake_learning *learning)
{
	trust_lent_free(atomic_load_explicit(&learning->lent, memory_order_relaxed));
	explicit_bzero(learning->text, sizeof learning->text);
	pthread_mutex_destroy(&learning->lock);
}

bool intake_learning_on(const struct intake_route *route)
{
	return route->config->keep_learned == CONFIG_SWITCH_ON && route->config->secret_count == 0;
}

const struct trust_verifier *intake_verifier(const struct intake_route *route)
{
	const struct trust_verifier *lent = atomic_load_explicit(&route->learning->lent, memory_order_acquire);

	return lent ? lent : route->verifier;
}

struct slice intake_learned_key(const struct intake_route *route, char *out, size_t size)
{
	static const struct slice events = SLICE_LIT("events"), learned = SLICE_LIT("learned");
	struct slice stream = store_target_stream(route->target);
	size_t head = stream.n - events.n;

	if (head + learned.n > size)
		return SLICE_NONE;
	memcpy(out, stream.p, head);
	memcpy(out + head, learned.p, learned.n);
	return slice_of(out, head + learned.n);
}

/* ---- the worker's side ---- */

static void hand_in(const struct intake_route *route, const struct request *request, struct slice secret)
{
	struct intake_learning *learning = route->learning;
	bool fits = secret.n <= INTAKE_LEARNED_MAX, first;

	pthread_mutex_lock(&learning->lock);
	first = fits && learning->n == 0;
	if (first) {
		memcpy(learning->text, secret.p, secret.n);
		learning->n = secret.n;
	}
	pthread_mutex_unlock(&learning->lock);
	if (first || !fits)
		log_line(LOG_WARNING,
			 fits ? "a provider handed over a secret, which is kept in Redis: `hookgate status` shows it; "
				"if it is "
				"yours, put it into the configuration"
			      : "a provider handed over a secret that is too long to be kept",
			 LOG_S("route", route->config->name), LOG_S("provider", route->config->provider),
			 LOG_S("address", request->address));
}

void intake_learned(const struct intake_route *route, const struct request *request, struct slice secret)
{
	if (secret.n == 0)
		return;
	if (intake_learning_on(route)) {
		hand_in(route, request, secret);
		return;
	}
	if (atomic_load_explicit(&shown, memory_order_relaxed) >= SHOWN_MAX ||
	    atomic_fetch_add_explicit(&shown, 1, memory_order_relaxed) >= SHOWN_MAX)
		return;
	log_line(LOG_WARNING, "a provider handed over a secret: if it is yours, put it into the configuration",
		 LOG_S("route", route->config->name), LOG_S("provider", route->config->provider),
		 LOG_S("secret", slice_head(secret, INTAKE_LEARNED_MAX)), LOG_S("address", request->address));
}

/* ---- the keeper's side ---- */

static size_t take_in(struct intake_learning *learning, unsigned char text[INTAKE_LEARNED_MAX])
{
	size_t n;

	pthread_mutex_lock(&learning->lock);
	n = learning->n;
	memcpy(text, learning->text, n);
	pthread_mutex_unlock(&learning->lock);
	return n;
}

static int write_down(struct store_client *client, struct slice key, struct slice secret, struct reason *reason)
{
	const struct slice words[] = { SLICE("SET"), key, secret, SLICE("NX"), SLICE("EX"), SLICE(KEPT_S) };
	struct store_reply *reply = NULL;
	int r = store_client_call(client, words, sizeof words / sizeof words[0], 0, &reply, reason);

	if (r == 0)
		store_reply_free(reply);
	return r;
}

static void lend(const struct intake_route *route, struct slice secret)
{
	struct trust_verifier *lent = NULL;
	struct reason reason = { "" };
	int r = trust_lend(route->verifier, secret, &lent, &reason);

	if (r == 0) {
		atomic_store_explicit(&route->learning->lent, lent, memory_order_release);
		log_line(LOG_WARNING,
			 "deliveries are checked with a secret that a provider handed over: put it into the "
			 "configuration",
			 LOG_S("route", route->config->name));
	} else if (r == -EINVAL) {
		log_line(LOG_WARNING, "the secret that a provider handed over cannot be used",
			 LOG_S("route", route->config->name), LOG_C("reason", reason.text));
	}
}

static int read_back(const struct intake_route *route, struct store_client *client, struct slice key,
		     struct reason *reason)
{
	const struct slice words[] = { SLICE("GET"), key };
	struct store_reply *reply = NULL;
	int r = store_client_call(client, words, 2, 0, &reply, reason);

	if (r < 0)
		return r;
	if (store_reply_type(reply) == STORE_REPLY_STRING && store_reply_text(reply).n > 0)
		lend(route, store_reply_text(reply));
	store_reply_free(reply);
	return 0;
}

int intake_learning_look(const struct intake_route *route, struct store_client *client, int64_t *next_ms,
			 struct reason *reason)
{
	struct intake_learning *learning = route->learning;
	unsigned char text[INTAKE_LEARNED_MAX];
	char room[INTAKE_LEARNED_KEY_MAX];
	int64_t now = clock_mono_ms();
	struct slice key;
	size_t n;
	int r = 0;

	if (!intake_learning_on(route) || atomic_load_explicit(&learning->lent, memory_order_relaxed))
		return 0;
	if (learning->next_look_ms <= now) {
		key = intake_learned_key(route, room, sizeof room);
		n = take_in(learning, text);
		if (n > 0)
			r = write_down(client, key, slice_of(text, n), reason);
		explicit_bzero(text, sizeof text);
		if (r == 0)
			r = read_back(route, client, key, reason);
		learning->next_look_ms = now + LOOK_MS;
	}
	if (learning->next_look_ms < *next_ms)
		*next_ms = learning->next_look_ms;
	return r;
}
