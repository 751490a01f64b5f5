/* retention.c - the script that looks at a stream and trims it.
 *
 * The difficulty is that nothing may go that a group has not acknowledged, while groups read, acknowledge, come and go:
 * so what is read and what is decided upon it is one script. Ids are compared as texts, part by part, for a number of
 * Lua does not hold all of their 64 bits. */
#include "store/retention.h"

#include "base/num.h"

#include <errno.h>

/* clang-format off */
static const char text[] =
	"local function less(a, b)\n"
	" local a1, a2 = string.match(a, '^(%d+)-(%d+)$')\n"
	" local b1, b2 = string.match(b, '^(%d+)-(%d+)$')\n"
	" if #a1 ~= #b1 then return #a1 < #b1 end\n"
	" if a1 ~= b1 then return a1 < b1 end\n"
	" if #a2 ~= #b2 then return #a2 < #b2 end\n"
	" return a2 < b2\n"
	"end\n"
	/* The id behind one; of sequence numbers that a number of Lua cannot hold, the same. */
	"local function behind(id)\n"
	" local ms, seq = string.match(id, '^(%d+)-(%d+)$')\n"
	" if #seq > 15 then return id end\n"
	" return ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)\n"
	"end\n"
	"local stream, lock = KEYS[1], KEYS[2]\n"
	"local length = redis.call('XLEN', stream)\n"
	"if length == 0 and redis.call('EXISTS', stream) == 0 then return {0, 0, 0, 0, 0, 0} end\n"
	"local groups = redis.call('XINFO', 'GROUPS', stream)\n"
	"local first, backlog = nil, #groups == 0 and length or 0\n"
	"for _, flat in ipairs(groups) do\n"
	" local group = {}\n"
	" for i = 1, #flat, 2 do group[flat[i]] = flat[i + 1] end\n"
	" local wanted, waits = behind(group['last-delivered-id']), length\n"
	" if group.lag then waits = group.lag + group.pending end\n"
	" if group.pending > 0 then wanted = redis.call('XPENDING', stream, group.name)[2] end\n"
	" if not first or less(wanted, first) then first = wanted end\n"
	" if waits > backlog then backlog = waits end\n"
	"end\n"
	"if backlog > length then backlog = length end\n"
	"local trimmed, more = 0, 0\n"
	"if first then\n"
	" local mine = redis.call('SET', lock, ARGV[1], 'PX', ARGV[3], 'NX')\n"
	" if mine or redis.call('GET', lock) == ARGV[1] then\n"
	"  if not mine then redis.call('PEXPIRE', lock, ARGV[3]) end\n"
	"  local before = ARGV[2] .. '-0'\n"
	"  if less(first, before) then before = first end\n"
	"  trimmed = redis.call('XTRIM', stream, 'MINID', '~', before, 'LIMIT', '10000')\n"
	"  if trimmed == 0 then trimmed = redis.call('XTRIM', stream, 'MINID', '=', before) else more = 1 end\n"
	" end\n"
	"end\n"
	"length = length - trimmed\n"
	"local bytes = 0\n"
	"if backlog > 0 and length > 0 then\n"
	" bytes = math.floor((redis.call('MEMORY', 'USAGE', stream) or 0) * math.min(backlog, length) / length)\n"
	"end\n"
	"return {length, #groups, backlog, bytes, trimmed, more}\n";
/* clang-format on */

enum { FACTS = 6 };

static bool read_facts(const struct store_reply *reply, uint64_t facts[FACTS])
{
	if (store_reply_type(reply) != STORE_REPLY_LIST || store_reply_count(reply) != FACTS)
		return false;
	for (size_t i = 0; i < FACTS; i++) {
		const struct store_reply *one = store_reply_at(reply, i);

		if (store_reply_type(one) != STORE_REPLY_NUMBER || store_reply_number(one) < 0)
			return false;
		facts[i] = (uint64_t)store_reply_number(one);
	}
	return true;
}

int store_retention_look(struct store_client *client, struct slice stream, struct slice lock, struct slice who,
			 int64_t before_ms, int64_t lock_ms, struct store_retained *out, bool *more,
			 struct reason *reason)
{
	char before[20], lasts[20];
	struct store_reply *reply = NULL;
	uint64_t facts[FACTS] = { 0 };
	const struct slice words[] = {
		SLICE("EVAL"),
		slice_of(text, sizeof text - 1),
		SLICE("2"),
		stream,
		lock,
		who,
		slice_of(before, num_format_u64(before_ms > 0 ? (uint64_t)before_ms : 0, before)),
		slice_of(lasts, num_format_u64((uint64_t)lock_ms, lasts)),
	};
	int fault = store_client_call(client, words, sizeof words / sizeof *words, 0, &reply, reason);

	if (fault != 0)
		return fault;
	if (read_facts(reply, facts)) {
		*out = (struct store_retained){ .length = facts[0],
						.groups = facts[1],
						.backlog = facts[2],
						.bytes = facts[3],
						.trimmed = facts[4] };
		*more = facts[5] != 0;
	} else {
		reason_set(reason, "Redis answers %.*s",
			   SLICE_ARGS(slice_head(store_reply_type(reply) == STORE_REPLY_ERROR
							 ? store_reply_text(reply)
							 : SLICE("otherwise than it should"),
						 160)));
		fault = -EPROTO;
	}
	store_reply_free(reply);
	return fault;
}
