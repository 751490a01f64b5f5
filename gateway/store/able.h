/* able.h - what a configuration asks of Redis that this version, or this build, cannot do. */
#ifndef HOOKGATE_STORE_ABLE_H
#define HOOKGATE_STORE_ABLE_H

#include "config/config.h"

/* Adds an error for each such thing. 0; -EINVAL when there are errors. Where redis.url itself is wrong nothing is
 * added. */
int store_able(const struct config *config, struct config_diag *diag) __attribute__((warn_unused_result));

#endif
