/* Unit tests of store/able: what is said of a Redis that cannot be used. */
#include "store/able.h"
#include "tls/tls.h"

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

static void says(const char *redis, const char *must)
{
	struct config_diag diag = CONFIG_DIAG_EMPTY;
	struct config *config = NULL;
	char text[512], line[512] = "";
	int n = snprintf(text, sizeof text,
			 "listen: :1\nredis: {url: '%s'}\nroutes: [{name: a, path: /a, provider: none}]\n", redis);
	assert_int_equal(config_load_text(slice_of(text, (size_t)n), "c.yaml", &diag, &config), 0);
	assert_int_equal(store_able(config, &diag), must ? -EINVAL : 0);
	assert_int_equal(diag.count, must ? 1 : 0);
	if (must) {
		config_finding_format(&diag.findings[0], line, sizeof line);
		assert_string_equal(line, must);
	}
	config_diag_free(&diag);
	config_free(config);
}

static void says_what_it_cannot(void **state)
{
	says("redis://a", NULL);
	says("unix:///run/r", NULL);
	says("embedded:d", NULL);
	char line[512];
	snprintf(line, sizeof line, "c.yaml:2:14: redis.url: \"rediss://***@a\": %s", tls_lacking());
	says("rediss://:pw@a", tls_lacking() ? line : NULL);
	says("sentinel://:pw@a/m", NULL);
	says("cluster://a,b:7001", NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_it_cannot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
