/* catalogue.h - the providers we know, by name and alias. */
#ifndef HOOKGATE_TRUST_CATALOGUE_H
#define HOOKGATE_TRUST_CATALOGUE_H

#include "trust/describe.h"

struct trust_provider {
	struct trust_description *description;
	struct slice text; /* as read, vectors left out; for making another description of it */
	char *file;	   /* owned */
	struct trust_about about;
};

/* A description that is built in; plugins/embed.py makes the table. */
struct trust_builtin {
	const char *file;
	struct slice text;
};
extern const struct trust_builtin trust_builtins[];
extern const size_t trust_builtin_count;

/* Fills provider->about; texts are made in the description's arena. */
void trust_about_fill(struct trust_provider *provider);

#endif
