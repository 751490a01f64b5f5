/* trust_fixture.h - a catalogue, a configuration and what trust/ makes of it, for the unit tests of that room. */
#ifndef HOOKGATE_TESTS_TRUST_FIXTURE_H
#define HOOKGATE_TESTS_TRUST_FIXTURE_H

#include "config/config.h"
#include "trust/trust.h"

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

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct trust_fixture {
	struct config_diag diag;
	struct config *config;
	struct trust_catalogue *catalogue;
	struct trust_set *set;
	struct trust_lane *lane;
	struct arena *arena;
	int result; /* of binding */
};

/* All findings so far as lines, in static memory. */
__attribute__((unused)) static const char *fixture_findings(const struct config_diag *diag)
{
	static char text[8192];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < diag->count && at + 600 < sizeof(text); i++) {
		config_finding_format(&diag->findings[i], text + at, 600);
		at = strlen(text);
		text[at++] = '\n';
		text[at] = '\0';
	}
	return text;
}

/* `routes` are YAML, the items of that list, indented by two. */
__attribute__((unused)) static void fixture_open(struct trust_fixture *f, const char *provider_dir, const char *routes)
{
	struct buf text = BUF_EMPTY;

	*f = (struct trust_fixture){ .result = -1 };
	buf_printf(&text, "listen: 127.0.0.1:0\nredis: { url: \"redis://127.0.0.1:6379/0\" }\nroutes:\n%s", routes);
	if (config_load_text(buf_slice(&text), "test.yaml", &f->diag, &f->config) ||
	    trust_catalogue_new(provider_dir, NULL, &f->diag, &f->catalogue))
		fail_msg("%s", fixture_findings(&f->diag));
	buf_free(&text);
	f->arena = arena_new(16384, 1 << 24);
	assert_non_null(f->arena);
	f->result = trust_set_new(f->config, f->catalogue, &f->diag, &f->set);
	if (f->result == 0)
		assert_int_equal(trust_lane_new(f->set, &f->lane), 0);
}

__attribute__((unused)) static void fixture_close(struct trust_fixture *f)
{
	trust_lane_free(f->lane);
	trust_set_free(f->set);
	trust_catalogue_free(f->catalogue);
	config_free(f->config);
	config_diag_free(&f->diag);
	arena_free(f->arena);
}

__attribute__((unused)) static const struct trust_verifier *fixture_verifier(const struct trust_fixture *f)
{
	if (f->result != 0)
		fail_msg("%s", fixture_findings(&f->diag));
	return trust_set_verifier(f->set, 0);
}

/* trust_check() of the first route; the arena is emptied first. */
__attribute__((unused)) static struct trust_verdict fixture_check(struct trust_fixture *f,
								  const struct request *request, int64_t now_ms)
{
	struct trust_verdict verdict;

	arena_reset(f->arena);
	assert_int_equal(trust_check(fixture_verifier(f), f->lane, request, now_ms, f->arena, &verdict), 0);
	return verdict;
}

/* A delivery signed as the first route's provider does it, in memory of its own until the next of them. */
struct delivery {
	struct header headers[16];
	struct request request;
	struct arena *arena;
};

__attribute__((unused)) static void delivery_sign(struct delivery *d, const struct trust_fixture *f, struct slice body,
						  struct slice id, struct slice type, int64_t now_ms)
{
	struct trust_draft draft = { .method = SLICE("POST"),
				     .target = SLICE("/hooks/x"),
				     .content_type = SLICE("application/json"),
				     .body = body,
				     .id = id,
				     .type = type,
				     .now_ms = now_ms };
	struct reason reason = { "" };

	d->arena = arena_new(4096, 1 << 24);
	assert_non_null(d->arena);
	d->request = (struct request){ .method = SLICE("POST"), .headers = d->headers };
	if (trust_sign(fixture_verifier(f), &draft, d->arena, d->headers, 16, &d->request.header_count,
		       &d->request.target, &d->request.body, &reason))
		fail_msg("%s", reason.text);
	assert_true(message_split_target(d->request.target, &d->request.path, &d->request.query));
}

__attribute__((unused)) static void delivery_drop(struct delivery *d)
{
	arena_free(d->arena);
}

__attribute__((unused)) static struct header *delivery_header(struct delivery *d, struct slice name)
{
	for (size_t i = 0; i < d->request.header_count; i++)
		if (slice_eq_nocase(d->headers[i].name, name))
			return &d->headers[i];
	fail_msg("no header %.*s", SLICE_ARGS(name));
	/* Not reached: fail_msg() jumps, which the compiler is not told. */
	abort();
}

#define assert_slice(got, expected)                                                                                    \
	do {                                                                                                           \
		struct slice got_slice = (got), expected_slice = slice_str(expected);                                  \
		if (!slice_eq(got_slice, expected_slice))                                                              \
			fail_msg("\"%.*s\" is not \"%.*s\"", SLICE_ARGS(got_slice), SLICE_ARGS(expected_slice));       \
	} while (0)

#endif
