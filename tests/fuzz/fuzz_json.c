/* fuzz_json.c - base/json against another reader of JSON: what json_find finds in a document must be what stands in the
 * judge's tree, and what json_write_string writes the judge must be able to read.
 *
 * The judge refuses more than we do (what we skip we hardly look at), so only documents that it accepts are
 * compared. */
#include "base/json.h"
#include "base/num.h"
#include "fuzz.h"
#include "fuzz_json_judge.h"

enum { DEPTH_MAX = 128, TOKENS_MAX = 16, BATCH = 16, VALUES_MAX = 300 };

/* Values that go into one walk. */
struct batch {
	struct slice text;
	struct json_pointer *pointers[BATCH];
	const struct judge_value *expected[BATCH]; /* NULL: must be absent */
	size_t count;
	size_t visited;
	struct buf path;
	size_t tokens;
};

static void check_string(const struct json_value *value, struct slice expected)
{
	struct arena *arena = arena_new(4096, SIZE_MAX);
	struct slice text;
	MUST(arena && json_text(value, arena, &text));
	MUST(slice_eq(text, expected));
	arena_free(arena);
}

static void check_value(const struct json_value *value, const struct judge_value *expected)
{
	static const enum json_type types[] = {
		[JUDGE_NULL] = JSON_NULL,     [JUDGE_FALSE] = JSON_BOOL,    [JUDGE_TRUE] = JSON_BOOL,
		[JUDGE_NUMBER] = JSON_NUMBER, [JUDGE_STRING] = JSON_STRING, [JUDGE_OBJECT] = JSON_OBJECT,
		[JUDGE_ARRAY] = JSON_ARRAY,
	};
	if (!expected) {
		MUST(value->type == JSON_NONE);
		return;
	}
	MUST(value->type == types[judge_kind(expected)]);
	MUST(judge_equal(expected, value->raw));
	/* The judge would forgive white space around it. */
	MUST(slice_trim(value->raw).n == value->raw.n && value->raw.p[value->raw.n - 1] > ' ');
	if (value->type == JSON_STRING)
		check_string(value, judge_string(expected));
}

static void run_batch(struct batch *batch)
{
	struct json_value values[BATCH];
	if (batch->count == 0)
		return;
	MUST(json_find(batch->text, (const struct json_pointer *const *)batch->pointers, batch->count, values) ==
	     JSON_OK);
	for (size_t i = 0; i < batch->count; i++) {
		check_value(&values[i], batch->expected[i]);
		json_pointer_free(batch->pointers[i]);
	}
	batch->count = 0;
}

/* Adds the value at the path; NULL: there is none. */
static void add(struct batch *batch, const struct judge_value *expected)
{
	struct json_pointer *pointer = json_pointer_parse(buf_slice(&batch->path));
	MUST(pointer);
	batch->pointers[batch->count] = pointer;
	batch->expected[batch->count++] = expected;
	if (batch->count == BATCH)
		run_batch(batch);
}

static void add_token(struct buf *path, struct slice name)
{
	buf_add_byte(path, '/');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '~')
			buf_add_str(path, "~0");
		else if (name.p[i] == '/')
			buf_add_str(path, "~1");
		else
			buf_add_byte(path, name.p[i]);
	}
}

static void visit_value(struct batch *batch, const struct judge_value *value);

static void visit_member(void *arg, struct slice name, size_t index, const struct judge_value *member)
{
	struct batch *batch = arg;
	size_t before = batch->path.n;
	if (batch->visited++ >= VALUES_MAX)
		return;
	if (name.p) {
		add_token(&batch->path, name);
	} else {
		buf_add_byte(&batch->path, '/');
		buf_add_u64(&batch->path, index);
	}
	visit_value(batch, member);
	batch->path.n = before;
}

static void visit_value(struct batch *batch, const struct judge_value *value)
{
	enum judge_kind kind = judge_kind(value);
	add(batch, value);
	if (++batch->tokens <= TOKENS_MAX) {
		size_t before = batch->path.n;
		if (kind == JUDGE_OBJECT || kind == JUDGE_ARRAY)
			judge_each(value, visit_member, batch);
		/* And one that is not there: as a member no fuzzer is likely to write, as an element behind the
		 * last. */
		buf_add_byte(&batch->path, '/');
		if (kind == JUDGE_OBJECT)
			buf_add_str(&batch->path, "absent~0~1\x02");
		else
			buf_add_u64(&batch->path, kind == JUDGE_ARRAY ? judge_members(value) : 0);
		add(batch, NULL);
		batch->path.n = before;
	}
	batch->tokens--;
}

static void compare(struct slice text)
{
	struct batch batch = { .text = text };
	struct judge_value *root = judge_load(text);
	if (root && judge_depth(root) <= DEPTH_MAX) {
		visit_value(&batch, root);
		run_batch(&batch);
	}
	buf_free(&batch.path);
	if (root)
		judge_free(root);
}

/* Whatever the text is, what is found lies within it. */
static void find_in_anything(struct slice text)
{
	static const char *const paths[] = { "/id", "/data/object/id", "/a/0/b", "/type", "/0/1", "/a" };
	enum { COUNT = sizeof paths / sizeof paths[0] };
	struct json_pointer *pointers[COUNT];
	struct json_value values[COUNT];
	for (size_t i = 0; i < COUNT; i++)
		MUST((pointers[i] = json_pointer_parse(slice_str(paths[i]))) != NULL);
	enum json_result result = json_find(text, (const struct json_pointer *const *)pointers, COUNT, values);
	for (size_t i = 0; i < COUNT; i++) {
		struct json_value once, first;
		const struct json_pointer *const one = pointers[i];
		/* What is only there once is the first. */
		if (json_find_once(text, &one, 1, &once) == JSON_OK) {
			MUST(json_find(text, &one, 1, &first) == JSON_OK);
			MUST(once.type == first.type && (once.type == JSON_NONE || once.raw.p == first.raw.p));
		}
		if (result == JSON_OK && values[i].type != JSON_NONE) {
			struct slice raw = values[i].raw;
			struct slice out;
			struct arena *arena = arena_new(4096, SIZE_MAX);
			MUST(raw.n > 0 && raw.p >= text.p && raw.p + raw.n <= text.p + text.n);
			MUST(arena);
			(void)!json_text(&values[i], arena, &out);
			arena_free(arena);
		}
		json_pointer_free(pointers[i]);
	}
}

static void write_anything(struct slice bytes)
{
	struct buf written = BUF_EMPTY;
	json_write_string(&written, bytes);
	struct judge_value *string = judge_load(buf_slice(&written));
	MUST(string && judge_kind(string) == JUDGE_STRING);
	MUST(!slice_has_control(buf_slice(&written)));
	/* Where nothing had to be replaced, it is what it was. A replacement has three bytes for one. */
	struct slice back = judge_string(string);
	MUST(back.n >= bytes.n);
	MUST(back.n > bytes.n || slice_eq(back, bytes));
	judge_free(string);
	buf_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	compare(text);
	find_in_anything(text);
	write_anything(text);
	json_pointer_free(json_pointer_parse(slice_head(text, slice_index(text, '\n'))));
	return 0;
}
