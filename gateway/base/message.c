/* message.c - looking into a request, building an answer.
 *
 * The special difficulty: how many there are of a header or a parameter matters as much as its value (a repeated
 * signature header is an attack, or a proxy gone wrong), so the look-ups count them all. */
#include "base/message.h"

#include <stdlib.h>

size_t message_header(const struct request *request, struct slice name, struct slice *value)
{
	size_t count = 0;
	for (size_t i = 0; i < request->header_count; i++) {
		if (!slice_eq_nocase(request->headers[i].name, name))
			continue;
		if (count++ == 0)
			*value = request->headers[i].value;
	}
	return count;
}

size_t message_query(const struct request *request, struct slice name, struct slice *value)
{
	size_t count = 0;
	struct slice rest = request->query;
	while (rest.n > 0) {
		struct slice parameter;
		struct slice its_name;
		struct slice its_value;
		slice_cut(rest, '&', &parameter, &rest);
		slice_cut(parameter, '=', &its_name, &its_value);
		if (parameter.n == 0 || !slice_eq(its_name, name))
			continue;
		if (count++ == 0)
			*value = its_value;
	}
	return count;
}

/* Takes "http://authority" off, where it is there; what is left is empty or begins with "/" or "?". */
static struct slice without_authority(struct slice target)
{
	static const struct slice schemes[] = { SLICE_LIT("http://"), SLICE_LIT("https://") };
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		if (!slice_eq_nocase(slice_head(target, schemes[i].n), schemes[i]))
			continue;
		struct slice rest = slice_from(target, schemes[i].n);
		size_t slash = slice_index(rest, '/');
		size_t question = slice_index(rest, '?');
		return slice_from(rest, slash < question ? slash : question);
	}
	return target;
}

bool message_split_target(struct slice target, struct slice *path, struct slice *query)
{
	struct slice rest = without_authority(target);
	if (rest.n == 0 || rest.p[0] != '/')
		return false;
	slice_cut(rest, '?', path, query);
	return true;
}

void message_add(struct answer *answer, struct slice name, struct slice value)
{
	if (answer->header_count >= ANSWER_HEADERS_MAX)
		abort();
	answer->headers[answer->header_count++] = (struct header){ .name = name, .value = value };
}
