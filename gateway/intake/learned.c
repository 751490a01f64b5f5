/* learned.c - a secret that the provider hands over in its handshake (Asana's X-Hook-Secret, Notion's token).
 *
 * The special difficulty: it is the one secret that is ever written to the log, as there is no other way to the person who
 * has to put it into the configuration. It only comes here while the route has none, so nothing is verified with it and
 * whoever reads the log cannot use it against a working route; and anybody can send such a request. So it says where it
 * came from, is cut at 256 bytes, and after 16 of them the process writes no more. */
#include "intake/inside.h"
#include "intake/plan.h"

#include <stdatomic.h>

enum { SHOWN_MAX = 16, SECRET_MAX = 256 };

static atomic_uint shown;

void intake_learned(const struct intake_route *route, const struct request *request, struct slice secret)
{
	if (secret.n == 0 || atomic_load_explicit(&shown, memory_order_relaxed) >= SHOWN_MAX)
		return;
	if (atomic_fetch_add_explicit(&shown, 1, memory_order_relaxed) >= SHOWN_MAX)
		return;
	log_line(LOG_WARNING, "a provider handed over a secret: if it is yours, put it into the configuration",
		 LOG_S("route", route->config->name), LOG_S("provider", route->config->provider),
		 LOG_S("secret", slice_head(secret, SECRET_MAX)), LOG_S("address", request->address));
}
