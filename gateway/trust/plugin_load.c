/* plugin_load.c - finding plugins, see plugin_load.h and plugin.h.
 *
 * The special difficulty: a shared object is code, and runs as soon as it is opened. So who could have written it is
 * looked at first, on the opened file and not on its name; and it is loaded by its descriptor, as a name that the dynamic
 * linker knows already gives the old object again when the file behind it has been replaced. The descriptors stay open:
 * while one is, no other object can come by its name. */
#include "trust/plugin_load.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 64, PATH_ROOM = 64 };

struct loaded {
	const struct plugin *plugin;
	void *object;
	int fd;
};

struct trust_plugins {
	struct loaded *loaded;
	size_t count;
};

static const struct plugin *builtin(struct slice name)
{
	for (size_t i = 0; i < trust_builtin_plugin_count; i++)
		if (slice_eq(slice_str(trust_builtin_plugins[i]->name), name))
			return trust_builtin_plugins[i];
	return NULL;
}

const struct plugin *trust_plugins_find(const struct trust_plugins *plugins, struct slice name)
{
	for (size_t i = 0; i < plugins->count; i++)
		if (slice_eq(slice_str(plugins->loaded[i].plugin->name), name))
			return plugins->loaded[i].plugin;
	return builtin(name);
}

void trust_plugin_attach(struct trust_description *d, const struct plugin *plugin)
{
	d->verify.plugin = plugin;
	if (plugin && (plugin->flags & PLUGIN_ANSWERS_GET) && !slice_starts(d->allow, SLICE("GET")))
		d->allow = arena_printf(d->arena, "GET, %.*s", SLICE_ARGS(d->allow));
}

void trust_plugins_bind(const struct trust_plugins *plugins, struct trust_description *d, struct config_diag *diag)
{
	struct slice name = d->verify.plugin_name;
	char quoted[80];

	if (name.n == 0)
		return;
	trust_plugin_attach(d, trust_plugins_find(plugins, name));
	if (!d->verify.plugin)
		config_error_at(diag, d->file, d->verify.plugin_line, d->verify.plugin_column,
				"there is no plugin %s, neither built in nor in plugin_dir",
				config_quote(name, quoted, sizeof(quoted)));
}

static void unload(struct loaded *one)
{
	if (one->object)
		(void)dlclose(one->object);
	if (one->fd >= 0)
		(void)close(one->fd);
}

void trust_plugins_free(struct trust_plugins *plugins)
{
	if (!plugins)
		return;
	for (size_t i = 0; i < plugins->count; i++)
		unload(&plugins->loaded[i]);
	free(plugins->loaded);
	free(plugins);
}

/* ---- who could have written it ---- */

static const char *unsafe(const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "belongs neither to root nor to the user that runs this";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "can be written by others than its owner";
	return NULL;
}

static int open_folder(const char *dir, struct config_diag *diag)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	const char *why;

	if (fd < 0 || fstat(fd, &st)) {
		config_error_at(diag, dir, 0, 0, "plugin_dir cannot be read: %s", strerror(errno));
		goto refuse;
	}
	why = unsafe(&st);
	if (!why)
		return fd;
	config_error_at(diag, dir, 0, 0, "plugin_dir %s: its plugins are not loaded", why);
refuse:
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static int open_file(int folder, const char *name, const char **why)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		*why = errno == ELOOP ? "is a symbolic link" : strerror(errno);
	else
		*why = S_ISREG(st.st_mode) ? unsafe(&st) : "is no regular file";
	if (*why && fd >= 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* ---- is it one of ours? ---- */

static bool is_own_option(const char *name)
{
	static const char *const own[] = { "id", "type", "header", "prefix", "encoding" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(name, own[i]) == 0)
			return true;
	return false;
}

static const char *wrong_inside(const struct plugin *plugin)
{
	if (!plugin->scheme || !plugin->read || !plugin->prove)
		return "lacks its scheme, read() or prove()";
	if (plugin->option_count > TRUST_PLUGIN_OPTIONS_MAX || (plugin->option_count > 0 && !plugin->options))
		return "has more than 16 options, or says that it has some and has none";
	for (size_t i = 0; i < plugin->option_count; i++)
		if (!plugin->options[i].name || !plugin->options[i].help || is_own_option(plugin->options[i].name))
			return "has an option without a name or help, or one that is the gateway's own";
	if (plugin->host_count > TRUST_PLUGIN_HOSTS_MAX || (plugin->host_count > 0 && !plugin->hosts))
		return "has more than 8 hosts, or says that it has some and has none";
	for (size_t i = 0; i < plugin->host_count; i++)
		if (!plugin->hosts[i] || !keys_host_pattern(slice_str(plugin->hosts[i]), NULL))
			return "has a host that is no pattern of one";
	return NULL;
}

/* In this order: nothing behind the version means anything when the version is another, and nothing behind the size is
 * there when the size is another. */
static bool judge(const struct plugin *plugin, struct slice name, const char *file, struct config_diag *diag)
{
	const char *wrong;
	char quoted[80];

	if (plugin->abi != PLUGIN_ABI) {
		config_error_at(diag, file, 0, 0, "was built for version %u of the plugin ABI, this gateway has %u",
				plugin->abi, PLUGIN_ABI);
		return false;
	}
	if (plugin->size != sizeof(struct plugin)) {
		config_error_at(diag, file, 0, 0, "says that its struct plugin has %u bytes, this gateway's has %zu",
				plugin->size, sizeof(struct plugin));
		return false;
	}
	if (!plugin->name || !slice_eq(slice_str(plugin->name), name)) {
		config_error_at(diag, file, 0, 0, "calls itself %s, which is not the name of its file",
				plugin->name ? config_quote(slice_str(plugin->name), quoted, sizeof(quoted))
					     : "by no name");
		return false;
	}
	if (builtin(name)) {
		config_error_at(diag, file, 0, 0, "a plugin %s is built in already: give it another name",
				plugin->name);
		return false;
	}
	wrong = wrong_inside(plugin);
	if (wrong)
		config_error_at(diag, file, 0, 0, "%s", wrong);
	return !wrong;
}

/* "plugin_" and the name, with "_" for "-". */
static void symbol_of(struct slice name, char *out)
{
	memcpy(out, "plugin_", 7);
	for (size_t i = 0; i < name.n; i++)
		out[7 + i] = name.p[i] == '-' ? '_' : (char)name.p[i];
	out[7 + name.n] = '\0';
}

static bool load(struct loaded *one, struct slice name, const char *file, struct config_diag *diag)
{
	char path[PATH_ROOM], symbol[7 + NAME_MAX_BYTES + 1];
	const char *why;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", one->fd);
	one->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!one->object) {
		why = dlerror();
		config_error_at(diag, file, 0, 0, "cannot be loaded: %s", why ? why : "no reason is given");
		return false;
	}
	symbol_of(name, symbol);
	one->plugin = dlsym(one->object, symbol);
	if (!one->plugin) {
		config_error_at(diag, file, 0, 0, "has no symbol %s, by which a plugin of this name is known", symbol);
		return false;
	}
	return judge(one->plugin, name, file, diag);
}

/* ---- the folder ---- */

static bool is_name(struct slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!((name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9') ||
		      name.p[i] == '-'))
			return false;
	return name.n > 0 && name.n <= NAME_MAX_BYTES;
}

static int add(struct trust_plugins *plugins, int folder, const char *dir, const char *entry, struct config_diag *diag)
{
	struct slice name = slice_head(slice_str(entry), strlen(entry) - 3);
	struct loaded one = { .fd = -1 };
	const char *why = NULL;
	char *file = NULL;

	if (asprintf(&file, "%s/%s", dir, entry) < 0)
		return -ENOMEM;
	if (!is_name(name))
		why = "is no name of a plugin: lower-case letters, digits and \"-\", at most 64";
	else
		one.fd = open_file(folder, entry, &why);
	if (why)
		config_error_at(diag, file, 0, 0, "%s", why);
	else if (load(&one, name, file, diag))
		plugins->loaded[plugins->count++] = one;
	else
		why = "told";
	if (why)
		unload(&one);
	free(file);
	return 0;
}

static int is_object(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 3 && memcmp(entry->d_name + n - 3, ".so", 3) == 0;
}

static int add_folder(struct trust_plugins *plugins, const char *dir, struct config_diag *diag)
{
	int folder = open_folder(dir, diag), fault = 0, n;
	struct dirent **entries = NULL;

	if (folder < 0)
		return 0;
	n = scandirat(folder, ".", &entries, is_object, alphasort);
	if (n < 0)
		config_error_at(diag, dir, 0, 0, "plugin_dir cannot be read: %s", strerror(errno));
	plugins->loaded = n > 0 ? calloc((size_t)n, sizeof(plugins->loaded[0])) : NULL;
	if (n > 0 && !plugins->loaded)
		fault = -ENOMEM;
	for (int i = 0; i < n; i++) {
		if (!fault)
			fault = add(plugins, folder, dir, entries[i]->d_name, diag);
		free(entries[i]);
	}
	free(entries);
	(void)close(folder);
	return fault;
}

int trust_plugins_new(const char *dir, struct config_diag *diag, struct trust_plugins **out)
{
	struct trust_plugins *plugins = calloc(1, sizeof(*plugins));
	int fault = plugins ? 0 : -ENOMEM;

	if (!fault && dir)
		fault = add_folder(plugins, dir, diag);
	if (fault)
		trust_plugins_free(plugins);
	else
		*out = plugins;
	return fault;
}
