/* about.h - a description in words: the parts that about.c puts together. */
#ifndef HOOKGATE_TRUST_ABOUT_H
#define HOOKGATE_TRUST_ABOUT_H

#include "trust/catalogue.h"

/* What form a route's secret has: "base64, with or without whsec_ in front of it". Empty where there is none. In the
 * description's arena, as all of these. */
struct slice trust_about_secret(const struct trust_description *d);

/* A route to paste: what is required stands in it, with a value to be replaced where it is not the secret. */
struct slice trust_about_example(const struct trust_description *d);

/* Fills about->options. */
void trust_about_options(const struct trust_description *d, struct trust_about *about);

#endif
