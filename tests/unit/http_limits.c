/* Places of connections: the limits at their edges; taken and given back at random, against a plain count. */
#include "http/inside.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/un.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

enum { PEERS = 500, STEPS = 200000, PER_ADDRESS = 3, ALL = 700 };

static struct http_peer peer_of(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct http_peer peer;

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		http_peer_of((const struct sockaddr *)&in, &peer);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
		http_peer_of((const struct sockaddr *)&in6, &peer);
	}
	return peer;
}

static void test_who_counts_as_one(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
		{ "2001:db8::1", "2001:db8::2", true },
		{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
		{ "192.0.2.1", "193.0.2.1", false },
		{ "192.0.2.1", "::ffff:192.0.2.2", false },
		/* The old "compatible" form is no IPv4 address; ::/64 is one network as any. */
		{ "192.0.2.1", "::192.0.2.1", false },
		{ "::1", "::2", true },
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true },
		{ "2001:db8:1:2::1", "2001:db9:1:2::1", false },
	};
	struct http_peer local;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct http_peer a = peer_of(rows[i].a), b = peer_of(rows[i].b);

		assert_true(a.counted && b.counted);
		assert_int_equal(memcmp(a.key, b.key, sizeof a.key) == 0, rows[i].same);
	}
	http_peer_of(NULL, &local);
	assert_false(local.counted);
}

static struct http_limits *new_limits(uint32_t max_connections, uint32_t per_address)
{
	struct http_limits *limits;

	assert_int_equal(http_limits_new(max_connections, per_address, &limits), 0);
	return limits;
}

static struct http_peer peer_number(uint32_t number)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(number) } };
	struct http_peer peer;

	http_peer_of((const struct sockaddr *)&in, &peer);
	return peer;
}

static void test_unix_sockets_have_no_address(void **state)
{
	struct http_limits *limits = new_limits(5, 1);
	struct http_peer none, unix_peer;
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	(void)state;
	http_peer_of(NULL, &none);
	http_peer_of((const struct sockaddr *)&un, &unix_peer);
	assert_false(none.counted);
	assert_false(unix_peer.counted);
	for (int i = 0; i < 5; i++)
		assert_true(http_limits_take(limits, i % 2 ? &none : &unix_peer));
	/* In all they count as any other. */
	assert_false(http_limits_take(limits, &unix_peer));
	http_limits_give_back(limits, &unix_peer);
	assert_true(http_limits_take(limits, &unix_peer));
	http_limits_free(limits);
}

/* At n-1 there is a place, at n there is none, and one given back is the next one's. */
static void test_limit_in_all(void **state)
{
	static const uint32_t maxima[] = { 1, 2, 31, 32, 33, 64, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
		uint32_t n = maxima[i];
		struct http_limits *limits = new_limits(n, 0);
		struct http_peer last = peer_number(n), next = peer_number(n + 1), first = peer_number(1);

		for (uint32_t k = 1; k <= n; k++) {
			struct http_peer peer = peer_number(k);

			assert_true(http_limits_take(limits, &peer));
		}
		assert_false(http_limits_take(limits, &next));
		assert_false(http_limits_take(limits, &first));
		http_limits_give_back(limits, &last);
		assert_true(http_limits_take(limits, &next));
		assert_false(http_limits_take(limits, &last));
		http_limits_free(limits);
	}
}

static void test_limit_by_address(void **state)
{
	static const uint32_t maxima[] = { 1, 2, 100 };

	(void)state;
	for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
		uint32_t n = maxima[i];
		struct http_limits *limits = new_limits(2 * n + 1, n);
		struct http_peer a = peer_of("2001:db8::1"), a_too = peer_of("2001:db8::2"),
				 b = peer_of("2001:db8:0:1::1");
		struct http_peer c = peer_number(1);

		for (uint32_t k = 0; k < n; k++)
			assert_true(http_limits_take(limits, k % 2 ? &a : &a_too));
		assert_false(http_limits_take(limits, &a));
		assert_false(http_limits_take(limits, &a_too));
		/* Who is refused takes no place from the others. */
		for (uint32_t k = 0; k < n; k++)
			assert_true(http_limits_take(limits, &b));
		assert_false(http_limits_take(limits, &b));
		assert_true(http_limits_take(limits, &c));
		http_limits_give_back(limits, &a);
		assert_false(http_limits_take(limits, &b));
		assert_true(http_limits_take(limits, &a_too));
		assert_false(http_limits_take(limits, &a));
		http_limits_free(limits);
	}
}

static void test_without_a_limit_by_address(void **state)
{
	struct http_limits *limits = new_limits(1000, 0);
	struct http_peer peer = peer_number(1);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_true(http_limits_take(limits, &peer));
	assert_false(http_limits_take(limits, &peer));
	http_limits_free(limits);
}

/* The table grows, its places are freed in any order, and each address is found nevertheless. */
static void test_at_random(void **state)
{
	struct http_limits *limits = NULL;
	static struct http_peer peers[PEERS];
	static unsigned counts[PEERS];
	unsigned all = 0;
	uint64_t random = 88172645463325252u;

	(void)state;
	assert_int_equal(http_limits_new(ALL, PER_ADDRESS, &limits), 0);
	for (unsigned i = 0; i < PEERS; i++) {
		char text[20];

		(void)snprintf(text, sizeof text, "10.0.%u.%u", i / 256, i % 256);
		peers[i] = peer_of(text);
	}
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i;
		bool take;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		i = (unsigned)(random % PEERS);
		/* Fills it up, empties it, fills it up. */
		take = (random >> 32) % 16 < (step / 20000 % 2 == 0 ? 12 : 4);
		if (take) {
			bool free = counts[i] < PER_ADDRESS && all < ALL;

			assert_int_equal(http_limits_take(limits, &peers[i]), free);
			counts[i] += free;
			all += free;
		} else if (counts[i] > 0) {
			http_limits_give_back(limits, &peers[i]);
			counts[i]--;
			all--;
		}
	}
	for (unsigned i = 0; i < PEERS; i++) {
		for (; counts[i] > 0; counts[i]--)
			http_limits_give_back(limits, &peers[i]);
		assert_true(http_limits_take(limits, &peers[i]));
		http_limits_give_back(limits, &peers[i]);
	}
	http_limits_free(limits);
}

static void test_changed_limits(void **state)
{
	struct http_limits *limits = NULL;
	struct http_peer a = peer_of("192.0.2.1"), local;

	(void)state;
	http_peer_of(NULL, &local);
	assert_int_equal(http_limits_new(2, 0, &limits), 0);
	assert_true(http_limits_take(limits, &a));
	assert_true(http_limits_take(limits, &a));
	assert_false(http_limits_take(limits, &local));
	http_limits_change(limits, 4, 2);
	assert_false(http_limits_take(limits, &a));
	assert_true(http_limits_take(limits, &local));
	assert_true(http_limits_take(limits, &local));
	http_limits_free(limits);
	/* Where there are none, all is allowed. */
	assert_true(http_limits_take(NULL, &a));
	http_limits_give_back(NULL, &a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_counts_as_one),
		cmocka_unit_test(test_unix_sockets_have_no_address),
		cmocka_unit_test(test_limit_in_all),
		cmocka_unit_test(test_limit_by_address),
		cmocka_unit_test(test_without_a_limit_by_address),
		cmocka_unit_test(test_at_random),
		cmocka_unit_test(test_changed_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
