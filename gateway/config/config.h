/* config.h - the whole configuration: read once, then immutable.
 *
 * config_load() reads the file, checks every key against one table (schema.c), resolves the secrets and gathers all
 * that is wrong. What a route's provider makes of its `verify:`, `options:` and secrets is decided in trust/, which
 * adds its findings to the same diag. Values are as the file has them, or the route's own over the file's over the
 * built-in default.
 *
 * A config may be read from any thread once it is loaded. */
#ifndef HOOKGATE_CONFIG_CONFIG_H
#define HOOKGATE_CONFIG_CONFIG_H

#include "base/log.h"
#include "config/diag.h"
#include "config/node.h"
#include "config/range.h"
#include "config/secret.h"

#include <stdint.h>

enum config_address_kind { CONFIG_ADDRESS_IPV4, CONFIG_ADDRESS_IPV6, CONFIG_ADDRESS_UNIX };

/* Where to listen. Numeric addresses only: 0.0.0.0:8080, [::]:8080, unix:/path; also :8080 for all addresses of both
 * families, and a port of 0 for any free one. */
struct config_address {
	enum config_address_kind kind;
	bool dual_stack; /* from ":8080": [::] that takes IPv4 as well */
	unsigned char ip[16];
	uint16_t port;
	const char *unix_path;
	const char *text; /* as in the file */
	const struct config_node *node;
};

enum config_redis_kind {
	CONFIG_REDIS_TCP,
	CONFIG_REDIS_UNIX,
	CONFIG_REDIS_EMBEDDED,
	CONFIG_REDIS_SENTINEL,
	CONFIG_REDIS_CLUSTER
};

enum { CONFIG_REDIS_HOSTS_MAX = 32 };

struct config_redis_host {
	const char *host; /* name or address; IPv6 without brackets */
	uint16_t port;
};

/* How Redis is spoken to over TLS; the files' paths start at the configuration's folder already. */
struct config_redis_tls {
	bool on;
	const char *ca;		 /* whose certificates are believed; NULL: the system's */
	const char *cert, *key;	 /* our own; both or none */
	const char *server_name; /* in the server's certificate; NULL: the host that is connected to */
};

/* redis:// or rediss://[[user]:password@]host[:port][/db], unix://[[user]:password@]/path/to/socket[?db=N],
 * sentinel://[[user]:password@]host[:port],host[:port].../NAME[?db=N], cluster://[[user]:password@]host[:port],...,
 * embedded:DIR. User and password percent-encoded; those of a sentinel:// URL are the master's. */
struct config_redis {
	enum config_redis_kind kind;
	const char *url;  /* for messages: credentials replaced by "***" */
	const char *host; /* TCP: name or address; IPv6 without brackets */
	uint16_t port;
	const struct config_redis_host *hosts; /* Sentinels; nodes of a Cluster: at most CONFIG_REDIS_HOSTS_MAX */
	size_t host_count;
	const char *master;				   /* Sentinel: what the Sentinels call the master */
	const char *path;				   /* unix: socket; embedded: directory */
	struct slice username;				   /* empty: none; from the URL or redis.username */
	struct slice password;				   /* from the URL or redis.password (a secret reference) */
	struct slice sentinel_username, sentinel_password; /* what the Sentinels themselves want; empty: nothing */
	struct config_redis_tls tls;
	unsigned database;
	struct slice prefix;  /* of all keys */
	bool require_durable; /* redis.require: durable */
};

enum config_journal_sync { CONFIG_JOURNAL_BATCH };

struct config_journal {
	const char *dir; /* NULL: no journal */
	uint64_t max_size;
	enum config_journal_sync sync;
};

/* What a 2xx waits for. */
enum config_ack { CONFIG_ACK_STORED, CONFIG_ACK_REPLICATED, CONFIG_ACK_SYNCED, CONFIG_ACK_JOURNALED };

/* As in the file. */
const char *config_ack_name(enum config_ack ack);

/* As many as a record of the journal has room for. */
enum { CONFIG_ACK_REPLICAS_MAX = 15 };

/* What a route does with a delivery whose event id cannot be found. */
enum config_missing_id { CONFIG_MISSING_DIGEST, CONFIG_MISSING_REJECT, CONFIG_MISSING_ACCEPT };

enum config_switch { CONFIG_SWITCH_DEFAULT, CONFIG_SWITCH_ON, CONFIG_SWITCH_OFF };

/* How much may wait in a stream: entries, or bytes. */
struct config_backlog {
	uint64_t limit; /* 0: any */
	bool bytes;
};

/* Type filters: "push" is itself, "pull_request.*" any type with that beginning, and "pull_request" too; "*" any. */
struct config_patterns {
	const struct slice *items;
	size_t count;
};

/* Addresses with the same first bits; "unix" is whoever comes over a Unix socket. */
struct config_network {
	bool is_unix;
	struct config_range range; /* where it is not */
};

/* What is answered in place of the provider's or our own. */
struct config_answer {
	unsigned status; /* 0: no wish */
	struct slice body;
	bool body_set;		   /* an empty body can be asked for */
	struct slice content_type; /* empty: text/plain */
};

struct config_route {
	size_t index;
	bool wrong;	       /* only in a partial config: errors were found in it, texts may be empty */
	struct slice name;     /* [a-z0-9][a-z0-9_.-]*, at most 64 bytes: it stands in Redis keys and labels */
	struct slice path;     /* begins with "/" */
	struct slice provider; /* name or alias; trust/ knows what it means */
	const struct config_secret *secrets;
	size_t secret_count;
	const struct config_node *options; /* NULL: none; for the provider */
	const struct config_node *verify;  /* NULL: none; for provider `hmac` and friends */
	const struct config_node *node;	   /* the route */
	const struct config_node *provider_node;
	struct config_patterns include, exclude;
	enum config_missing_id missing_id;
	enum config_switch replay_guard; /* DEFAULT: on where the provider's id is not signed */
	enum config_ack ack;
	uint32_t ack_replicas;		 /* that must have an event as well; 0 where ack does not ask for any */
	int64_t ack_timeout_ms;		 /* how long WAIT or WAITAOF may take; shorter than ack_deadline_ms */
	enum config_switch ordered;	 /* ON; DEFAULT is off */
	unsigned partitions;		 /* 0: not split */
	struct slice order_by;		 /* "body:/pointer" or "header:name" in lower case; empty: by the id */
	enum config_switch keep_learned; /* ON; DEFAULT is off */
	int64_t window_ms;		 /* 0: the provider's */
	int64_t tolerance_ms;		 /* -1: the provider's */
	int64_t retention_ms;
	struct config_backlog max_backlog;
	uint64_t max_body; /* bytes */
	int64_t ack_deadline_ms;
	struct slice public_url; /* the route's, or the file's; empty: none; without a trailing slash */
	bool public_url_whole;	 /* it is the route's and has a path: nothing but a query is added */
	unsigned answer_status;	 /* of an accepted, duplicate or ignored delivery; 0: the provider's */
	struct slice answer_body;
	bool answer_body_set;		  /* an empty body can be asked for */
	struct slice answer_content_type; /* empty: application/json for our own body, else text/plain */
	struct config_answer refusal;	  /* of a delivery with no, a wrong or an old signature */
};

/* In place of a host that keys are fetched from. */
struct config_key_replace {
	struct slice host; /* exactly */
	struct slice with; /* "https://host[:port][/path]", without a trailing slash */
};

/* How keys are fetched that providers publish; see keys/keys.h. */
struct config_key_fetch {
	const char *ca_file; /* NULL: the system's certificates */
	const struct config_key_replace *replace;
	size_t replace_count;
	const struct config_range *allow_private;
	size_t allow_private_count;
};

struct config {
	const char *file;
	const char *folder; /* of the file: relative paths start here */

	const struct config_address *listen;
	size_t listen_count;
	unsigned workers; /* never 0: the cores where the file says `auto` */

	const struct config_address *admin; /* NULL: no admin listener */
	struct slice admin_token;	    /* empty: none asked for */

	struct config_redis redis;
	struct config_journal journal;
	int64_t replay_window_ms;    /* 0: no window */
	uint64_t replay_window_size; /* all workers together */

	enum log_level log_level;
	enum log_format log_format;

	uint64_t max_head;     /* bytes of a request's head */
	uint64_t max_body;     /* the default of the routes */
	uint64_t max_buffered; /* bytes of bodies held at once, all workers together */
	uint32_t max_connections;
	uint32_t connections_per_address; /* 0: no limit */
	int64_t idle_timeout_ms;	  /* between two requests on a connection */
	int64_t request_timeout_ms;	  /* from a request's first line to its last byte */
	int64_t ack_deadline_ms;	  /* the default of the routes */
	int64_t drain_timeout_ms;	  /* how long SIGTERM waits for what is in flight */
	enum config_ack ack;		  /* the default of the routes, as the two that follow */
	uint32_t ack_replicas;
	int64_t ack_timeout_ms;
	enum config_missing_id missing_id; /* the default of the routes, as the three that follow */
	enum config_switch replay_guard;
	int64_t window_ms;
	int64_t tolerance_ms;
	int64_t retention_ms;
	struct config_backlog max_backlog;

	const char *provider_dir; /* NULL: none */
	const char *plugin_dir;	  /* NULL: none */
	struct slice public_url;  /* empty: none; without a trailing slash */

	const struct config_network *proxies; /* whose word about the client is believed */
	size_t proxy_count;
	struct config_key_fetch key_fetch;

	const struct config_route *routes;
	size_t route_count;

	const struct config_tree *tree; /* for the nodes above */
};

/* Reads and checks `file`. 0 when there are no errors (warnings may have been added to diag); -EINVAL when there are;
 * -ENOMEM. The config must be freed. */
int config_load(const char *file, struct config_diag *diag, struct config **out) __attribute__((warn_unused_result));

/* The same of a text; `file` names it in messages and tells where relative paths start. */
int config_load_text(struct slice text, const char *file, struct config_diag *diag, struct config **out)
	__attribute__((warn_unused_result));

/* As config_load, but gives the config even when there are errors, as far as it could be made out, so that other rooms
 * can add their findings; -EINVAL then comes with *out set. *out is NULL when there is nothing to go on with. What is
 * empty in a route that is `wrong` (provider, path, a secret's bytes, the list of secrets) is told already: say no
 * more about it. */
int config_load_partial(const char *file, struct config_diag *diag, struct config **out)
	__attribute__((warn_unused_result));

/* Wipes secrets and frees; accepts NULL. */
void config_free(struct config *config);

/* Is that address ("192.0.2.1", "2001:db8::1", "unix") one of `trusted_proxies`? */
bool config_is_proxy(const struct config *config, struct slice address);

/* Finds a route by name; NULL when there is none. */
const struct config_route *config_route_find(const struct config *config, struct slice name);

/* One line per key for `hookgate check --keys`, the sample file's test and the docs: "max_body<TAB>1MiB<TAB>one line
 * why". */
struct config_key {
	const char *path;     /* "max_body", "admin.listen", "routes[].path" */
	const char *fallback; /* default as text; "" for none */
	const char *help;
};
const struct config_key *config_keys(size_t *count);

#endif
