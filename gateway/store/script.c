/* script.c - the script of the store, the heart of the promise; and the same for several events at once.
 *
 * Its difficulty is to be all or nothing although Redis does not roll a script back. What may fail comes first: XADD
 * fails when the key is of another type or memory is short, and then no key says that the event was seen. Once a script
 * has written, Redis lets it finish whatever the memory, so only a user without the right to SET can stop it halfway,
 * at the first mark: then the entry is taken back. (The right to the keys themselves is looked at before the script
 * begins.) */
#include "store/script.h"

/* clang-format off */
static const char text[] =
	"if redis.call('EXISTS', unpack(KEYS, 2)) > 0 then\n"
	" return -redis.call('EXISTS', KEYS[2])\n"
	"end\n"
	"local entry = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))\n"
	"for i = 3, #KEYS do\n"
	" local set = redis.pcall('SET', KEYS[i], '1', 'EX', ARGV[1])\n"
	" if set.err then redis.call('XDEL', KEYS[1], entry) return set end\n"
	"end\n"
	"return 1\n";
/* clang-format on */

struct slice store_script_text(void)
{
	return slice_of(text, sizeof text - 1);
}

/* clang-format off */
static const char row_text[] =
	"if redis.call('EXISTS', KEYS[2]) > 0 then return -1 end\n"
	"local key, arg, added = 3, 1, 0\n"
	"while arg <= #ARGV do\n"
	" local last = key + tonumber(ARGV[arg]) - 1\n"
	" if redis.call('EXISTS', unpack(KEYS, key, last)) == 0 then\n"
	"  local entry = redis.call('XADD', KEYS[1], '*', unpack(ARGV, arg + 2, arg + 27))\n"
	"  for i = key, last do\n"
	"   local set = redis.pcall('SET', KEYS[i], '1', 'EX', ARGV[arg + 1])\n"
	"   if set.err then redis.call('XDEL', KEYS[1], entry) return set end\n"
	"  end\n"
	"  added = 1\n"
	" end\n"
	" key, arg = last + 1, arg + 28\n"
	"end\n"
	"return added\n";
/* clang-format on */

_Static_assert(STORE_SCRIPT_FIELD_WORDS == 26, "the row's script counts words");

struct slice store_script_row_text(void)
{
	return slice_of(row_text, sizeof row_text - 1);
}
