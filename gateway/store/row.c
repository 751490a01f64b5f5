/* row.c - several events as one call of a script.
 *
 * The difficulty is the form of a call: all keys stand before all words, so the two grow side by side until the row is sent. The
 * script goes with its text, so that no server answers that it does not know it. */
#include "store/row.h"

#include "base/num.h"
#include "store/script.h"
#include "store/target.h"

#include <errno.h>
#include <stdlib.h>

enum { KEPT_MAX = 64 * 1024 };

struct store_row {
	const struct store_target *target;
	struct store_command one; /* the event that is being added */
	struct buf keys, words;	  /* as bulks */
	size_t key_count, word_count;
};

int store_row_new(struct store_row **out)
{
	struct store_row *row = calloc(1, sizeof *row);
	if (!row)
		return -ENOMEM;
	*out = row;
	return 0;
}

void store_row_free(struct store_row *row)
{
	if (!row)
		return;
	store_command_free(&row->one);
	buf_free(&row->keys);
	buf_free(&row->words);
	free(row);
}

void store_row_clear(struct store_row *row)
{
	if (row->words.size > KEPT_MAX)
		buf_free(&row->words);
	if (row->one.bytes.size > KEPT_MAX)
		store_command_free(&row->one);
	buf_clear(&row->keys);
	buf_clear(&row->words);
	row->key_count = row->word_count = 0;
}

bool store_row_may_have(const struct store_event *event)
{
	return (event->deduplicate || event->guard.n > 0) && event->elsewhere_count == 0 &&
	       event->wait.level == STORE_LEVEL_STORED;
}

static void add_number(struct buf *out, uint64_t number)
{
	char digits[20];
	store_command_add_bulk(out, slice_of(digits, num_format_u64(number, digits)));
}

static void cut_to(struct buf *buf, size_t n)
{
	buf->n = n;
	buf->failed = false;
}

bool store_row_add(struct store_row *row, const struct store_event *event)
{
	struct store_command *one = &row->one;
	size_t keys = row->keys.n, words = row->words.n;
	store_command_clear(one);
	if (!store_command_event(one, event))
		return false;
	add_number(&row->words, one->mark_count);
	add_number(&row->words, one->window_s);
	buf_add(&row->words, store_command_part(one, one->fields));
	for (size_t i = 0; i < one->mark_count; i++)
		buf_add(&row->keys, store_command_part(one, one->marks[i]));
	if (buf_failed(&row->words) || buf_failed(&row->keys)) {
		cut_to(&row->words, words);
		cut_to(&row->keys, keys);
		return false;
	}
	row->target = event->target;
	row->key_count += one->mark_count;
	row->word_count += 2 + STORE_SCRIPT_FIELD_WORDS;
	return true;
}

size_t store_row_bytes(const struct store_row *row)
{
	return row->words.n;
}

const struct store_target *store_row_target(const struct store_row *row)
{
	return row->target;
}

bool store_row_write(const struct store_row *row, struct store_command *out)
{
	const struct store_target *target = row->target;
	struct buf *script = &out->script;
	buf_clear(script);
	store_command_add_count(script, 3 + 2 + row->key_count + row->word_count);
	store_command_add_bulk(script, SLICE("EVAL"));
	store_command_add_bulk(script, store_script_row_text());
	add_number(script, 2 + row->key_count);
	buf_add(script, slice_of(target->xadd.p + target->stream_at, target->stream_n));
	buf_add(script, target->fence);
	buf_add(script, buf_slice(&row->keys));
	buf_add(&out->bytes, buf_slice(&row->words));
	out->fields = (struct store_span){ 0, row->words.n };
	out->row = true;
	return !buf_failed(script) && !buf_failed(&out->bytes);
}
