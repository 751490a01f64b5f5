/* Unit tests of cli/notify: what systemd is told, and that nobody is told anything where there is no systemd. */
#include "base/num.h"
#include "cli/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* Of an address: a byte less than there is room for. */
enum { LONGEST = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };

static size_t sockets;

/* In place of the C library's, to be counted. */
int socket(int domain, int type, int protocol)
{
	sockets++;
	return (int)syscall(SYS_socket, domain, type, protocol);
}

static char folder[64];

static int set_up(void **state)
{
	snprintf(folder, sizeof folder, "/tmp/hookgate-notify-XXXXXX");
	assert_non_null(mkdtemp(folder));
	return 0;
}

static int tear_down(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

/* systemd's end; `name` as in NOTIFY_SOCKET, which is set to it. */
static int receiver(const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(un.sun_path, name, length);
	if (name[0] == '@')
		un.sun_path[0] = '\0';
	assert_true(fd >= 0);
	assert_int_equal(
		bind(fd, (const struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
		0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

/* The next datagram; "-" when there is none. */
static const char *received(int fd)
{
	static char text[256];
	ssize_t n = recv(fd, text, sizeof text - 1, 0);

	if (n < 0) {
		assert_int_equal(errno, EAGAIN);
		return "-";
	}
	text[n] = '\0';
	return text;
}

static void check_receiver(const char *name)
{
	int fd = receiver(name), before = dup(0), after;

	close(before);
	cli_notify("READY=1");
	cli_notify("STATUS=a line\nSTOPPING=1");
	assert_string_equal(received(fd), "READY=1");
	assert_string_equal(received(fd), "STATUS=a line\nSTOPPING=1");
	assert_string_equal(received(fd), "-");
	after = dup(0);
	assert_int_equal(after, before);
	close(after);
	close(fd);
}

/* A name of our folder's, made up to `length` bytes where it is shorter. */
static void fill(char name[LONGEST + 1], const char *before, const char *behind, size_t length)
{
	size_t n = (size_t)snprintf(name, LONGEST + 1, "%s%s%s", before, folder, behind);

	for (; n < length; n++)
		name[n] = 'n';
	name[n] = '\0';
}

static void tells_a_path(void **state)
{
	char name[LONGEST + 1];

	fill(name, "", "/n", 0);
	check_receiver(name);
	unlink(name);
	fill(name, "", "/n", LONGEST);
	check_receiver(name);
	unlink(name);
}

/* The folder's name is nobody else's, so the abstract one is not either. */
static void tells_an_abstract_socket(void **state)
{
	char name[LONGEST + 1];

	fill(name, "@", "", 0);
	check_receiver(name);
	fill(name, "@", "", LONGEST);
	check_receiver(name);
}

static uint64_t monotonic_us(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* systemd compares the time with CLOCK_MONOTONIC of its own (sd_notify(3)). */
static void tells_the_time_of_a_reload(void **state)
{
	static const struct slice beginning = SLICE_LIT("RELOADING=1\nMONOTONIC_USEC=");
	char name[80];
	struct slice text;
	uint64_t before, after, told;
	int fd;

	snprintf(name, sizeof name, "@%s", folder);
	fd = receiver(name);
	before = monotonic_us();
	cli_notify_reloading();
	after = monotonic_us();
	text = slice_str(received(fd));
	assert_true(slice_starts(text, beginning));
	assert_true(num_parse_u64(slice_from(text, beginning.n), UINT64_MAX, &told));
	assert_in_range(told, before, after);
	assert_string_equal(received(fd), "-");
	close(fd);
}

static void tells_nobody(void **state)
{
	char too_long[LONGEST + 2];
	const char *names[] = { NULL, "", "/", "@", "n", "./n", "vsock:2:1234", too_long };

	memset(too_long, 'x', sizeof too_long - 1);
	too_long[0] = '/';
	too_long[sizeof too_long - 1] = '\0';
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (names[i])
			assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
		else
			assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
		sockets = 0;
		cli_notify("READY=1");
		cli_notify_reloading();
		if (sockets != 0)
			fail_msg("\"%s\" was told", names[i] ? names[i] : "(none)");
	}
}

/* A systemd that is gone must not hold the gateway up, nor end it. */
static void nobody_listens(void **state)
{
	char name[80];

	snprintf(name, sizeof name, "%s/n", folder);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	sockets = 0;
	cli_notify("READY=1");
	close(receiver(name));
	cli_notify("READY=1");
	/* It was tried each time; one socket is the receiver's. */
	assert_int_equal(sockets, 3);
	unlink(name);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_FOLDER(tells_a_path),
		WITH_FOLDER(tells_an_abstract_socket),
		WITH_FOLDER(tells_the_time_of_a_reload),
		WITH_FOLDER(tells_nobody),
		WITH_FOLDER(nobody_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
