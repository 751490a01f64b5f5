/* inplace.c - replies read where they lie.
 *
 * Its difficulty: whether a reply is whole is only known at its end, and until then not a byte may be changed, since
 * hiredis must find it as it came. So it is read first, and its strings get their NULs afterwards. */
#include "store/inplace.h"

#include "base/num.h"

#include <stdlib.h>
#include <string.h>

enum { ELEMENTS_MAX = 4096 };

/* The line at *at, without its end; NULL where there is no end. *at is then behind it. */
static char *take_line(char **at, const char *end, size_t *length)
{
	char *line = *at;
	char *newline = end > line ? memchr(line, '\n', (size_t)(end - line)) : NULL;
	if (!newline || newline == line || newline[-1] != '\r')
		return NULL;
	*length = (size_t)(newline - line) - 1;
	*at = newline + 1;
	return line;
}

static bool read_number(const char *line, size_t length, long long *out)
{
	int64_t number = 0;
	if (!num_parse_i64(slice_of(line, length), INT64_MIN, INT64_MAX, &number))
		return false;
	*out = number;
	return true;
}

static bool read_bulk(char **at, const char *end, long long length, redisReply *out)
{
	if (length < 0) {
		out->type = REDIS_REPLY_NIL;
		return length == -1;
	}
	/* Its line end, too. */
	if (length > end - *at || end - *at - length < 2)
		return false;
	out->type = REDIS_REPLY_STRING;
	out->str = *at;
	out->len = (size_t)length;
	*at += length + 2;
	return (*at)[-2] == '\r' && (*at)[-1] == '\n';
}

/* Anything but an array with something in it; of that, *elements is how many. */
static bool read_one(char **at, const char *end, redisReply *out, long long *elements)
{
	size_t length = 0;
	char *line = take_line(at, end, &length);
	long long number = 0;
	if (!line || length == 0)
		return false;
	memset(out, 0, sizeof *out);
	out->str = line + 1;
	out->len = length - 1;
	switch (line[0]) {
	case '+':
		out->type = REDIS_REPLY_STATUS;
		return true;
	case '-':
		out->type = REDIS_REPLY_ERROR;
		return true;
	case ':':
		out->type = REDIS_REPLY_INTEGER;
		out->str = NULL;
		out->len = 0;
		return read_number(line + 1, length - 1, &out->integer);
	case '$':
		out->str = NULL;
		out->len = 0;
		return read_number(line + 1, length - 1, &number) && read_bulk(at, end, number, out);
	case '*':
		out->str = NULL;
		out->len = 0;
		out->type = REDIS_REPLY_ARRAY;
		if (!elements || !read_number(line + 1, length - 1, &number) || number < -1)
			return false;
		if (number == -1)
			out->type = REDIS_REPLY_NIL;
		*elements = number > 0 ? number : 0;
		return true;
	default:
		return false;
	}
}

static bool make_room(struct store_inplace *in, size_t count)
{
	if (count <= in->room)
		return true;
	/* Both or none: the pointers must never be of other elements. */
	redisReply *elements = malloc(count * sizeof *elements);
	redisReply **pointers = malloc(count * sizeof(redisReply *));
	if (!elements || !pointers) {
		free(elements);
		free(pointers);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		pointers[i] = &elements[i];
	free(in->elements);
	free(in->pointers);
	in->elements = elements;
	in->pointers = pointers;
	in->room = count;
	return true;
}

static bool read_elements(struct store_inplace *in, char **at, const char *end, size_t count)
{
	if (count > ELEMENTS_MAX || !make_room(in, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!read_one(at, end, &in->elements[i], NULL))
			return false;
	}
	in->reply.element = in->pointers;
	in->reply.elements = count;
	return true;
}

static void end_string(redisReply *reply)
{
	if (reply->str)
		reply->str[reply->len] = '\0';
}

size_t store_inplace_read(struct store_inplace *in, char *bytes, size_t n)
{
	char *at = bytes;
	const char *end = bytes + n;
	long long elements = 0;
	if (!read_one(&at, end, &in->reply, &elements))
		return 0;
	if (elements > 0 && !read_elements(in, &at, end, (size_t)elements))
		return 0;
	end_string(&in->reply);
	for (long long i = 0; i < elements; i++)
		end_string(&in->elements[i]);
	return (size_t)(at - bytes);
}

void store_inplace_free(struct store_inplace *in)
{
	free(in->elements);
	free(in->pointers);
	*in = (struct store_inplace){ .room = 0 };
}
