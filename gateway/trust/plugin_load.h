/* plugin_load.h - the plugins we know: those built in, and those loaded from `plugin_dir`. */
#ifndef HOOKGATE_TRUST_PLUGIN_LOAD_H
#define HOOKGATE_TRUST_PLUGIN_LOAD_H

#include "base/reason.h"
#include "trust/grammar.h"
#include "trust/plugin.h"

/* plugins/embed.py makes the table. */
extern const struct plugin *const trust_builtin_plugins[];
extern const size_t trust_builtin_plugin_count;

struct trust_plugins;

/* Loads every NAME.so of the folder (NULL: none). The folder and the files must belong to root or to the user that runs
 * this, and be writable by nobody else. Each plugin that is refused gets a finding of its own that names its file. 0
 * also then; -ENOMEM. */
int trust_plugins_new(const char *dir, struct config_diag *diag, struct trust_plugins **out)
	__attribute__((warn_unused_result));

/* Unloads; nothing of a loaded plugin may be used any more. Accepts NULL. */
void trust_plugins_free(struct trust_plugins *plugins);

/* By name; NULL when there is none. */
const struct plugin *trust_plugins_find(const struct trust_plugins *plugins, struct slice name);

/* Binds the plugin that a description names, or adds a finding where it is named. */
void trust_plugins_bind(const struct trust_plugins *plugins, struct trust_description *description,
			struct config_diag *diag);

/* The same with a plugin that is known (NULL: none). */
void trust_plugin_attach(struct trust_description *description, const struct plugin *plugin);

/* ---- what a route says for its plugin ---- */

/* Text, env:NAME or file:PATH, into the description's arena; nothing with a finding. In describe_options.c. */
void trust_option_text(struct trust_reader *reader, const struct config_node *node, struct slice *out);

/* Reads one option of a route; false when the description's plugin, if it has any, takes none of that name. */
bool trust_plugin_option_read(struct trust_reader *reader, const struct config_node *node);

/* Appends the names of those that it takes, with ", " between. */
void trust_plugin_option_names(const struct trust_description *description, struct buf *names);

/* The first option that must be there and is not; NULL when all are. */
const struct plugin_option *trust_plugin_option_missing(const struct trust_description *description);

/* May that be a key of the plugin's? The reason is set when it may not. */
bool trust_plugin_accepts(const struct plugin *plugin, struct slice key, struct reason *reason);

/* Is that secret to be read as a public key? Where both may be, a text that could be either has to be told by the route's
 * option `key`. 0; -EINVAL with a reason; -ENOMEM. */
int trust_plugin_wants_ring(const struct trust_verify *verify, struct slice key, bool *wants, struct reason *reason)
	__attribute__((warn_unused_result));

#endif
