/* layout.c - layouts: pure, without Redis. The one difficulty is what may be forgotten: a former layout that is not closed yet
 * never, one that is closed when nobody's mark can be left in it. */
#include "store/layout.h"

#include "base/num.h"

/* Clocks differ, and Redis counts the time of a mark from when it took the event. */
enum { SLACK_S = 3600 };

const struct store_layout store_layout_first = { .open = true };

struct store_split store_split_of(unsigned partitions, struct slice order_by)
{
	struct store_split split = { .partitions = partitions };
	if (partitions == 0)
		return split;
	split.order_n = order_by.n < sizeof split.order ? order_by.n : sizeof split.order;
	if (split.order_n > 0)
		memcpy(split.order, order_by.p, split.order_n);
	return split;
}

static struct slice order_of(const struct store_split *split)
{
	return slice_of(split->order, split->order_n);
}

bool store_split_same(const struct store_split *a, const struct store_split *b)
{
	return a->partitions == b->partitions && slice_eq(order_of(a), order_of(b));
}

/* ---- the text ---- */

/* "1 open 1764088000123 4 4 body:/customer\n", then a line "1764080000000 2 1764088000200 259200 \n" per former layout. */
static void write_split(const struct store_split *split, struct buf *out)
{
	buf_add_byte(out, ' ');
	buf_add(out, order_of(split));
	buf_add_byte(out, '\n');
}

void store_layout_write(const struct store_layout *layout, struct buf *out)
{
	buf_add_str(out, layout->open ? "1 open " : "1 closing ");
	buf_add_u64(out, layout->generation);
	buf_add_byte(out, ' ');
	buf_add_u64(out, layout->split.partitions);
	buf_add_byte(out, ' ');
	buf_add_u64(out, layout->widest);
	write_split(&layout->split, out);
	for (size_t i = 0; i < layout->former_count; i++) {
		const struct store_former *former = &layout->formers[i];
		buf_add_u64(out, former->generation);
		buf_add_byte(out, ' ');
		buf_add_u64(out, former->split.partitions);
		buf_add_byte(out, ' ');
		buf_add_u64(out, (uint64_t)former->closed_ms);
		buf_add_byte(out, ' ');
		buf_add_u64(out, former->window_s);
		write_split(&former->split, out);
	}
}

static bool read_number(struct slice *rest, uint64_t max, uint64_t *out)
{
	struct slice word;
	return slice_cut(*rest, ' ', &word, rest) && num_parse_u64(word, max, out);
}

static bool read_split(uint64_t partitions, struct slice order, struct store_split *out)
{
	if (order.n > STORE_ORDER_MAX)
		return false;
	*out = store_split_of((unsigned)partitions, order);
	return true;
}

static bool read_former(struct slice line, struct store_former *out)
{
	uint64_t generation, partitions, closed, window;
	if (!read_number(&line, UINT64_MAX, &generation) || !read_number(&line, STORE_PARTITIONS_MAX, &partitions) ||
	    !read_number(&line, INT64_MAX, &closed) || !read_number(&line, UINT32_MAX, &window) ||
	    !read_split(partitions, line, &out->split))
		return false;
	out->generation = generation;
	out->closed_ms = (int64_t)closed;
	out->window_s = (uint32_t)window;
	return true;
}

static bool read_present(struct slice line, struct store_layout *out)
{
	uint64_t version, generation, partitions, widest;
	struct slice state;
	if (!read_number(&line, 1, &version) || version != 1 || !slice_cut(line, ' ', &state, &line) ||
	    !read_number(&line, UINT64_MAX, &generation) || !read_number(&line, STORE_PARTITIONS_MAX, &partitions) ||
	    !read_number(&line, STORE_PARTITIONS_MAX, &widest) || !read_split(partitions, line, &out->split))
		return false;
	out->open = slice_eq(state, SLICE("open"));
	out->generation = generation;
	out->widest = (unsigned)(widest > partitions ? widest : partitions);
	return out->open || slice_eq(state, SLICE("closing"));
}

bool store_layout_read(struct slice text, struct store_layout *out)
{
	struct store_layout read = store_layout_first;
	struct slice line;
	if (text.n > 0 && (!slice_cut(text, '\n', &line, &text) || !read_present(line, &read)))
		return false;
	while (text.n > 0) {
		if (read.former_count == STORE_FORMERS_MAX || !slice_cut(text, '\n', &line, &text) ||
		    !read_former(line, &read.formers[read.former_count++]))
			return false;
	}
	*out = read;
	return true;
}

/* ---- changes ---- */

bool store_layout_add_former(struct store_layout *layout, const struct store_split *split, uint64_t generation,
			     uint32_t window_s)
{
	if (layout->former_count == STORE_FORMERS_MAX)
		return false;
	layout->formers[layout->former_count++] =
		(struct store_former){ .split = *split, .generation = generation, .window_s = window_s };
	if (split->partitions > layout->widest)
		layout->widest = split->partitions;
	return true;
}

bool store_layout_change(const struct store_layout *from, const struct store_split *to, uint64_t generation,
			 uint32_t window_s, struct store_layout *out)
{
	struct store_layout next = *from;
	next.split = *to;
	next.generation = generation;
	next.open = false;
	if (to->partitions > next.widest)
		next.widest = to->partitions;
	if (from->open && !store_layout_add_former(&next, &from->split, from->generation, window_s))
		return false;
	*out = next;
	return true;
}

bool store_former_counts(const struct store_former *former, int64_t now_ms, uint32_t window_s)
{
	int64_t lasts_s = former->window_s > window_s ? former->window_s : window_s;
	return former->closed_ms == 0 || now_ms < former->closed_ms + (lasts_s + SLACK_S) * 1000;
}

void store_layout_forget(struct store_layout *layout, int64_t now_ms)
{
	size_t kept = 0;
	for (size_t i = 0; i < layout->former_count; i++) {
		if (store_former_counts(&layout->formers[i], now_ms, 0))
			layout->formers[kept++] = layout->formers[i];
	}
	layout->former_count = kept;
}

/* One that says the same, in front of `end`; NULL: none. */
static struct store_former *find(struct store_layout *layout, size_t end, const struct store_split *split)
{
	for (size_t i = 0; i < end; i++) {
		if (store_split_same(&layout->formers[i].split, split))
			return &layout->formers[i];
	}
	return NULL;
}

void store_layout_open(struct store_layout *layout, int64_t now_ms)
{
	size_t kept = 0;
	for (size_t i = 0; i < layout->former_count; i++) {
		struct store_former former = layout->formers[i];
		struct store_former *same = find(layout, kept, &former.split);
		if (former.closed_ms == 0)
			former.closed_ms = now_ms > 0 ? now_ms : 1;
		if (!store_former_counts(&former, now_ms, 0))
			continue;
		if (!same) {
			layout->formers[kept++] = former;
			continue;
		}
		if (former.closed_ms > same->closed_ms)
			same->closed_ms = former.closed_ms;
		if (former.window_s > same->window_s)
			same->window_s = former.window_s;
	}
	layout->former_count = kept;
	layout->open = true;
}

/* ---- streams ---- */

size_t store_layout_streams(const struct store_layout *layout)
{
	return 1 + layout->widest;
}

int store_layout_stream(const struct store_layout *layout, size_t i)
{
	(void)layout;
	return (int)i - 1;
}

bool store_layout_takes(const struct store_layout *layout, int partition)
{
	return layout->split.partitions == 0 ? partition < 0
					     : partition >= 0 && (unsigned)partition < layout->split.partitions;
}
