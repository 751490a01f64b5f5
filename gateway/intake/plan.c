/* plan.c - builds a plan, or says everything that is wrong with the file.
 *
 * The special difficulty: findings come from two rooms (config reads keys, trust knows what a provider makes of them),
 * and a person wants them all in one go; so trust is asked even when config has found errors. */
#include "intake/plan.h"

#include "intake/backlog.h"
#include "intake/learned.h"
#include "store/able.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct intake_plan {
	atomic_size_t references;
	struct config *config;
	struct trust_catalogue *catalogue;
	struct trust_set *set;
	struct intake_route *routes;
	struct intake_backlog *backlogs;
	struct intake_learning *learnings;
	size_t route_count;
	size_t *secret_series; /* all routes', one after another */
	uint32_t *table;       /* open addressing by path: route index + 1 */
	size_t table_mask;
	uint64_t seed; /* paths come from strangers: their hashes must not be foreseeable */
};

static size_t hash(const struct intake_plan *plan, struct slice path)
{
	uint64_t h = plan->seed;

	for (size_t i = 0; i < path.n; i++)
		h = (h ^ path.p[i]) * 0x9e3779b97f4a7c15u;
	return (size_t)(h ^ (h >> 32));
}

static int index_paths(struct intake_plan *plan)
{
	size_t size = 16;
	int r = trust_random(&plan->seed, sizeof plan->seed);

	if (r < 0)
		return r;
	while (size < plan->route_count * 2)
		size *= 2;
	plan->table = calloc(size, sizeof *plan->table);
	if (!plan->table)
		return -ENOMEM;
	plan->table_mask = size - 1;
	for (size_t i = 0; i < plan->route_count; i++) {
		size_t at = hash(plan, plan->routes[i].config->path) & plan->table_mask;

		while (plan->table[at] != 0)
			at = (at + 1) & plan->table_mask;
		plan->table[at] = (uint32_t)i + 1;
	}
	return 0;
}

const struct intake_route *intake_plan_route(const struct intake_plan *plan, struct slice path)
{
	size_t at = hash(plan, path) & plan->table_mask;

	for (; plan->table[at] != 0; at = (at + 1) & plan->table_mask) {
		const struct intake_route *route = &plan->routes[plan->table[at] - 1];

		if (slice_eq(route->config->path, path))
			return route;
	}
	return NULL;
}

/* The route's own wish goes before the provider's. */
static void settle_answer(struct intake_route *route)
{
	const struct config_route *config = route->config;
	struct answer *taken = &route->taken;

	trust_demanded_answer(route->verifier, taken);
	if (config->answer_body_set) {
		taken->header_count = 0;
		taken->body = config->answer_body;
		message_add(taken, SLICE("Content-Type"),
			    config->answer_content_type.n > 0 ? config->answer_content_type : SLICE("text/plain"));
		if (taken->status == 0)
			taken->status = 200;
	}
	if (config->answer_status == 0)
		return;
	/* Only another status: the body still says what became of the delivery, where an answer of that status has
	 * one. */
	if (taken->status == 0 && config->answer_status != 204 && config->answer_status != 205)
		route->own_status = config->answer_status;
	else
		taken->status = config->answer_status;
}

static struct store_wait wait_of(const struct config_route *config)
{
	struct store_wait wait = { .level = STORE_LEVEL_STORED };

	if (config->ack == CONFIG_ACK_REPLICATED || config->ack == CONFIG_ACK_SYNCED) {
		wait.level = config->ack == CONFIG_ACK_SYNCED ? STORE_LEVEL_SYNCED : STORE_LEVEL_REPLICATED;
		wait.replicas = config->ack_replicas;
		wait.timeout_ms = (uint32_t)config->ack_timeout_ms;
	}
	return wait;
}

static int ready_route(struct intake_plan *plan, struct intake_route *route, const struct config_route *config,
		       struct intake_series *series, size_t *secrets)
{
	int r;

	route->config = config;
	route->verifier = trust_set_verifier(plan->set, config->index);
	route->window_s = trust_window_s(route->verifier);
	route->guarded = trust_replay_guarded(route->verifier);
	route->ordered = config->ordered == CONFIG_SWITCH_ON;
	route->journaled = config->ack == CONFIG_ACK_JOURNALED;
	route->wait = wait_of(config);
	route->secret_series = secrets;
	settle_answer(route);
	r = store_target_new(plan->config->redis.prefix, config->name, config->path, config->provider, &route->target);
	if (r == 0)
		r = store_places_new(&(struct store_target_setup){ .prefix = plan->config->redis.prefix,
								   .route = config->name,
								   .source = config->path,
								   .provider = config->provider },
				     NULL, &route->places);
	if (r < 0 || !series)
		return r;
	r = intake_series_route(series, config->name, config->provider, &route->series);
	for (size_t i = 0; r == 0 && i < config->secret_count; i++)
		r = intake_series_secret(series, config->name, config->secrets[i].name, &secrets[i]);
	return r;
}

static int ready_routes(struct intake_plan *plan, struct intake_series *series)
{
	const struct config *config = plan->config;
	size_t secret_count = 0;
	size_t *secrets;
	int r = 0;

	for (size_t i = 0; i < config->route_count; i++)
		secret_count += config->routes[i].secret_count;
	plan->routes = calloc(config->route_count + 1, sizeof *plan->routes);
	plan->secret_series = secrets = calloc(secret_count + 1, sizeof *secrets);
	plan->backlogs =
		aligned_alloc(_Alignof(struct intake_backlog), (config->route_count + 1) * sizeof *plan->backlogs);
	plan->learnings = calloc(config->route_count + 1, sizeof *plan->learnings);
	if (!plan->routes || !secrets || !plan->backlogs || !plan->learnings)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < config->route_count; i++) {
		plan->route_count = i + 1;
		plan->routes[i].backlog = &plan->backlogs[i];
		plan->routes[i].learning = &plan->learnings[i];
		intake_learning_init(&plan->learnings[i]);
		plan->backlogs[i] = (struct intake_backlog){ .room = INT64_MAX, .room_then = INT64_MAX };
		r = ready_route(plan, &plan->routes[i], &config->routes[i], series, secrets);
		secrets += config->routes[i].secret_count;
	}
	return r == 0 ? index_paths(plan) : r;
}

/* Config, store and trust: all findings of all. */
static int read_file(struct intake_plan *plan, const char *file, struct config_diag *diag)
{
	int config_r = config_load_partial(file, diag, &plan->config);
	int store_r, r;

	if (!plan->config)
		return config_r < 0 ? config_r : -EINVAL;
	store_r = store_able(plan->config, diag);
	r = trust_catalogue_new(plan->config->provider_dir, plan->config->plugin_dir, diag, &plan->catalogue);
	if (r == 0)
		r = trust_set_new(plan->config, plan->catalogue, diag, &plan->set);
	return config_r < 0 ? config_r : store_r < 0 ? store_r : r;
}

int intake_plan_new(const char *file, struct intake_series *series, struct config_diag *diag, struct intake_plan **out)
{
	struct intake_plan *plan = calloc(1, sizeof *plan);
	int r;

	if (!plan)
		return -ENOMEM;
	atomic_init(&plan->references, 1);
	r = read_file(plan, file, diag);
	config_diag_sort(diag);
	if (r == 0)
		r = ready_routes(plan, series);
	if (r == 0)
		*out = plan;
	else
		intake_plan_unref(plan);
	return r;
}

int intake_plan_place(struct intake_plan *plan, struct store_layouts *layouts)
{
	struct store_spread *spread;

	for (size_t i = 0; i < plan->route_count; i++) {
		const struct intake_route *route = &plan->routes[i];
		int r = store_layouts_spread(layouts, plan->config->redis.prefix, route->config->name, &spread);

		if (r < 0)
			return r;
		store_places_follow(route->places, spread);
	}
	/* Now that nothing can fail any more. */
	for (size_t i = 0; i < plan->route_count; i++) {
		const struct intake_route *route = &plan->routes[i];
		const struct store_split split = store_split_of(route->config->partitions, route->config->order_by);

		store_places_want(route->places, &split, route->window_s, &route->wait);
	}
	return 0;
}

struct intake_plan *intake_plan_ref(struct intake_plan *plan)
{
	atomic_fetch_add_explicit(&plan->references, 1, memory_order_relaxed);
	return plan;
}

void intake_plan_unref(struct intake_plan *plan)
{
	if (!plan || atomic_fetch_sub_explicit(&plan->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < plan->route_count; i++) {
		store_target_free(plan->routes[i].target);
		store_places_free(plan->routes[i].places);
		intake_learning_clear(&plan->learnings[i]);
	}
	free(plan->routes);
	free(plan->backlogs);
	free(plan->learnings);
	free(plan->secret_series);
	free(plan->table);
	trust_set_free(plan->set);
	trust_catalogue_free(plan->catalogue);
	config_free(plan->config);
	free(plan);
}

const struct config *intake_plan_config(const struct intake_plan *plan)
{
	return plan->config;
}

const struct trust_set *intake_plan_set(const struct intake_plan *plan)
{
	return plan->set;
}

size_t intake_plan_count(const struct intake_plan *plan)
{
	return plan->route_count;
}

const struct intake_route *intake_plan_at(const struct intake_plan *plan, size_t i)
{
	return &plan->routes[i];
}

const struct intake_route *intake_plan_named(const struct intake_plan *plan, struct slice name)
{
	for (size_t i = 0; i < plan->route_count; i++) {
		if (slice_eq(plan->routes[i].config->name, name))
			return &plan->routes[i];
	}
	return NULL;
}
