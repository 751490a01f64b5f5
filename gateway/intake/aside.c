/* aside.c - what Redis refuses for good waits in a journal of its own.
 *
 * The special difficulty is to know whose events wait there: the journal only tells routes apart by a hash, and one that
 * is well must not queue behind one that is not. So the routes are kept by name as well, and after a start they are read
 * from the folder. */
#include "intake/aside.h"

#include "base/log.h"
#include "journal/look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Numbers that are kept for the next reading: more than the drain has out at once. */
enum { REFUSED_MAX = 128, PATIENCE_MS = 60000 };

struct aside_route {
	struct aside_route *next;
	size_t n;
	unsigned char name[];
};

struct intake_aside {
	struct intake_drain_setup setup; /* of the second journal's drain */
	char *dir;
	struct journal_lane *lane;
	struct intake_drain *drain; /* NULL: nothing was ever set aside, so no connection is needed */
	struct aside_route *routes;
	uint64_t refused[REFUSED_MAX]; /* 0: free */
	bool ready, stuck;
	struct reason why; /* Redis refused the last one */
	struct reason reason;
};

char *intake_refused_dir(const char *dir)
{
	static const char below[] = "/refused";
	size_t size = strlen(dir) + sizeof below;
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%s%s", dir, below);
	return path;
}

int intake_refused_open(const struct journal_setup *of, struct journal **out, struct reason *reason)
{
	struct journal_setup setup = *of;
	char *dir = intake_refused_dir(of->dir);
	int r;

	if (!dir)
		return -ENOMEM;
	setup.dir = dir;
	r = journal_open(&setup, out, reason);
	/* A folder that cannot be made, as on a disk that is full, is no reason to refuse everybody. */
	if (r < 0 && r != -EBUSY && r != -EINVAL && r != -ENOMEM) {
		log_line(LOG_WARNING, "journal of refused events not opened", LOG_C("reason", reason->text),
			 LOG_C("effect", "an event that redis refuses for good holds up the journal"));
		*out = NULL;
		r = 0;
	}
	free(dir);
	return r;
}

/* ---- whose events wait ---- */

static bool knows(const struct intake_aside *aside, struct slice route)
{
	for (const struct aside_route *known = aside->routes; known; known = known->next) {
		if (slice_eq(slice_of(known->name, known->n), route))
			return true;
	}
	return false;
}

static bool holds(const struct intake_aside *aside, struct slice route)
{
	return journal_holds(aside->setup.journal, route) && knows(aside, route);
}

static int remember(struct intake_aside *aside, struct slice route)
{
	struct aside_route *known;

	if (knows(aside, route))
		return 0;
	known = malloc(sizeof *known + route.n);
	if (!known)
		return -ENOMEM;
	known->n = route.n;
	if (route.n > 0)
		memcpy(known->name, route.p, route.n);
	known->next = aside->routes;
	aside->routes = known;
	return 0;
}

static int read_routes(struct intake_aside *aside)
{
	struct journal_looked looked = { .what = JOURNAL_READ_RECORD };
	struct journal_look *look = NULL;
	int r = journal_look_open(aside->dir, &look, &aside->reason);

	while (r == 0 && looked.what != JOURNAL_READ_END) {
		r = journal_look_next(look, &looked, &aside->reason);
		if (r == 0 && looked.what == JOURNAL_READ_RECORD && !looked.done)
			r = remember(aside, looked.event->field[JOURNAL_ROUTE]);
	}
	journal_look_close(look);
	return r;
}

static int start_drain(struct intake_aside *aside)
{
	return aside->drain ? 0 : intake_drain_new(&aside->setup, &aside->drain);
}

bool intake_aside_ready(struct intake_aside *aside)
{
	struct journal_counts counts;
	int r = 0;

	if (aside->ready || !journal_ready(aside->setup.journal))
		return aside->ready;
	journal_counts(aside->setup.journal, &counts);
	if (counts.records > 0) {
		r = read_routes(aside);
		if (r == 0)
			r = start_drain(aside);
	}
	aside->ready = r == 0;
	return aside->ready;
}

/* ---- set aside ---- */

static uint64_t *place_of(const struct intake_aside *aside, uint64_t sequence)
{
	for (size_t i = 0; i < REFUSED_MAX; i++) {
		if (aside->refused[i] == sequence)
			return (uint64_t *)&aside->refused[i];
	}
	return NULL;
}

void intake_aside_refused(struct intake_aside *aside, uint64_t sequence, const char *reason)
{
	uint64_t *place = place_of(aside, sequence);

	/* Where there is no room it is put once more, and refused once more. */
	if (!place)
		place = place_of(aside, 0);
	if (place)
		*place = sequence;
	reason_set(&aside->why, "%s", reason ? reason : "it says nothing");
}

bool intake_aside_wants(const struct intake_aside *aside, const struct journal_item *item)
{
	return place_of(aside, item->sequence) || holds(aside, item->event->field[JOURNAL_ROUTE]);
}

static void say_first(const struct intake_aside *aside, struct slice route)
{
	log_line(LOG_ERROR, "redis refuses a route's events", LOG_S("route", route), LOG_C("reason", aside->why.text),
		 LOG_C("effect", "they wait in the journal's folder `refused`, other routes go on"),
		 LOG_C("do", "mend what Redis says: the type of the stream's key, the rights of the user, what stands "
			     "at its partitions; they are tried again every few seconds"));
}

static int refuse(struct intake_aside *aside, int r)
{
	reason_set(&aside->reason, "what Redis refuses cannot be set aside: %s",
		   r == -ENOSPC ? "the journal of refused events is full" : strerror(-r));
	if (!aside->stuck)
		log_line(LOG_ERROR, "journal waits", LOG_C("dir", aside->dir), LOG_C("reason", aside->reason.text));
	aside->stuck = true;
	return r;
}

int intake_aside_append(struct intake_aside *aside, const struct journal_item *item, struct journal_append *append)
{
	struct slice route = item->event->field[JOURNAL_ROUTE];
	bool first = !holds(aside, route);
	uint64_t *place = place_of(aside, item->sequence);
	int r = remember(aside, route);

	if (r == 0)
		r = start_drain(aside);
	if (r == 0)
		r = journal_lane_append(aside->lane, item->event, append);
	if (r < 0)
		return refuse(aside, r);
	if (first)
		say_first(aside, route);
	if (place)
		*place = 0;
	aside->stuck = false;
	aside->reason.text[0] = '\0';
	return 0;
}

/* ---- life ---- */

int intake_aside_new(const struct intake_drain_setup *setup, struct intake_aside **out)
{
	struct intake_aside *aside = calloc(1, sizeof *aside);
	int r = aside ? 0 : -ENOMEM;

	if (r == 0) {
		aside->setup = *setup;
		aside->setup.journal = setup->refused;
		aside->setup.refused = NULL;
		aside->setup.of_refused = true;
		aside->dir = intake_refused_dir(setup->config->journal.dir);
		r = aside->dir ? journal_lane_new(setup->refused, setup->loop, PATIENCE_MS, &aside->lane) : -ENOMEM;
	}
	if (r == 0)
		*out = aside;
	else
		intake_aside_free(aside);
	return r;
}

void intake_aside_change(struct intake_aside *aside, const struct config *config)
{
	aside->setup.config = config;
	if (aside->drain)
		intake_drain_change(aside->drain, config);
}

void intake_aside_free(struct intake_aside *aside)
{
	if (!aside)
		return;
	journal_lane_free(aside->lane);
	intake_drain_free(aside->drain);
	while (aside->routes) {
		struct aside_route *route = aside->routes;

		aside->routes = route->next;
		free(route);
	}
	free(aside->dir);
	free(aside);
}

bool intake_aside_forget(struct intake_aside *aside)
{
	return !aside->drain || intake_drain_forget(aside->drain);
}

const char *intake_aside_reason(const struct intake_aside *aside)
{
	if (aside->reason.text[0] != '\0' || !aside->drain)
		return aside->reason.text;
	return intake_drain_reason(aside->drain);
}
