/* journal_fixture.c - a journal in a folder of its own. */
#include "journal_fixture.h"

#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* cmocka.h wants the others before it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

void fixture_begin_in(struct journal_fixture *fixture, struct loop *loop)
{
	*fixture = (struct journal_fixture){ .loop = loop, .max_size = 64 << 20 };
	snprintf(fixture->dir, sizeof fixture->dir, "%s/hookgate-journal-XXXXXX", P_tmpdir);
	assert_non_null(mkdtemp(fixture->dir));
	log_configure(LOG_OFF, LOG_TEXT);
}

void fixture_begin(struct journal_fixture *fixture)
{
	struct loop *loop;
	assert_int_equal(loop_new(&loop), 0);
	fixture_begin_in(fixture, loop);
}

void fixture_open(struct journal_fixture *fixture)
{
	struct reason reason = { "" };
	const struct journal_setup setup = { .dir = fixture->dir, .max_size = fixture->max_size };
	if (journal_open(&setup, &fixture->journal, &reason) != 0)
		fail_msg("%s", reason.text);
	assert_int_equal(journal_lane_new(fixture->journal, fixture->loop, 10000, &fixture->lane), 0);
}

void fixture_close(struct journal_fixture *fixture)
{
	journal_lane_free(fixture->lane);
	if (fixture->journal)
		journal_reader_stop(fixture->journal);
	journal_close(fixture->journal);
	fixture->lane = NULL;
	fixture->journal = NULL;
}

static size_t find(const char *dir, const char *part, char *found, size_t room, bool remove)
{
	DIR *folder = opendir(dir);
	size_t count = 0;
	assert_non_null(folder);
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		if (entry->d_name[0] == '.' || !strstr(entry->d_name, part))
			continue;
		count++;
		snprintf(found, room, "%s/%s", dir, entry->d_name);
		if (remove)
			unlink(found);
	}
	closedir(folder);
	return count;
}

void fixture_end(struct journal_fixture *fixture)
{
	char path[400];
	find(fixture->dir, "", path, sizeof path, true);
	rmdir(fixture->dir);
	loop_free(fixture->loop);
}

const char *fixture_file(struct journal_fixture *fixture, const char *part)
{
	static char path[400];
	path[0] = '\0';
	find(fixture->dir, part, path, sizeof path, false);
	return path;
}

size_t fixture_files(struct journal_fixture *fixture, const char *part)
{
	char path[400];
	return find(fixture->dir, part, path, sizeof path, false);
}

struct journal_event fixture_event(const char *route, unsigned number, size_t bytes)
{
	static char id[24], *body;
	struct journal_event event = { .arrived_ms = 1000 + number, .window_s = 60, .deduplicate = true };
	free(body);
	body = malloc(bytes + 1);
	assert_non_null(body);
	memset(body, 'b', bytes);
	snprintf(id, sizeof id, "id-%u", number);
	event.field[JOURNAL_PREFIX] = SLICE("hookgate");
	event.field[JOURNAL_ROUTE] = slice_str(route);
	event.field[JOURNAL_ID] = slice_str(id);
	event.field[JOURNAL_DATA] = slice_of(body, bytes);
	return event;
}

struct waiting {
	struct journal_append append;
	struct loop *loop;
	char why[300];
	bool said;
};

static void on_done(struct journal_append *append, const char *reason)
{
	struct waiting *waiting = (struct waiting *)append;
	waiting->said = reason != NULL;
	snprintf(waiting->why, sizeof waiting->why, "%s", reason ? reason : "");
	loop_stop(waiting->loop);
}

const char *fixture_append(struct journal_fixture *fixture, const struct journal_event *event, int *refused)
{
	static struct waiting waiting;
	waiting = (struct waiting){ .append.done = on_done, .loop = fixture->loop };
	int r = journal_lane_append(fixture->lane, event, &waiting.append);
	if (refused)
		*refused = r;
	if (r < 0)
		return "refused";
	assert_int_equal(loop_run(fixture->loop), 0);
	return waiting.said ? waiting.why : NULL;
}

size_t fixture_read(struct journal_fixture *fixture, unsigned *numbers, size_t max)
{
	struct journal_item item;
	size_t count = 0;
	int r;
	while ((r = journal_next(fixture->journal, &item)) == 1) {
		struct slice id = item.event->field[JOURNAL_ID];
		unsigned number = 0;
		assert_true(slice_starts(id, SLICE("id-")));
		for (size_t i = 3; i < id.n; i++)
			number = number * 10 + id.p[i] - '0';
		assert_true(count < max);
		numbers[count++] = number;
	}
	assert_int_equal(r, 0);
	return count;
}
