/* schema.c - the table of keys at work. The difficulty: a person makes one mistake and must read of one, so each value
 * is looked at in one order (there? of the right kind? a value?) and the first thing that is wrong with it is the
 * last. */
#include "config/schema.h"

#include "base/clock.h"
#include "base/num.h"

#include <stdio.h>

enum need { OPTIONAL, REQUIRED };

struct key {
	enum config_section section;
	const char *name;
	enum config_type type;
	enum need need;
	const char *fallback;
	const char *accepts;
	size_t offset, size;
};

#define PREFIX_TOP ""
#define PREFIX_ADMIN "admin."
#define PREFIX_REDIS "redis."
#define PREFIX_REDIS_TLS "redis.tls."
#define PREFIX_JOURNAL "journal."
#define PREFIX_REPLAY_WINDOW "replay_window."
#define PREFIX_LOG "log."
#define PREFIX_KEY_FETCH "key_fetch."
#define PREFIX_KEY_REPLACE "key_fetch.replace[]."
#define PREFIX_ROUTE "routes[]."
#define PREFIX_ROUTE_SECRET "routes[].secrets[]."
#define PREFIX_ROUTE_EVENTS "routes[].events."
#define PREFIX_ROUTE_ANSWER "routes[].answer."
#define PREFIX_ROUTE_REFUSAL "routes[].refusal."

#define IN(type, member) offsetof(struct type, member), sizeof(((struct type *)NULL)->member)
#define KEY(section, name, type, need, fallback, target, accepts, help)                                                \
	{ CONFIG_SECTION_##section, name, CONFIG_TYPE_##type, need, fallback, accepts, target },
static const struct key keys[] = {
#include "config/key.def"
};
#undef KEY
#undef IN

#define KEY(section, name, type, need, fallback, target, accepts, help) { PREFIX_##section name, fallback, help },
static const struct config_key told[] = {
#include "config/key.def"
};
#undef KEY

static const char *const prefixes[] = {
	[CONFIG_SECTION_TOP] = PREFIX_TOP,
	[CONFIG_SECTION_ADMIN] = PREFIX_ADMIN,
	[CONFIG_SECTION_REDIS] = PREFIX_REDIS,
	[CONFIG_SECTION_REDIS_TLS] = PREFIX_REDIS_TLS,
	[CONFIG_SECTION_JOURNAL] = PREFIX_JOURNAL,
	[CONFIG_SECTION_REPLAY_WINDOW] = PREFIX_REPLAY_WINDOW,
	[CONFIG_SECTION_LOG] = PREFIX_LOG,
	[CONFIG_SECTION_KEY_FETCH] = PREFIX_KEY_FETCH,
	[CONFIG_SECTION_KEY_REPLACE] = PREFIX_KEY_REPLACE,
	[CONFIG_SECTION_ROUTE] = PREFIX_ROUTE,
	[CONFIG_SECTION_ROUTE_SECRET] = PREFIX_ROUTE_SECRET,
	[CONFIG_SECTION_ROUTE_EVENTS] = PREFIX_ROUTE_EVENTS,
	[CONFIG_SECTION_ROUTE_ANSWER] = PREFIX_ROUTE_ANSWER,
	[CONFIG_SECTION_ROUTE_REFUSAL] = PREFIX_ROUTE_REFUSAL,
};

enum { KEY_COUNT = sizeof keys / sizeof keys[0], WORDS_ROOM = 512 };

const struct config_key *config_keys(size_t *count)
{
	*count = KEY_COUNT;
	return told;
}

static const struct key *find(enum config_section section, struct slice name)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (keys[i].section == section && slice_eq(slice_str(keys[i].name), name))
			return &keys[i];
	return NULL;
}

/* "4KiB..1MiB" -> its two ends. */
static void range(const struct key *key, struct slice *low, struct slice *high)
{
	slice_cut(slice_str(key->accepts), '.', low, high);
	*high = slice_from(*high, 1);
}

/* What is accepted, in words. */
static const char *words(const struct key *key, char out[WORDS_ROOM])
{
	static const struct {
		const char *before;
		bool example;
	} numbers[] = {
		[CONFIG_TYPE_SIZE] = { "a size", true },
		[CONFIG_TYPE_DURATION] = { "a duration", true },
		[CONFIG_TYPE_COUNT] = { "a whole number", false },
		[CONFIG_TYPE_WORKERS] = { "`auto` or a whole number", false },
	};
	if (key->type == CONFIG_TYPE_CHOICE) {
		size_t n = 0;
		for (const char *c = key->accepts; *c && n + 3 < WORDS_ROOM; c++) {
			out[n++] = *c == '|' ? ',' : *c;
			if (*c == '|')
				out[n++] = ' ';
		}
		out[n] = '\0';
	} else if (key->type <= CONFIG_TYPE_WORKERS) {
		struct slice low, high;
		range(key, &low, &high);
		bool example = numbers[key->type].example && key->fallback[0];
		snprintf(out, WORDS_ROOM, "%s from %.*s to %.*s%s%s", numbers[key->type].before, SLICE_ARGS(low),
			 SLICE_ARGS(high), example ? ", such as " : "", example ? key->fallback : "");
	} else {
		snprintf(out, WORDS_ROOM, "%s", key->accepts);
	}
	return out;
}

/* `refuse` does not quote the value (it may be a secret, or no scalar), `refuse_value` does. */
static bool refuse(const struct config_reader *r, const struct key *key, const struct config_node *node,
		   const char *why)
{
	char accepted[WORDS_ROOM];
	config_error(r->diag, r->file, node, "%s; accepted: %s", why, words(key, accepted));
	return false;
}

static bool refuse_value(const struct config_reader *r, const struct key *key, const struct config_node *node,
			 const char *why)
{
	char quoted[CONFIG_QUOTE_ROOM], accepted[WORDS_ROOM];
	config_error(r->diag, r->file, node, "%s: %s; accepted: %s", config_quote(node->text, quoted, sizeof quoted),
		     why, words(key, accepted));
	return false;
}

void config_schema_refuse(const struct config_reader *reader, enum config_section section, const char *key,
			  const struct config_node *node, const char *why)
{
	const struct key *found = find(section, slice_str(key));
	if (found)
		refuse_value(reader, found, node, why);
}

static void store(const struct key *key, void *draft, int64_t value)
{
	unsigned char *target = (unsigned char *)draft + key->offset;
	bool truth = value != 0;
	uint32_t narrow = (uint32_t)value;
	if (key->size == sizeof truth)
		memcpy(target, &truth, sizeof truth);
	else if (key->size == sizeof narrow)
		memcpy(target, &narrow, sizeof narrow);
	else
		memcpy(target, &value, sizeof value);
}

static void store_node(const struct key *key, void *draft, const struct config_node *node)
{
	memcpy((unsigned char *)draft + key->offset, &node, sizeof(struct config_node *));
}

static bool parse_number(enum config_type type, struct slice text, int64_t *out)
{
	uint64_t value = 0;
	bool good;
	if (type == CONFIG_TYPE_DURATION)
		return num_parse_duration(text, INT64_MAX, out);
	if (type == CONFIG_TYPE_SIZE)
		good = num_parse_size(text, INT64_MAX, &value);
	else
		good = num_parse_u64(text, INT64_MAX, &value);
	if (good)
		*out = (int64_t)value;
	return good;
}

static const char *no_number(enum config_type type, struct slice text)
{
	uint64_t bare;
	if (type == CONFIG_TYPE_DURATION)
		return num_parse_u64(text, UINT64_MAX, &bare) ? "the unit is missing" : "no duration";
	return type == CONFIG_TYPE_SIZE ? "no size" : "no whole number";
}

static bool take_number(const struct config_reader *r, const struct key *key, const struct config_node *node,
			void *draft)
{
	struct slice low, high;
	int64_t value, least, most;
	range(key, &low, &high);
	if (!parse_number(key->type, low, &least) || !parse_number(key->type, high, &most))
		return false;
	if (key->type == CONFIG_TYPE_WORKERS && slice_eq(node->text, SLICE("auto"))) {
		store(key, draft, 0);
		return true;
	}
	if (!parse_number(key->type, node->text, &value))
		return refuse_value(r, key, node, no_number(key->type, node->text));
	if (value < least || value > most)
		return refuse_value(r, key, node, value < least ? "too small" : "too large");
	store(key, draft, value);
	return true;
}

static bool take_choice(const struct config_reader *r, const struct key *key, const struct config_node *node,
			void *draft)
{
	struct slice choice, rest = slice_str(key->accepts);
	for (int64_t i = 0; rest.n > 0; i++) {
		slice_cut(rest, '|', &choice, &rest);
		if (slice_eq(choice, node->text)) {
			store(key, draft, i);
			return true;
		}
	}
	return refuse_value(r, key, node, "none of the choices");
}

static bool take_switch(const struct config_reader *r, const struct key *key, const struct config_node *node,
			void *draft)
{
	static const char *const spellings[][3] = { { "on", "true", "yes" }, { "off", "false", "no" } };
	for (size_t off = 0; off < 2; off++)
		for (size_t i = 0; i < 3; i++)
			if (slice_eq_nocase(node->text, slice_str(spellings[off][i]))) {
				store(key, draft, off ? CONFIG_SWITCH_OFF : CONFIG_SWITCH_ON);
				return true;
			}
	return refuse_value(r, key, node, "no switch");
}

static bool take_time(const struct config_reader *r, const struct key *key, const struct config_node *node, void *draft)
{
	int64_t wall_ms;
	if (!clock_parse_rfc3339(node->text, false, &wall_ms))
		return refuse_value(r, key, node, "no time by RFC 3339, or without its zone");
	store(key, draft, wall_ms);
	return true;
}

static bool is_scalar(const struct config_reader *r, const struct key *key, const struct config_node *node)
{
	if (node->kind == CONFIG_SCALAR)
		return true;
	return refuse(r, key, node, node->kind == CONFIG_MAP ? "a map stands here" : "a list stands here");
}

bool config_is_line(const struct config_node *node)
{
	return node->kind == CONFIG_SCALAR && !node->broken && node->text.n > 0 && !slice_has_control(node->text);
}

static bool is_line(const struct config_reader *r, const struct key *key, const struct config_node *node)
{
	if (config_is_line(node))
		return true;
	if (!is_scalar(r, key, node))
		return false;
	return node->text.n == 0 ? refuse(r, key, node, "it is empty")
				 : refuse_value(r, key, node, "a control character stands in it");
}

static bool is_list(const struct config_reader *r, const struct key *key, const struct config_node *node)
{
	if (node->kind != CONFIG_LIST)
		return refuse(r, key, node, node->kind == CONFIG_MAP ? "a map stands here" : "no list stands here");
	return node->count > 0 || refuse(r, key, node, "the list is empty");
}

static bool is_lines(const struct config_reader *r, const struct key *key, const struct config_node *node)
{
	if (node->kind != CONFIG_LIST)
		return is_line(r, key, node);
	for (const struct config_node *item = node->first; item; item = item->next)
		if (!item->broken)
			(void)is_line(r, key, item);
	return is_list(r, key, node);
}

static bool is_map(const struct config_reader *r, const struct key *key, const struct config_node *node)
{
	if (node->kind == CONFIG_MAP)
		return true;
	return refuse(r, key, node, node->kind == CONFIG_LIST ? "a list stands here" : "no map stands here");
}

/* Whether the node may be handed on as it is. */
static bool is_good(const struct config_reader *r, const struct key *key, const struct config_node *node)
{
	if (key->type == CONFIG_TYPE_MAP)
		return is_map(r, key, node);
	if (key->type == CONFIG_TYPE_LIST)
		return is_list(r, key, node);
	if (key->type == CONFIG_TYPE_LINES)
		return is_lines(r, key, node);
	if (key->type == CONFIG_TYPE_LINE || key->type == CONFIG_TYPE_TEXT)
		return is_line(r, key, node);
	return is_scalar(r, key, node);
}

static bool take(const struct config_reader *r, const struct key *key, const struct config_node *node, void *draft)
{
	if (!is_good(r, key, node))
		return false;
	switch (key->type) {
	case CONFIG_TYPE_SIZE:
	case CONFIG_TYPE_DURATION:
	case CONFIG_TYPE_COUNT:
	case CONFIG_TYPE_WORKERS:
		return take_number(r, key, node, draft);
	case CONFIG_TYPE_CHOICE:
		return take_choice(r, key, node, draft);
	case CONFIG_TYPE_SWITCH:
		return take_switch(r, key, node, draft);
	case CONFIG_TYPE_TIME:
		return take_time(r, key, node, draft);
	case CONFIG_TYPE_TEXT:
	case CONFIG_TYPE_BODY:
	case CONFIG_TYPE_SECRET:
	case CONFIG_TYPE_LINE:
	case CONFIG_TYPE_LINES:
	case CONFIG_TYPE_MAP:
	case CONFIG_TYPE_LIST:
		store_node(key, draft, node);
		return true;
	}
	return false;
}

static void take_fallback(const struct config_reader *r, const struct key *key, const struct config_node *map,
			  void *draft)
{
	if (key->fallback[0] == '\0')
		return;
	struct config_node *node = config_pool_alloc(r->pool, sizeof(*node));
	if (!node)
		return;
	node->kind = CONFIG_SCALAR;
	node->parent = map;
	node->key = slice_str(key->name);
	node->text = slice_str(key->fallback);
	(void)take(r, key, node, draft);
}

static bool take_given(const struct config_reader *r, const struct key *key, const struct config_node *map,
		       const struct config_node *node, void *draft)
{
	char accepted[WORDS_ROOM];
	if (node && node->broken)
		return false;
	if (!config_node_absent(node))
		return take(r, key, node, draft);
	if (node && (key->need == REQUIRED || key->type == CONFIG_TYPE_SECRET))
		return refuse(r, key, node, "has no value");
	if (map && key->need == REQUIRED && !config_key_is_meant(map, prefixes[key->section], key->name))
		config_error_missing(r->diag, r->file, map, key->name, "missing; accepted: %s", words(key, accepted));
	return false;
}

void config_schema_read(const struct config_reader *reader, enum config_section section, const struct config_node *map,
			void *draft)
{
	for (const struct config_node *child = map ? map->first : NULL; child; child = child->next)
		if (!child->broken && !find(section, child->key))
			config_unknown_key(reader, prefixes[section], child);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_node *node = config_node_get(map, slice_str(keys[i].name));
		if (keys[i].section == section && !take_given(reader, &keys[i], map, node, draft))
			take_fallback(reader, &keys[i], map, draft);
	}
}
