/* inspect_cluster.c - what of a Cluster endangers the promise: what does of any of its masters, and slots that are nobody's.
 * The one difficulty: a finding has to say which master it is about. */
#include "base/num.h"
#include "store/client_inner.h"

#include <errno.h>

struct inspection {
	void (*found)(void *arg, bool danger, const char *text);
	void *arg;
	const char *name;
	size_t masters;
};

static void on_found(void *arg, bool danger, const char *text)
{
	const struct inspection *in = arg;
	struct reason line;
	reason_set(&line, "%.80s: %.170s", in->name, text);
	in->found(in->arg, danger, line.text);
}

static int look_at_master(void *arg, struct store_client *client, const char *name, struct reason *reason)
{
	struct inspection *in = arg;
	struct reason why = { "" };
	in->name = name;
	in->masters++;
	int fault = store_client_inspect(client, on_found, in, &why);
	if (fault != -EIO) {
		*reason = why;
		return fault;
	}
	on_found(in, true, why.text);
	return 0;
}

static void look_at_slots(const struct inspection *in, struct slice info)
{
	struct slice line, assigned = SLICE("cluster_slots_ok:");
	struct reason text;
	uint64_t count;
	while (slice_cut(info, '\n', &line, &info)) {
		slice_cut(line, '\r', &line, &(struct slice){ 0 });
		if (slice_starts(line, SLICE("cluster_state:")) && !slice_eq(line, SLICE("cluster_state:ok")))
			in->found(in->arg, true,
				  "the Cluster says that it is down: nothing can be stored until it is well");
		if (!slice_starts(line, assigned) ||
		    !num_parse_u64(slice_from(line, assigned.n), STORE_SLOTS, &count) || count == STORE_SLOTS)
			continue;
		reason_set(&text, "%u slots of the Cluster are served by nobody: their routes cannot be stored",
			   (unsigned)(STORE_SLOTS - count));
		in->found(in->arg, true, text.text);
	}
}

int store_client_inspect_cluster(struct store_client *client, void (*found)(void *arg, bool danger, const char *text),
				 void *arg, struct reason *reason)
{
	struct inspection in = { .found = found, .arg = arg };
	const struct slice words[] = { SLICE("CLUSTER"), SLICE("INFO") };
	struct store_reply *info = NULL;
	struct reason line;
	int fault = store_nodes_each(client->nodes, look_at_master, &in, reason);
	if (fault == 0)
		fault = store_client_call(client, words, 2, 0, &info, reason);
	if (fault != 0)
		return fault;
	look_at_slots(&in, store_reply_text(info));
	store_reply_free(info);
	if (in.masters < 3) {
		reason_set(&line, "the Cluster has %zu masters: with fewer than 3 none can take another's place",
			   in.masters);
		found(arg, false, line.text);
	}
	return 0;
}
