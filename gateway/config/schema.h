/* schema.h - maps of the file -> fields of a struct, by one table of keys (key.def). For this room only.
 *
 * Simple values (sizes, durations, choices ...) are read here, wholly. Where more is to be said about a value than its
 * type (addresses, URLs, secrets, names), its node is checked for its kind and handed on in a draft. */
#ifndef HOOKGATE_CONFIG_SCHEMA_H
#define HOOKGATE_CONFIG_SCHEMA_H

#include "config/config.h"
#include "config/pool.h"

enum config_type {
	CONFIG_TYPE_SIZE,     /* uint64_t, bytes */
	CONFIG_TYPE_DURATION, /* int64_t, milliseconds */
	CONFIG_TYPE_COUNT,    /* uint32_t or unsigned */
	CONFIG_TYPE_WORKERS,  /* the same, or `auto`: 0 */
	CONFIG_TYPE_CHOICE,   /* an enum, or a bool where there are two */
	CONFIG_TYPE_SWITCH,   /* enum config_switch */
	CONFIG_TYPE_TIME,     /* int64_t, milliseconds since 1970 */
	CONFIG_TYPE_TEXT,     /* node: a scalar, not empty, no control characters */
	CONFIG_TYPE_BODY,     /* node: any scalar */
	CONFIG_TYPE_SECRET,   /* node: a scalar; never quoted in a message */
	CONFIG_TYPE_LINE,     /* node: as TEXT; what reads it quotes it */
	CONFIG_TYPE_LINES,    /* node: as LINE, or a list of such that is not empty */
	CONFIG_TYPE_MAP,      /* node: a map */
	CONFIG_TYPE_LIST      /* node: a list that is not empty */
};

enum config_section {
	CONFIG_SECTION_TOP,
	CONFIG_SECTION_ADMIN,
	CONFIG_SECTION_REDIS,
	CONFIG_SECTION_REDIS_TLS,
	CONFIG_SECTION_JOURNAL,
	CONFIG_SECTION_REPLAY_WINDOW,
	CONFIG_SECTION_LOG,
	CONFIG_SECTION_KEY_FETCH,
	CONFIG_SECTION_KEY_REPLACE,
	CONFIG_SECTION_ROUTE,
	CONFIG_SECTION_ROUTE_SECRET,
	CONFIG_SECTION_ROUTE_EVENTS,
	CONFIG_SECTION_ROUTE_ANSWER,
	CONFIG_SECTION_ROUTE_REFUSAL
};

/* The config while it is being made. Nodes are NULL where the key is left out, has no default, or is of a wrong kind
 * (which is told already). A default's node has line 0. */
struct config_draft {
	struct config config;	 /* first: config_free finds the rest behind it */
	struct config_pool pool; /* for all of config's own; wiped with it */
	struct config_tree *tree;
	const struct config_node *listen, *public_url, *trusted_proxies, *provider_dir, *plugin_dir, *routes,
		*max_backlog;
	const struct config_node *admin, *admin_listen, *admin_token;
	const struct config_node *redis, *redis_url, *redis_prefix, *redis_username, *redis_password;
	const struct config_node *redis_sentinel_username, *redis_sentinel_password;
	const struct config_node *redis_tls, *tls_ca, *tls_cert, *tls_key, *tls_server_name;
	const struct config_node *journal, *journal_dir, *replay_window;
	const struct config_node *log;
	const struct config_node *key_fetch, *key_ca_file, *key_replace, *key_allow_private;
};

struct config_key_replace_draft {
	const struct config_node *host, *with;
};

struct config_route_draft {
	struct config_route route;
	const struct config_node *name, *path, *provider, *secret, *secrets, *max_backlog, *order_by;
	const struct config_node *events, *include, *exclude;
	const struct config_node *public_url, *answer, *answer_body, *answer_content_type;
	const struct config_node *refusal, *refusal_body, *refusal_content_type;
};

struct config_secret_draft {
	struct config_secret secret;
	const struct config_node *name, *value;
};

/* What every reading function needs. */
struct config_reader {
	struct config_diag *diag;
	const char *file;	  /* for messages */
	const char *folder;	  /* of the file */
	struct config_pool *pool; /* its flag tells, at the end, that memory was short */
};

/* Reads the keys of a section from `map` into the draft (the struct that the section's targets are members of): those
 * given, the defaults of the others. Adds an error for each unknown key, missing required one and wrong value; a field
 * whose value is wrong gets its default, or stays. NULL for `map`: only the defaults, and nothing is required. */
void config_schema_read(const struct config_reader *reader, enum config_section section, const struct config_node *map,
			void *draft);

/* True for a scalar that is not empty and has no control characters: of the others the error is told. */
bool config_is_line(const struct config_node *node);

/* Adds the error for a key that no key of the section is; `prefix` is the section's ("redis.", "" for the top). In
 * unknown.c. */
void config_unknown_key(const struct config_reader *reader, const char *prefix, const struct config_node *node);

/* True when a key of the map looks like `key` written wrong: the error for it is told, "missing" would be a second
 * one. In unknown.c. */
bool config_key_is_meant(const struct config_node *map, const char *prefix, const char *key);

/* Adds the error "VALUE: WHY; accepted: ..." at a node that one of the table's keys gave, with what the table
 * says of it. Not for secrets. */
void config_schema_refuse(const struct config_reader *reader, enum config_section section, const char *key,
			  const struct config_node *node, const char *why);

#endif
