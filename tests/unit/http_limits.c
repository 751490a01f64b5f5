/* Places of connections: taken and given back at random, against a plain count. */
#include "http/inside.h"

#include <arpa/inet.h>
#include <stdio.h>

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
		{ "192.0.2.1", "192.0.2.1", true },	   { "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "::ffff:192.0.2.1", true }, { "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
		{ "2001:db8::1", "2001:db8::2", true },	   { "2001:db8:0:1::1", "2001:db8:0:2::1", false },
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
		cmocka_unit_test(test_at_random),
		cmocka_unit_test(test_changed_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
