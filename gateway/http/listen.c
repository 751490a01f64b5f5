/* listen.c - listening sockets.
 *
 * The special difficulty: a unix socket's file outlives its server. A stale one is found by connecting to it: refused
 * means that nobody listens, and only then is it removed. Connecting to what is no socket is refused as well. */
#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static int set_on(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof on) < 0 ? -errno : 0;
}

static int bind_tcp(int fd, const struct config_address *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(address->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(address->port) };
	int only = address->dual_stack ? 0 : 1;
	int r = set_on(fd, SOL_SOCKET, SO_REUSEADDR);

	if (r == 0)
		r = set_on(fd, SOL_SOCKET, SO_REUSEPORT);
	if (r == 0)
		r = set_on(fd, IPPROTO_TCP, TCP_NODELAY);
	if (r < 0)
		return r;
	if (address->kind == CONFIG_ADDRESS_IPV4) {
		memcpy(&in.sin_addr, address->ip, 4);
		return bind(fd, (const struct sockaddr *)&in, sizeof in) < 0 ? -errno : 0;
	}
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) < 0)
		return -errno;
	memcpy(&in6.sin6_addr, address->ip, 16);
	return bind(fd, (const struct sockaddr *)&in6, sizeof in6) < 0 ? -errno : 0;
}

static bool is_stale(const struct sockaddr_un *un)
{
	struct stat status;
	bool refused;
	int fd;

	if (lstat(un->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	refused = connect(fd, (const struct sockaddr *)un, sizeof *un) < 0 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int bind_unix(int fd, const struct config_address *address)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t length = strlen(address->unix_path);

	if (length >= sizeof un.sun_path)
		return -ENAMETOOLONG;
	memcpy(un.sun_path, address->unix_path, length + 1);
	if (bind(fd, (const struct sockaddr *)&un, sizeof un) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (!is_stale(&un))
		return -EADDRINUSE;
	if (unlink(un.sun_path) < 0)
		return -errno;
	return bind(fd, (const struct sockaddr *)&un, sizeof un) < 0 ? -errno : 0;
}

static int domain_of(const struct config_address *address)
{
	switch (address->kind) {
	case CONFIG_ADDRESS_IPV4:
		return AF_INET;
	case CONFIG_ADDRESS_IPV6:
		return AF_INET6;
	case CONFIG_ADDRESS_UNIX:
		break;
	}
	return AF_UNIX;
}

int http_listen(const struct config_address *address, int *out, struct reason *reason)
{
	int fd = socket(domain_of(address), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : 0;

	if (r == 0)
		r = address->kind == CONFIG_ADDRESS_UNIX ? bind_unix(fd, address) : bind_tcp(fd, address);
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r < 0) {
		reason_set(reason, "cannot listen on %s: %s", address->text, strerror(-r));
		if (fd >= 0)
			close(fd);
		return r;
	}
	*out = fd;
	return 0;
}

void http_listen_text(int fd, char *out, size_t size)
{
	struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof storage;
	char ip[INET6_ADDRSTRLEN] = "?";

	if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0)
		storage.ss_family = AF_UNSPEC;
	if (storage.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)&storage;

		inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip);
		snprintf(out, size, "%s:%u", ip, (unsigned)ntohs(in->sin_port));
	} else if (storage.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)&storage;

		inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof ip);
		snprintf(out, size, "[%s]:%u", ip, (unsigned)ntohs(in6->sin6_port));
	} else if (storage.ss_family == AF_UNIX) {
		snprintf(out, size, "unix:%s", ((const struct sockaddr_un *)(const void *)&storage)->sun_path);
	} else {
		snprintf(out, size, "?");
	}
}

uint16_t http_listen_port(int fd)
{
	struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof storage;

	if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0)
		return 0;
	if (storage.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)&storage)->sin_port);
	if (storage.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)&storage)->sin6_port);
	return 0;
}

bool http_is_listening(int fd)
{
	int listening = 0, type = 0;
	socklen_t length = sizeof listening;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0)
		return false;
	length = sizeof type;
	return listening && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

static bool takes_ipv4(int fd, const struct sockaddr_in6 *in6)
{
	int only = 1;
	socklen_t length = sizeof only;

	return IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) &&
	       getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length) == 0 && !only;
}

static bool listens_on_tcp(int fd, const struct sockaddr_storage *storage, const struct config_address *address)
{
	static const unsigned char any[16];
	uint16_t port = http_listen_port(fd);

	if (address->port != 0 && address->port != port)
		return false;
	if (storage->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)storage;

		return address->kind == CONFIG_ADDRESS_IPV4 && memcmp(&in->sin_addr, address->ip, 4) == 0;
	}
	const struct sockaddr_in6 *in6 = (const void *)storage;

	if (address->kind == CONFIG_ADDRESS_IPV4)
		return memcmp(address->ip, any, 4) == 0 && takes_ipv4(fd, in6);
	return memcmp(&in6->sin6_addr, address->ip, 16) == 0 && (!address->dual_stack || takes_ipv4(fd, in6));
}

bool http_listens_on(int fd, const struct config_address *address)
{
	struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof storage;

	if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0)
		return false;
	if (storage.ss_family == AF_UNIX)
		return address->kind == CONFIG_ADDRESS_UNIX &&
		       strcmp(((const struct sockaddr_un *)(const void *)&storage)->sun_path, address->unix_path) == 0;
	if (storage.ss_family != AF_INET && storage.ss_family != AF_INET6)
		return false;
	return address->kind != CONFIG_ADDRESS_UNIX && listens_on_tcp(fd, &storage, address);
}
