/* serve_admin.c - the operators' pages on a listener of their own, in the main thread. The one difficulty is small: the
 * pages never want a body, so every request is answered at its head. */
#include "base/log.h"
#include "cli/serve_gateway.h"

#include <stdlib.h>
#include <unistd.h>

enum { ADMIN_HEAD = 8192, ADMIN_CONNECTIONS = 256, ADMIN_BUFFERED = 65536 };

static bool admin_head(void *arg, struct http_exchange *exchange, struct request *request, int64_t declared,
		       uint64_t *max_body)
{
	struct serve_gateway *gateway = arg;
	struct answer answer;

	(void)declared;
	(void)max_body;
	gateway->sources.trimmed = gateway->keeper ? serve_keeper_trimmed(gateway->keeper) : 0;
	gateway->sources.dangers = gateway->keeper ? serve_keeper_dangers(gateway->keeper) : 0;
	admin_handle(&gateway->sources, request, &gateway->page, &answer);
	http_answer(exchange, &answer);
	return false;
}

static void admin_complete(void *arg, struct http_exchange *exchange)
{
	(void)arg;
	(void)exchange;
}

static void admin_refused(void *arg, struct http_exchange *exchange, struct request *request, enum http_refusal refusal,
			  const char *reason)
{
	struct answer answer = { .status = 400, .body = slice_str(reason), .close = true };

	(void)arg;
	(void)request;
	if (refusal != HTTP_REFUSED_CUT_OFF)
		http_answer(exchange, &answer);
}

int serve_admin_start(struct serve_gateway *gateway, struct reason *reason)
{
	const struct config *config = intake_plan_config(gateway->plan);
	const struct http_service service = { gateway, admin_head, admin_complete, admin_refused };
	char address[160];
	int *fds, fd, r;
	size_t count;

	if (!config->admin)
		return 0;
	r = serve_sockets_open(&gateway->sockets, config->admin, 1, &fds, &count, reason);
	if (r < 0)
		return r;
	fd = fds[0];
	/* Workers have several of one address; this listener has no use for more than one. */
	for (size_t i = 1; i < count; i++)
		close(fds[i]);
	free(fds);
	http_listen_text(fd, address, sizeof address);
	r = http_server_new(&(struct http_setup){ .loop = gateway->loop,
						  .max_head = ADMIN_HEAD,
						  .max_buffered = ADMIN_BUFFERED,
						  .max_connections = ADMIN_CONNECTIONS,
						  .idle_timeout_ms = config->idle_timeout_ms,
						  .request_timeout_ms = config->request_timeout_ms },
			    &gateway->admin_server);
	if (r < 0) {
		close(fd);
		return r;
	}
	http_server_serve(gateway->admin_server, &service);
	r = http_server_add(gateway->admin_server, fd, reason);
	if (r == 0)
		log_line(LOG_INFO, "admin listening", LOG_C("address", address));
	return r;
}
