/* trust_form.c - fields of urlencoded and multipart bodies, and what is not taken for one. */
#include "trust/form.h"
#include "trust_fixture.h"

static const char URLENCODED[] = "application/x-www-form-urlencoded";
static const char MULTIPART[] = "multipart/form-data; boundary=b";

#define PART(name, value) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"

struct row {
	const char *type, *body, *name;
	enum trust_found found;
	const char *value;
};

static void look(const struct row *row, size_t i, struct arena *arena)
{
	struct header header = { SLICE("Content-Type"), slice_str(row->type) };
	struct request request = { .headers = &header, .header_count = 1, .body = slice_str(row->body) };
	struct slice out = SLICE("poison");
	enum trust_found found = row->name ? trust_form_find(&request, slice_str(row->name), arena, &out)
					   : trust_form_sorted(&request, arena, &out);

	if (found != row->found)
		fail_msg("row %zu: %d", i, (int)found);
	assert_slice(out, found == TRUST_FOUND ? row->value : "poison");
}

static void test_rows(void **state)
{
	static const struct row rows[] = {
		{ URLENCODED, "a=1&b=x+%26y", "b", TRUST_FOUND, "x &y" },
		{ URLENCODED, "d%5Bx%5D=7", "d[x]", TRUST_FOUND, "7" },
		{ "application/x-www-form-urlencoded; charset=utf-8", "a=", "a", TRUST_FOUND, "" },
		{ URLENCODED, "a", "a", TRUST_FOUND, "" },
		{ URLENCODED, "a=1&&a=2", "a", TRUST_REPEATED, NULL },
		{ URLENCODED, "a=1&%61=2", "a", TRUST_REPEATED, NULL },
		{ URLENCODED, "a=%zz", "a", TRUST_UNREADABLE, NULL },
		{ URLENCODED, "%zz=1&a=1", "a", TRUST_UNREADABLE, NULL },
		{ URLENCODED, "", "a", TRUST_ABSENT, NULL },
		{ "text/plain", "a=1", "a", TRUST_ABSENT, NULL },
		{ MULTIPART, PART("a", "1") PART("json", "{\"x\":1}") "--b--\r\n", "json", TRUST_FOUND, "{\"x\":1}" },
		{ MULTIPART, PART("a", "") "--b--", "a", TRUST_FOUND, "" },
		{ MULTIPART, PART("a", "1\r\n--x\r\n") "--b--", "a", TRUST_FOUND, "1\r\n--x\r\n" },
		{ "multipart/form-data; charset=x; boundary=\"b\"", PART("a", "1") "--b--\r\n", "a", TRUST_FOUND, "1" },
		{ "Multipart/Form-Data; BOUNDARY=b", PART("a", "1") "--b--\r\n", "a", TRUST_FOUND, "1" },
		{ MULTIPART, PART("a", "1") PART("a", "2") "--b--", "a", TRUST_REPEATED, NULL },
		{ MULTIPART, PART("a", "1") "--b--", "b", TRUST_ABSENT, NULL },
		{ MULTIPART,
		  "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n\r\n1\r\n" PART("b",
													"2") "--b--",
		  "a", TRUST_ABSENT, NULL },
		/* Not whole, or read by others in another way. */
		{ MULTIPART, PART("a", "1"), "a", TRUST_UNREADABLE, NULL },
		{ MULTIPART, PART("a", "1") "--b", "a", TRUST_UNREADABLE, NULL },
		{ MULTIPART, PART("a", "1") "--b--\r\nmore", "a", TRUST_UNREADABLE, NULL },
		{ MULTIPART, "before\r\n" PART("a", "1") "--b--", "a", TRUST_UNREADABLE, NULL },
		{ MULTIPART, PART("a", "1\r\n--bc\r\n") "--b--", "a", TRUST_UNREADABLE, NULL },
		{ MULTIPART, "--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n--b--", "a", TRUST_UNREADABLE,
		  NULL },
		{ MULTIPART, "--b\r\n\r\n1\r\n--b--", "a", TRUST_UNREADABLE, NULL },
		{ MULTIPART, "--b\r\nContent-Disposition: form-data; name=\"a\"; name=\"c\"\r\n\r\n1\r\n--b--", "a",
		  TRUST_UNREADABLE, NULL },
		{ MULTIPART, "--b\r\nContent-Disposition: form-data; name=\"a\\\"\"\r\n\r\n1\r\n--b--", "a",
		  TRUST_UNREADABLE, NULL },
		{ MULTIPART, "--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--b--", "a",
		  TRUST_UNREADABLE, NULL },
		{ MULTIPART,
		  "--b\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; "
		  "name=\"a\"\r\n\r\nMQ==\r\n--b--",
		  "a", TRUST_UNREADABLE, NULL },
		{ "multipart/form-data", PART("a", "1") "--b--", "a", TRUST_UNREADABLE, NULL },
		{ "multipart/form-data; boundary=b; boundary=c", PART("a", "1") "--b--", "a", TRUST_UNREADABLE, NULL },
		{ "multipart/form-data; boundary=\"b", PART("a", "1") "--b--", "a", TRUST_UNREADABLE, NULL },
		{ "multipart/form-data; boundary=", PART("a", "1") "--b--", "a", TRUST_UNREADABLE, NULL },
		/* Sorted. */
		{ URLENCODED, "b=2&a=1+1&B=3", NULL, TRUST_FOUND, "B3a1 1b2" },
		{ URLENCODED, "a=2&a=1&aa=0", NULL, TRUST_FOUND, "a1a2aa0" },
		{ URLENCODED, "", NULL, TRUST_FOUND, "" },
		{ URLENCODED, "a=%", NULL, TRUST_UNREADABLE, NULL },
		{ MULTIPART, PART("b", "2") PART("a", "%31") "--b--", NULL, TRUST_FOUND, "a%31b2" },
		{ "application/json", "{}", NULL, TRUST_ABSENT, NULL },
	};
	struct arena *arena = arena_new(65536, 1 << 20);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		look(&rows[i], i, arena);
	arena_free(arena);
}

/* 64 parts and 512 fields are taken, one more is not. */
static void test_many(void **state)
{
	struct arena *arena = arena_new(65536, 1 << 20);
	struct buf parts = BUF_EMPTY, fields = BUF_EMPTY;

	(void)state;
	for (size_t n = 1; n <= 65; n++) {
		struct row row = { MULTIPART, NULL, "x", n <= 64 ? TRUST_ABSENT : TRUST_UNREADABLE, NULL };
		struct buf whole = BUF_EMPTY;

		buf_add_str(&parts, PART("a", "1"));
		buf_add(&whole, buf_slice(&parts));
		buf_add_str(&whole, "--b--");
		buf_add_byte(&whole, '\0');
		row.body = (const char *)buf_slice(&whole).p;
		look(&row, n, arena);
		buf_free(&whole);
	}
	for (size_t n = 1; n <= 513; n++)
		buf_add_str(&fields, n < 513 ? "&a=" : "&b=");
	buf_add_byte(&fields, '\0');
	look(&(struct row){ URLENCODED, (const char *)buf_slice(&fields).p, NULL, TRUST_UNREADABLE, NULL }, 513, arena);
	buf_free(&parts);
	buf_free(&fields);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
