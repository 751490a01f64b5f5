/* message.h - an HTTP request and an answer, free of any transport: what the rooms hand each other. */
#ifndef HOOKGATE_BASE_MESSAGE_H
#define HOOKGATE_BASE_MESSAGE_H

#include "base/slice.h"

#include <stdint.h>

struct header {
	struct slice name;  /* as sent; compare without case */
	struct slice value; /* without white space at the ends */
};

/* All borrowed, for as long as the request is being handled. */
struct request {
	struct slice method;
	struct slice target; /* as on the request line */
	struct slice path;   /* the target's path, nothing decoded */
	struct slice query;  /* behind the "?", without it; empty when there is none */
	const struct header *headers;
	size_t header_count;
	struct slice body;    /* the exact bytes, framing removed */
	struct slice address; /* who sent it: "192.0.2.1", "2001:db8::1", "unix"; past proxies that are trusted */
	/* As the provider's side of a trusted proxy saw them; empty where nothing but the request is known. */
	struct slice scheme;	/* "https" */
	struct slice authority; /* "hooks.example.com:8443" */
	struct slice prefix;	/* of the public path, taken off by the proxy: "/gateway" */
	int64_t received_ms;	/* wall clock, when the head was complete */
	bool gone;		/* the client has hung up, and its headers went with it */
};

enum { ANSWER_HEADERS_MAX = 8 };

/* Borrowed until the answer has been handed over (http copies what it needs). */
struct answer {
	unsigned status;
	struct header headers[ANSWER_HEADERS_MAX];
	size_t header_count;
	struct slice body;
	bool close; /* end the connection after it */
};

/* The first header of that name, and how many there are of it: 0 leaves *value untouched. */
size_t message_header(const struct request *request, struct slice name, struct slice *value);

/* The first query parameter of that name, still percent-encoded, and how many there are. */
size_t message_query(const struct request *request, struct slice name, struct slice *value);

/* Fills path and query from target: origin form as it is, absolute form ("http://host/path?x") without its authority.
 * False when the target has no path. */
bool message_split_target(struct slice target, struct slice *path, struct slice *query);

/* Adds a header to an answer; a programming error (abort) past ANSWER_HEADERS_MAX. */
void message_add(struct answer *answer, struct slice name, struct slice value);

#endif
