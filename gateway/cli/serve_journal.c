/* serve_journal.c - the journal of a gateway, and what takes its events out again into Redis, on the main loop. The one
 * difficulty: a gateway that takes over from another finds the folder taken, and must serve all the same until it is
 * free. */
#include "cli/serve_gateway.h"

int serve_journal_open(struct serve_gateway *gateway, struct reason *reason)
{
	const struct config_journal *config = &intake_plan_config(gateway->plan)->journal;
	const struct journal_setup setup = { .dir = config->dir,
					     .max_size = config->max_size,
					     .wait = serve_handover_expected() };

	int r = config->dir ? journal_open(&setup, &gateway->journal, reason) : 0;

	return r == 0 && config->dir ? intake_refused_open(&setup, &gateway->refused, reason) : r;
}

int serve_journal_drain(struct serve_gateway *gateway)
{
	const struct intake_drain_setup setup = { .loop = gateway->loop,
						  .journal = gateway->journal,
						  .refused = gateway->refused,
						  .layouts = gateway->layouts,
						  .config = intake_plan_config(gateway->plan),
						  .redis_socket = gateway->embedded ? gateway->socket : NULL };

	return gateway->journal ? intake_drain_new(&setup, &gateway->drain) : 0;
}
