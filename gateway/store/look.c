/* look.c - the questions of a batch. The one difficulty is to ask each thing once: events of one stream mostly come together,
 * and what is asked twice all the same does no harm. */
#include "store/look.h"

size_t store_look_marks(const struct store_list *list)
{
	size_t count = 0;
	for (const struct store_ticket *ticket = list->first; ticket; ticket = ticket->next)
		count += ticket->command.mark_count;
	return count;
}

/* The next ticket whose stream is another than that of the one before; NULL: none. */
static const struct store_ticket *next_stream(const struct store_ticket *before, const struct store_ticket *ticket)
{
	struct slice last = before ? store_command_part(&before->command, before->command.fence) : SLICE_NONE;
	while (ticket && before && slice_eq(store_command_part(&ticket->command, ticket->command.fence), last))
		ticket = ticket->next;
	return ticket;
}

static size_t count_streams(const struct store_list *list)
{
	size_t count = 0;
	for (const struct store_ticket *at = list->first; at; at = next_stream(at, at->next))
		count++;
	return count;
}

static void add_marks(struct buf *out, const struct store_command *command)
{
	for (size_t i = 0; i < command->mark_count; i++)
		buf_add(out, store_command_part(command, command->marks[i]));
}

static void add_fences(struct buf *out, const struct store_list *list)
{
	for (const struct store_ticket *at = list->first; at; at = next_stream(at, at->next))
		buf_add(out, store_command_part(&at->command, at->command.fence));
}

static void add_keys(struct buf *out, const char *name, const struct store_list *list)
{
	store_command_add_count(out, 1 + count_streams(list) + store_look_marks(list));
	store_command_add_bulk(out, slice_str(name));
	add_fences(out, list);
	for (const struct store_ticket *ticket = list->first; ticket; ticket = ticket->next)
		add_marks(out, &ticket->command);
}

static void count_leading(struct store_trip *trip, size_t count)
{
	trip->leading += count;
	trip->due = trip->leading;
}

void store_look_begin(struct store_trip *trip, const struct store_list *batch)
{
	struct buf *out = &trip->bytes;
	add_keys(out, "WATCH", batch);
	for (const struct store_ticket *at = batch->first; at; at = next_stream(at, at->next)) {
		store_command_add_count(out, 2);
		store_command_add_bulk(out, SLICE("TYPE"));
		buf_add(out, store_command_part(&at->command, at->command.stream));
	}
	count_leading(trip, 1 + count_streams(batch));
}

void store_look_all(struct store_trip *trip, const struct store_list *batch)
{
	add_keys(&trip->bytes, "EXISTS", batch);
	trip->due++;
}

void store_look_fences(struct store_trip *trip, const struct store_list *batch)
{
	struct buf *out = &trip->bytes;
	store_command_add_count(out, 1 + count_streams(batch));
	store_command_add_bulk(out, SLICE("EXISTS"));
	add_fences(out, batch);
	count_leading(trip, 1);
}

void store_look_one(struct store_trip *trip, const struct store_ticket *ticket)
{
	struct buf *out = &trip->bytes;
	store_command_add_count(out, 1 + ticket->command.mark_count);
	store_command_add_bulk(out, SLICE("EXISTS"));
	add_marks(out, &ticket->command);
	trip->due++;
}
