/* drive.c - the connections and their loop.
 *
 * The difficulty is to cost little: the generator shares the machine with what it measures. So each connection keeps its own
 * copy of the request and patches it, an answer is looked at once in the buffer it was read into, and there is one read
 * and one write per delivery. */
#include "drive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX 4096
/* In flight while connections deliver a fixed number each: thousands at once would measure buffers, not idle connections. */
#define AT_ONCE 64U
#define GRACE_NS (5ULL * 1000 * 1000 * 1000)

struct connection {
	int fd;
	bool waiting;
	uint32_t sends;
	size_t written, have;
	uint64_t since;
	char *request;
	char answer[ANSWER_MAX];
};

struct drive {
	const struct deliveries *set;
	struct sockaddr_in address;
	int epoll;
	uint32_t count;
	uint64_t next; /* delivery */
	struct connection *connections;
	/* of the phase that runs */
	bool sending, repeat;
	uint32_t each, started, in_flight;
	struct drive_tally *tally;
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static bool watch(struct drive *drive, struct connection *c, int op, uint32_t events)
{
	struct epoll_event event = { .events = events, .data = { .ptr = c } };
	return epoll_ctl(drive->epoll, op, c->fd, &event) == 0;
}

static bool connection_open(struct drive *drive, struct connection *c)
{
	int on = 1;
	c->waiting = false;
	c->have = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&drive->address, sizeof(drive->address)) < 0) {
		(void)fprintf(stderr, "load: cannot connect: %s\n", strerror(errno));
		return false;
	}
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return watch(drive, c, EPOLL_CTL_ADD, EPOLLIN);
}

static bool connection_again(struct drive *drive, struct connection *c)
{
	close(c->fd);
	drive->tally->reconnects++;
	return connection_open(drive, c);
}

/* Not in one go when the socket's buffer is full: the rest goes when there is room. */
static bool connection_write(struct drive *drive, struct connection *c)
{
	size_t left = drive->set->size - c->written;
	ssize_t n = send(c->fd, c->request + c->written, left, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN)
		return false;
	bool was_partial = c->written > 0;
	c->written += n > 0 ? (size_t)n : 0;
	if (c->written < drive->set->size)
		return was_partial || watch(drive, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	return !was_partial || watch(drive, c, EPOLL_CTL_MOD, EPOLLIN);
}

static bool lost(struct drive *drive, struct connection *c);

static bool connection_send(struct drive *drive, struct connection *c)
{
	if (!drive->sending || (drive->each && c->sends == drive->each))
		return true;
	if (drive->next == drive->set->count) {
		if (!drive->repeat) {
			drive->tally->exhausted = true;
			drive->sending = false;
			return true;
		}
		drive->next = 0;
	}
	deliveries_patch(drive->set, c->request, drive->next++);
	c->sends++;
	c->waiting = true;
	c->written = 0;
	drive->in_flight++;
	drive->tally->sent++;
	c->since = now_ns();
	return connection_write(drive, c) || lost(drive, c);
}

static bool lost(struct drive *drive, struct connection *c)
{
	if (c->waiting) {
		drive->in_flight--;
		drive->tally->lost++;
	}
	return connection_again(drive, c) && connection_send(drive, c);
}

/* A head's field by its name with the colon, within `head`; NULL when it is not there. */
static const char *field(const char *head, const char *end, const char *name)
{
	size_t n = strlen(name);
	for (const char *line = head; (line = memchr(line, '\n', (size_t)(end - line))) != NULL;) {
		line++;
		if ((size_t)(end - line) > n && strncasecmp(line, name, n) == 0)
			return line + n + strspn(line + n, " ");
	}
	return NULL;
}

enum answer { ANSWER_PART, ANSWER_WHOLE, ANSWER_LAST, ANSWER_MALFORMED };

/* Only what the measured servers send: a declared length, no interim answers. */
static enum answer answer_look(const struct connection *c, unsigned *status)
{
	const char *head = c->answer, *end = memmem(head, c->have, "\r\n\r\n", 4);
	if (!end)
		return c->have < ANSWER_MAX ? ANSWER_PART : ANSWER_MALFORMED;
	end += 4;
	const char *length = field(head, end, "Content-Length:"), *closing = field(head, end, "Connection:");
	if (memcmp(head, "HTTP/1.1 ", 9) != 0 || !length)
		return ANSWER_MALFORMED;
	size_t whole = (size_t)(end - head) + strtoul(length, NULL, 10);
	*status = (unsigned)strtoul(head + 9, NULL, 10);
	if (*status >= DRIVE_STATUSES || whole > ANSWER_MAX || c->have > whole)
		return ANSWER_MALFORMED;
	if (c->have < whole)
		return ANSWER_PART;
	return closing && strncasecmp(closing, "close", 5) == 0 ? ANSWER_LAST : ANSWER_WHOLE;
}

static bool answered(struct drive *drive, struct connection *c, unsigned status, bool last)
{
	latency_add(&drive->tally->latency, now_ns() - c->since);
	drive->tally->answered++;
	drive->tally->by_status[status]++;
	drive->in_flight--;
	c->waiting = false;
	c->have = 0;
	if (last && !connection_again(drive, c))
		return false;
	/* With a number for each, the next connection has its turn. */
	if (drive->each && c->sends == drive->each && drive->started < drive->count)
		c = &drive->connections[drive->started++];
	return connection_send(drive, c);
}

static bool readable(struct drive *drive, struct connection *c)
{
	ssize_t n = recv(c->fd, c->answer + c->have, ANSWER_MAX - c->have, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0 || !c->waiting)
		return lost(drive, c);
	unsigned status = 0;
	c->have += (size_t)n;
	enum answer what = answer_look(c, &status);
	if (what == ANSWER_PART)
		return true;
	if (what == ANSWER_MALFORMED) {
		drive->tally->malformed++;
		return lost(drive, c);
	}
	return answered(drive, c, status, what == ANSWER_LAST);
}

static bool turn(struct drive *drive, int timeout_ms)
{
	struct epoll_event events[256];
	int n = epoll_wait(drive->epoll, events, 256, timeout_ms);
	if (n < 0 && errno != EINTR)
		return false;
	for (int i = 0; i < n; i++) {
		struct connection *c = events[i].data.ptr;
		if ((events[i].events & EPOLLOUT) && c->waiting && !connection_write(drive, c) && !lost(drive, c))
			return false;
		if ((events[i].events & ~(uint32_t)EPOLLOUT) && !readable(drive, c))
			return false;
	}
	return true;
}

bool drive_run(struct drive *drive, double secs, uint32_t each, bool repeat, struct drive_tally *tally)
{
	uint64_t start = now_ns(), end = start + (uint64_t)(secs * 1e9), now = start;
	memset(tally, 0, sizeof(*tally));
	drive->tally = tally;
	drive->sending = true;
	drive->repeat = repeat;
	drive->each = each;
	for (uint32_t i = 0; i < drive->count; i++)
		drive->connections[i].sends = 0;
	drive->started = each && drive->count > AT_ONCE ? AT_ONCE : drive->count;
	for (uint32_t i = 0; i < drive->started; i++)
		if (!connection_send(drive, &drive->connections[i]))
			return false;
	while (drive->in_flight > 0 && now < end + GRACE_NS) {
		if (!turn(drive, 100))
			return false;
		now = now_ns();
		drive->sending = drive->sending && now < end;
	}
	tally->ns = now - start;
	tally->unanswered = drive->in_flight;
	return true;
}

uint32_t drive_open(const struct drive *drive)
{
	uint32_t open = 0;
	char byte;
	for (uint32_t i = 0; i < drive->count; i++)
		open += recv(drive->connections[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
	return open;
}

struct drive *drive_new(const struct deliveries *set, uint16_t port, uint32_t connections)
{
	struct drive *drive = calloc(1, sizeof(*drive));
	if (!drive)
		return NULL;
	drive->set = set;
	drive->address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	drive->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	drive->epoll = epoll_create1(EPOLL_CLOEXEC);
	drive->connections = calloc(connections, sizeof(*drive->connections));
	bool ok = drive->epoll >= 0 && drive->connections;
	for (; ok && drive->count < connections; drive->count++) {
		struct connection *c = &drive->connections[drive->count];
		c->request = malloc(set->size);
		ok = c->request && connection_open(drive, c);
		if (c->request)
			memcpy(c->request, set->request, set->size);
	}
	if (ok)
		return drive;
	drive_free(drive);
	return NULL;
}

void drive_free(struct drive *drive)
{
	if (!drive)
		return;
	for (uint32_t i = 0; i < drive->count; i++) {
		close(drive->connections[i].fd);
		free(drive->connections[i].request);
	}
	free(drive->connections);
	if (drive->epoll >= 0)
		close(drive->epoll);
	free(drive);
}
