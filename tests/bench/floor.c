/* floor.c - what libmicrohttpd costs by itself: reads a request's body, answers 200, does nothing else.
 *
 *     floor PORT THREADS [POOL]
 *
 * scripts/bench measures hookgate against it. It is set up as a careful user would: epoll, a pool of threads, keep-alive,
 * the body gathered in one buffer of the declared length, one prepared response. POOL is the memory of a connection in
 * bytes; without it the library's own default holds. Its one special difficulty is to stay honest: whatever is left out
 * here makes every server that is measured against it look worse. */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* The same limit as hookgate's default. */
#define FLOOR_MAX_BODY (1024UL * 1024)

struct body {
	size_t have, room;
	unsigned char bytes[];
};

static struct MHD_Response *answer;

static bool number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > max)
		return false;
	*out = value;
	return true;
}

static struct body *body_new(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t room = 0;
	if (length && !number(length, FLOOR_MAX_BODY, &room))
		return NULL;
	struct body *body = malloc(sizeof(*body) + room);
	if (body) {
		body->have = 0;
		body->room = room;
	}
	return body;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *data, size_t *size, void **context)
{
	(void)arg, (void)url, (void)method, (void)version;
	struct body *body = *context;
	if (!body) {
		*context = body = body_new(connection);
		return body ? MHD_YES : MHD_NO;
	}
	if (*size == 0)
		return MHD_queue_response(connection, MHD_HTTP_OK, answer);
	if (*size > body->room - body->have)
		return MHD_NO;
	memcpy(body->bytes + body->have, data, *size);
	body->have += *size;
	*size = 0;
	return MHD_YES;
}

static void on_end(void *arg, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code)
{
	(void)arg, (void)connection, (void)code;
	free(*context);
	*context = NULL;
}

static struct MHD_Daemon *start(uint16_t port, unsigned threads, size_t pool)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)pool, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};
	if (!pool)
		options[0].option = MHD_OPTION_END;
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, NULL,
				MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_THREAD_POOL_SIZE, threads,
				MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096U, MHD_OPTION_CONNECTION_LIMIT, 16384U,
				MHD_OPTION_CONNECTION_TIMEOUT, 75U, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
				MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

int main(int argc, char **argv)
{
	static char text[] = "{\"status\":\"accepted\"}";
	uint64_t port, threads, pool = 0;
	if (argc < 3 || argc > 4 || !number(argv[1], 65535, &port) || !number(argv[2], 256, &threads) ||
	    (argc == 4 && !number(argv[3], 1U << 24, &pool))) {
		(void)fprintf(stderr, "usage: floor PORT THREADS [POOL]\n");
		return 2;
	}
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	sigset_t stop;
	int caught;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	(void)signal(SIGPIPE, SIG_IGN);

	answer = MHD_create_response_from_buffer(sizeof(text) - 1, text, MHD_RESPMEM_PERSISTENT);
	if (!answer || MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json") != MHD_YES)
		return 1;
	struct MHD_Daemon *daemon = start((uint16_t)port, (unsigned)threads, pool);
	if (!daemon) {
		(void)fprintf(stderr, "floor: cannot listen on port %u\n", (unsigned)port);
		return 1;
	}
	sigwait(&stop, &caught);
	MHD_stop_daemon(daemon);
	MHD_destroy_response(answer);
	return 0;
}
