/* num.c - strict numbers from text, and decimal digits to text.
 *
 * The special difficulty: every sum and product is checked against the limit before it is made, so nothing wraps. */
#include "base/num.h"

enum { DIGITS_MAX = 20 };

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

/* How many digits s begins with. */
static size_t digit_run(struct slice s)
{
	size_t n = 0;
	while (n < s.n && is_digit(s.p[n]))
		n++;
	return n;
}

bool num_parse_u64(struct slice s, uint64_t max, uint64_t *out)
{
	if (s.n == 0 || s.n > DIGITS_MAX)
		return false;
	uint64_t value = 0;
	if (s.n < DIGITS_MAX) {
		/* Nineteen digits always fit, so that they need be held against the limit only once. */
		for (size_t i = 0; i < s.n; i++) {
			if (!is_digit(s.p[i]))
				return false;
			value = value * 10 + (s.p[i] - '0');
		}
		if (value > max)
			return false;
		*out = value;
		return true;
	}
	for (size_t i = 0; i < s.n; i++) {
		if (!is_digit(s.p[i]))
			return false;
		unsigned digit = s.p[i] - '0';
		if (digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool num_parse_i64(struct slice s, int64_t min, int64_t max, int64_t *out)
{
	uint64_t magnitude;
	bool negative = s.n > 0 && s.p[0] == '-';
	if (!num_parse_u64(negative ? slice_from(s, 1) : s, (uint64_t)INT64_MAX + negative, &magnitude))
		return false;
	int64_t value;
	if (magnitude > INT64_MAX)
		value = INT64_MIN;
	else
		value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	if (value < min || value > max)
		return false;
	*out = value;
	return true;
}

/* A unit and how many of the smallest it stands for. */
struct unit {
	struct slice name;
	uint64_t factor;
};

static const struct unit *find_unit(const struct unit *units, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++) {
		if (slice_eq(units[i].name, name))
			return &units[i];
	}
	return NULL;
}

bool num_parse_size(struct slice s, uint64_t max, uint64_t *out)
{
	static const struct unit units[] = {
		{ SLICE_LIT(""), 1 },
		{ SLICE_LIT("B"), 1 },
		{ SLICE_LIT("KiB"), 1024 },
		{ SLICE_LIT("MiB"), 1024 * 1024 },
		{ SLICE_LIT("GiB"), 1024 * 1024 * 1024 },
		{ SLICE_LIT("KB"), 1000 },
		{ SLICE_LIT("MB"), 1000 * 1000 },
		{ SLICE_LIT("GB"), 1000 * 1000 * 1000 },
	};
	size_t digits = digit_run(s);
	const struct unit *unit = find_unit(units, sizeof units / sizeof units[0], slice_from(s, digits));
	uint64_t value;
	if (!unit || !num_parse_u64(slice_head(s, digits), max / unit->factor, &value))
		return false;
	*out = value * unit->factor;
	return true;
}

bool num_parse_duration(struct slice s, int64_t max_ms, int64_t *out_ms)
{
	/* In falling order: what was used may not come again, nor anything before it. */
	static const struct unit units[] = {
		{ SLICE_LIT("d"), 24 * 60 * 60 * 1000 },
		{ SLICE_LIT("h"), 60 * 60 * 1000 },
		{ SLICE_LIT("m"), 60 * 1000 },
		{ SLICE_LIT("s"), 1000 },
		{ SLICE_LIT("ms"), 1 },
	};
	const struct unit *next = units;
	const struct unit *const end = units + sizeof units / sizeof units[0];
	uint64_t sum = 0;
	if (s.n == 0 || max_ms < 0)
		return false;
	while (s.n > 0) {
		struct slice number = slice_head(s, digit_run(s));
		s = slice_from(s, number.n);
		size_t letters = 0;
		while (letters < s.n && !is_digit(s.p[letters]))
			letters++;
		const struct unit *unit = find_unit(next, (size_t)(end - next), slice_head(s, letters));
		uint64_t value;
		if (!unit || !num_parse_u64(number, ((uint64_t)max_ms - sum) / unit->factor, &value))
			return false;
		sum += value * unit->factor;
		next = unit + 1;
		s = slice_from(s, letters);
	}
	*out_ms = (int64_t)sum;
	return true;
}

size_t num_format_u64(uint64_t value, char out[20])
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
				    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	char digits[DIGITS_MAX];
	size_t at = DIGITS_MAX;
	/* Most are lengths of what a delivery carries: nearly all have one or two digits, and divisions are slow. */
	if (value < 10) {
		out[0] = (char)('0' + value);
		return 1;
	}
	if (value < 100) {
		memcpy(out, pairs + value * 2, 2);
		return 2;
	}
	if (value < 10000) {
		size_t skip = value < 1000;
		memcpy(digits, pairs + value / 100 * 2, 2);
		memcpy(digits + 2, pairs + value % 100 * 2, 2);
		memcpy(out, digits + skip, 3);
		out[3 - skip] = digits[3];
		return 4 - skip;
	}
	for (; value >= 100; value /= 100) {
		at -= 2;
		memcpy(digits + at, pairs + value % 100 * 2, 2);
	}
	if (value >= 10) {
		at -= 2;
		memcpy(digits + at, pairs + value * 2, 2);
	} else {
		digits[--at] = (char)('0' + value);
	}
	memcpy(out, digits + at, DIGITS_MAX - at);
	return DIGITS_MAX - at;
}
