/* serve_gateway.h - the gateway as a whole: what the files of `hookgate serve` share. The main thread's alone. */
#ifndef HOOKGATE_CLI_SERVE_GATEWAY_H
#define HOOKGATE_CLI_SERVE_GATEWAY_H

#include "admin/admin.h"
#include "cli/serve_handover.h"
#include "cli/serve_keeper.h"
#include "cli/serve_layouts.h"
#include "cli/serve_sockets.h"
#include "cli/serve_worker.h"
#include "http/http.h"
#include "intake/drain.h"
#include "store/embedded.h"

struct serve_gateway {
	const char *file;
	struct loop *loop;
	struct intake_series *series;
	struct intake_plan *plan;
	struct http_limits *limits;
	struct intake_redis_watch watch;
	struct keys *keys;
	struct store_embedded *embedded;
	struct journal *journal; /* NULL: none is configured */
	struct journal *refused; /* beside it: what Redis refuses for good */
	struct intake_drain *drain;
	char socket[128];
	struct serve_worker **workers;
	struct intake_stats **stats;
	unsigned worker_count, stats_count;
	_Atomic(unsigned) running;     /* workers whose threads have not ended */
	struct store_layouts *layouts; /* outlives all plans' use of it */
	struct serve_layouts *layouts_thread;
	struct serve_keeper *keeper;
	struct serve_sockets sockets;
	struct serve_handover handover;
	struct http_server *admin_server;
	struct admin_sources sources;
	struct buf page;
	int signal_fd;
	struct loop_watch signal_watch;
	struct loop_hook log_hook;
	bool stopping;
	int64_t stopping_since_ms;
};

/* serve_admin.c: the operators' listener on the main loop; nothing where the configuration has none. */
int serve_admin_start(struct serve_gateway *gateway, struct reason *reason) __attribute__((warn_unused_result));

/* serve_redis.c: starts the embedded Redis, where the configuration has one; and says in the log what of Redis endangers
 * the promise, which `redis.require: durable` makes a reason not to start. 0, or a fault with the reason. */
int serve_redis_start(struct serve_gateway *gateway, struct reason *reason) __attribute__((warn_unused_result));
int serve_redis_look(struct serve_gateway *gateway, struct reason *reason) __attribute__((warn_unused_result));

/* serve_journal.c: opens the journal, where the configuration has one; and has it drained, once Redis is known. */
int serve_journal_open(struct serve_gateway *gateway, struct reason *reason) __attribute__((warn_unused_result));
int serve_journal_drain(struct serve_gateway *gateway) __attribute__((warn_unused_result));

/* serve_reload.c: reads the file again; all workers get the new configuration, or none does. */
void serve_reload(struct serve_gateway *gateway);

/* What the operators' pages show, after `plan` has changed. */
void serve_fill_sources(struct serve_gateway *gateway);

#endif
