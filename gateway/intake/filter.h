/* filter.h - which of a route's events are stored, by type (`events: { include, exclude }`). */
#ifndef HOOKGATE_INTAKE_FILTER_H
#define HOOKGATE_INTAKE_FILTER_H

#include "config/config.h"

/* False: the outcome is `ignored`. An empty include list takes in all; what is excluded stays out in any case. */
bool intake_wanted(const struct config_route *route, struct slice type);

#endif
