/* fuzz_encode.c - the strict readers of base: what one of them accepts must, written again, be the same. */
#include "base/clock.h"
#include "base/encode.h"
#include "base/num.h"
#include "fuzz.h"

static unsigned char *room(size_t n)
{
	unsigned char *p = malloc(n > 0 ? n : 1);
	MUST(p);
	return p;
}

static void hex(struct slice in)
{
	unsigned char *out = room(encode_hex_room(in.n));
	char *text = (char *)room(2 * in.n);
	size_t n;
	if (encode_hex_decode(in, out, &n)) {
		MUST(n * 2 == in.n);
		encode_hex(slice_of(out, n), text);
		MUST(slice_eq_nocase(slice_of(text, in.n), in));
	}
	encode_hex(in, text);
	free(out);
	out = room(encode_hex_room(2 * in.n));
	MUST(encode_hex_decode(slice_of(text, 2 * in.n), out, &n) && slice_eq(slice_of(out, n), in));
	free(out);
	free(text);
}

static struct slice without_padding(struct slice s)
{
	while (s.n > 0 && s.p[s.n - 1] == '=')
		s.n--;
	return s;
}

static void base64(enum encode_alphabet a, struct slice in)
{
	unsigned char *out = room(encode_base64_room(in.n));
	struct buf text = BUF_EMPTY;
	size_t n;
	if (encode_base64_decode(a, in, out, &n)) {
		bool loose = a == ENCODE_BASE64_ANY || a == ENCODE_BASE64URL_ANY;
		encode_base64(a, slice_of(out, n), &text);
		if (loose)
			MUST(slice_eq(without_padding(buf_slice(&text)), without_padding(in)));
		else
			MUST(slice_eq(buf_slice(&text), in));
	}
	free(out);
	buf_clear(&text);
	encode_base64(a, in, &text);
	out = room(encode_base64_room(text.n));
	MUST(encode_base64_decode(a, buf_slice(&text), out, &n) && slice_eq(slice_of(out, n), in));
	free(out);
	buf_free(&text);
}

static void percent(struct slice in, bool form)
{
	unsigned char *out = room(in.n);
	size_t n = 0;
	bool good = encode_percent_decode(in, form, out, &n);
	bool any = slice_index(in, '%') < in.n;
	MUST(good || any);
	MUST(n <= in.n);
	if (good && !any && !form)
		MUST(slice_eq(slice_of(out, n), in));
	free(out);

	/* Every byte escaped is itself again. */
	struct buf text = BUF_EMPTY;
	for (size_t i = 0; i < in.n; i++) {
		char digits[2];
		encode_hex(slice_of(in.p + i, 1), digits);
		buf_add_byte(&text, '%');
		buf_add(&text, slice_of(digits, 2));
	}
	out = room(text.n);
	MUST(encode_percent_decode(buf_slice(&text), form, out, &n) && slice_eq(slice_of(out, n), in));
	free(out);
	buf_free(&text);
}

static struct slice without_zeros(struct slice s)
{
	while (s.n > 1 && s.p[0] == '0')
		s = slice_from(s, 1);
	return s;
}

static void numbers(struct slice in)
{
	uint64_t u;
	int64_t i;
	struct buf text = BUF_EMPTY;
	if (num_parse_u64(in, UINT64_MAX, &u)) {
		buf_add_u64(&text, u);
		MUST(slice_eq(buf_slice(&text), without_zeros(in)));
		MUST(num_parse_u64(in, u, &u));
		MUST(u == 0 || !num_parse_u64(in, u - 1, &u));
		MUST(num_parse_size(in, UINT64_MAX, &u));
	}
	if (num_parse_i64(in, INT64_MIN, INT64_MAX, &i)) {
		int64_t again;
		buf_clear(&text);
		buf_add_i64(&text, i);
		MUST(num_parse_i64(buf_slice(&text), i, i, &again) && again == i);
	}
	if (num_parse_size(in, 1 << 20, &u))
		MUST(u <= 1 << 20);
	if (num_parse_duration(in, 1 << 20, &i))
		MUST(i >= 0 && i <= 1 << 20);
	if (num_parse_duration(in, INT64_MAX, &i)) {
		int64_t again;
		buf_clear(&text);
		buf_add_i64(&text, i);
		buf_add_str(&text, "ms");
		MUST(num_parse_duration(buf_slice(&text), INT64_MAX, &again) && again == i);
	}
	buf_free(&text);
}

static void times(struct slice in)
{
	char text[CLOCK_RFC3339_LENGTH];
	int64_t ms;
	int64_t again;
	bool strict = clock_parse_rfc3339(in, false, &ms);
	if (strict)
		MUST(clock_parse_rfc3339(in, true, &again) && again == ms);
	/* An offset may lead out of the years that can be written. */
	if (clock_parse_rfc3339(in, true, &ms) && ms >= INT64_C(-62167219200000) && ms <= INT64_C(253402300799999)) {
		clock_format_rfc3339(ms, text);
		MUST(clock_parse_rfc3339(slice_of(text, sizeof text), false, &again) && again == ms);
	}
	if (clock_parse_http_date(in, &ms)) {
		MUST(ms % 1000 == 0);
		clock_format_rfc3339(ms, text);
		/* Day, month's year and time stand at known places in both. */
		MUST(memcmp(text, in.p + 12, 4) == 0 || in.p[23] == '6');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);
	hex(in);
	for (unsigned a = ENCODE_BASE64; a <= ENCODE_BASE64URL_ANY; a++)
		base64((enum encode_alphabet)a, in);
	percent(in, false);
	percent(in, true);
	numbers(in);
	times(in);
	return 0;
}
