/* url.h - the few URLs that may be fetched, read strictly. For this room only. */
#ifndef HOOKGATE_KEYS_URL_H
#define HOOKGATE_KEYS_URL_H

#include "keys/keys.h"

enum { KEYS_URL_MAX = 512 };

struct keys_url {
	struct slice host;
	struct slice rest; /* path and query; empty, or begins with "/" */
	struct slice path;
	bool has_query;
};

/* "https://host[:443][/path][?query]" in plain ASCII, nothing else. Slices point into the text. False with a reason. */
bool keys_url_parse(struct slice text, struct keys_url *out, struct reason *reason) __attribute__((warn_unused_result));

/* Is the name one of the pattern's? */
bool keys_host_matches(struct slice pattern, struct slice host);

#endif
