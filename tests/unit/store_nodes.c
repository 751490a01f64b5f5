/* A blocking client on a Cluster whose nodes say what a test wants: to which of them a command goes, and what comes of it. */
#include "node_fixture.h"
#include "store/client.h"
#include "store/layouts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

/* Keys of slots 321 and 11298, which are the first node's and the second's. */
#define ONE "hookgate:{stripe}:events"
#define OTHER "hookgate:{d}:events"

enum { TIMEOUT_MS = 1000 };

static struct loop *loop;
static pthread_t thread;
static struct node a, b;
static struct config_redis_host hosts[2];
static struct config_redis redis;
static struct store_client *client;
static struct reason reason;

/* The nodes have a thread of their own, since the client holds up ours. What a test sets in them it sets before it asks. */
static void *run(void *arg)
{
	(void)arg;
	if (loop_run(loop) != 0)
		abort();
	return NULL;
}

static void set_slots(struct node *node, int first_port, int second_port)
{
	snprintf(node->slots, sizeof node->slots,
		 "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n"
		 "*3\r\n:8192\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n",
		 first_port, second_port);
}

static int set_up(void **state)
{
	assert_int_equal(loop_new(&loop), 0);
	node_start(&a, loop, 'a');
	node_start(&b, loop, 'b');
	set_slots(&a, a.port, b.port);
	set_slots(&b, a.port, b.port);
	hosts[0] = (struct config_redis_host){ "127.0.0.1", (uint16_t)a.port };
	hosts[1] = (struct config_redis_host){ "127.0.0.1", (uint16_t)b.port };
	redis = (struct config_redis){ .kind = CONFIG_REDIS_CLUSTER, .hosts = hosts, .host_count = 2 };
	assert_int_equal(store_client_new(&redis, NULL, TIMEOUT_MS, &client), 0);
	assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
	reason.text[0] = '\0';
	return 0;
}

static int tear_down(void **state)
{
	store_client_free(client);
	loop_stop(loop);
	pthread_join(thread, NULL);
	node_stop(&a);
	node_stop(&b);
	loop_free(loop);
	return 0;
}

/* Words with a space between them. */
static int call(const char *line, struct store_reply **reply)
{
	struct slice words[16], rest = slice_str(line);
	size_t count = 0;
	while (rest.n > 0)
		slice_cut(rest, ' ', &words[count++], &rest);
	return store_client_call(client, words, count, 0, reply, &reason);
}

/* The script's answer, which must be a number. */
static int64_t eval(const char *key)
{
	char line[128];
	struct store_reply *reply = NULL;
	snprintf(line, sizeof line, "EVAL text 1 %s", key);
	int fault = call(line, &reply);
	if (fault != 0)
		fail_msg("%s: %s", line, reason.text);
	assert_int_equal(store_reply_type(reply), STORE_REPLY_NUMBER);
	int64_t number = store_reply_number(reply);
	store_reply_free(reply);
	return number;
}

static int eval_fails(void)
{
	struct store_reply *reply = NULL;
	return call("EVAL text 1 " ONE, &reply);
}

static const char *answer_text(char out[64], const char *kind, const struct node *to)
{
	snprintf(out, 64, "-%s 321 127.0.0.1:%d\r\n", kind, to->port);
	return out;
}

static void test_each_to_its_node(void **state)
{
	static const char *const rows[] = { "GET %s",
					    "SET %s v NX EX 1",
					    "EVAL text 2 %s " ONE " x",
					    "XINFO STREAM %s",
					    "XGROUP CREATE %s g 0 MKSTREAM",
					    "XREADGROUP GROUP g c COUNT 1 STREAMS %s >",
					    "XAUTOCLAIM %s g c 0 0",
					    "XPENDING %s g",
					    "XACK %s g 1-1",
					    "MEMORY USAGE %s" };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char line[160], name[16] = "";
		struct store_reply *reply = NULL;
		b.last[0] = '\0';
		/* Of the second node: the first gets what nobody knows where to send. */
		const char *at = strstr(rows[i], "%s");
		snprintf(line, sizeof line, "%.*s" OTHER "%s", (int)(at - rows[i]), rows[i], at + 2);
		assert_int_equal(call(line, &reply), 0);
		store_reply_free(reply);
		memcpy(name, rows[i], strcspn(rows[i], " "));
		assert_string_equal(b.last, name);
	}
	/* Two connections, and one map. */
	assert_int_equal(a.maps + b.maps, 1);
	assert_int_equal(store_client_connects(client), 2);
}

static void test_moved(void **state)
{
	static char text[64];
	node_answers(&a, answer_text(text, "MOVED", &b));
	node_answers(&b, ":7\r\n");
	assert_int_equal(eval(ONE), 7);
	assert_int_equal(eval(ONE), 1);
	assert_int_equal(a.scripts, 1);
	assert_int_equal(b.scripts, 2);
}

static void test_ask(void **state)
{
	static char text[64];
	node_answers(&a, answer_text(text, "ASK", &b));
	assert_int_equal(eval(ONE), 1);
	assert_int_equal(b.asked_scripts, 1);
	assert_int_equal(eval(ONE), 1);
	assert_int_equal(a.scripts, 2);
}

static void test_try_again(void **state)
{
	node_answers(&a, "-TRYAGAIN later\r\n");
	node_answers(&a, "-CLUSTERDOWN The cluster is down\r\n");
	node_answers(&a, "-UNBLOCKED force unblock from blocking operation\r\n");
	assert_int_equal(eval(ONE), 1);
	assert_int_equal(a.scripts, 4);
}

static void test_not_for_ever(void **state)
{
	static char to_a[64], to_b[64];
	a.always = "-CLUSTERDOWN The cluster is down\r\n";
	assert_int_equal(eval_fails(), -EIO);
	assert_non_null(strstr(reason.text, "CLUSTERDOWN"));
	assert_in_range(a.scripts, 2, TIMEOUT_MS / 50 + 1);
	a.always = answer_text(to_b, "MOVED", &b);
	b.always = answer_text(to_a, "MOVED", &a);
	assert_int_equal(eval_fails(), -EIO);
	assert_non_null(strstr(reason.text, "MOVED"));
}

/* What a node has refused is the caller's, whatever the word. */
static void test_other_errors(void **state)
{
	struct store_reply *reply = NULL;
	node_answers(&a, "-WRONGTYPE MOVED 321 127.0.0.1:1\r\n");
	assert_int_equal(call("EVAL text 1 " ONE, &reply), 0);
	assert_int_equal(store_reply_type(reply), STORE_REPLY_ERROR);
	store_reply_free(reply);
}

static void test_a_node_that_is_gone(void **state)
{
	static char text[64];
	struct node gone = { .port = 1 };
	assert_int_equal(eval(ONE), 1);
	node_answers(&a, answer_text(text, "MOVED", &gone));
	assert_int_equal(eval_fails(), -EIO);
	/* It is asked for anew where the slot is. */
	assert_int_equal(eval(ONE), 1);
	assert_int_equal(a.scripts, 3);
}

static void test_no_node_at_all(void **state)
{
	hosts[0].port = hosts[1].port = 1;
	assert_int_equal(eval_fails(), -EIO);
	assert_non_null(strstr(reason.text, "127.0.0.1:1: "));
}

static void *interrupt(void *arg)
{
	while (a.scripts == 0)
		;
	store_client_interrupt(client);
	return NULL;
}

static void test_interrupted(void **state)
{
	pthread_t other;
	a.always = "-TRYAGAIN later\r\n";
	assert_int_equal(pthread_create(&other, NULL, interrupt, NULL), 0);
	assert_int_equal(eval_fails(), -EINTR);
	pthread_join(other, NULL);
	a.always = NULL;
	assert_int_equal(eval(ONE), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- layouts ---- */

static void on_failed(void *arg, struct slice route, const char *why)
{
	struct slice *answered = arg;
	*answered = route;
}

static bool never(void *arg)
{
	return false;
}

/* Both nodes' routes are looked at in one round, although one node says nothing: whichever comes first. That what the
 * other says is no layout shows that it was asked. */
static void expect_asked(struct node *silent, const char *route)
{
	static const struct store_split split = { .partitions = 2 };
	struct store_layouts *layouts;
	struct store_spread *spread;
	struct slice answered = SLICE_NONE, routes[] = { SLICE("stripe"), SLICE("d") };
	int64_t next;
	silent->silent = true;
	assert_int_equal(store_layouts_new(&layouts), 0);
	store_layouts_call(layouts, &(struct store_layouts_calls){ .failed = on_failed, .arg = &answered });
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(store_layouts_spread(layouts, SLICE("hookgate"), routes[i], &spread), 0);
		store_spread_want(spread, &split, 60, &(struct store_wait){ .level = STORE_LEVEL_STORED });
	}
	assert_int_equal(store_layouts_round(layouts, client, never, NULL, &next, &reason), 0);
	assert_true(slice_eq(answered, slice_str(route)));
	store_layouts_free(layouts);
}

static void test_layouts_without_the_first(void **state)
{
	expect_asked(&a, "d");
}

static void test_layouts_without_the_second(void **state)
{
	expect_asked(&b, "stripe");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_to_its_node),
		TEST(test_moved),
		TEST(test_ask),
		TEST(test_try_again),
		TEST(test_not_for_ever),
		TEST(test_other_errors),
		TEST(test_no_node_at_all),
		TEST(test_a_node_that_is_gone),
		TEST(test_interrupted),
		TEST(test_layouts_without_the_first),
		TEST(test_layouts_without_the_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
