/* filter.h - which of a route's events are stored, by type (`events: { include, exclude }`). */
#ifndef HOOKGATE_INTAKE_FILTER_H
#define HOOKGATE_INTAKE_FILTER_H

#include "config/config.h"

/* False: the outcome is `ignored`. An empty include list takes in all; what is excluded stays out in any case. A pattern is
 * held against the type, and against "type.detail" where there is a detail (GitHub's action); "type.*" is the type itself,
 * too. */
bool intake_wanted(const struct config_route *route, struct slice type, struct slice detail);

#endif
