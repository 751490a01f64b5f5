/* clock.c - see clock.h.
 *
 * The special difficulty: dates are made and read with our own arithmetic, since gmtime and strptime look at the
 * environment, the locale and more than what was asked for. Days are counted in years that begin in March, so that the
 * leap day is a year's last (after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
#include "base/clock.h"

#include <time.h>

enum { DAY_MS = 24 * 60 * 60 * 1000, ERA_DAYS = 146097, EPOCH_DAYS = 719468 };

#define YEAR_0_MS INT64_C(-62167219200000)
#define YEAR_9999_END_MS INT64_C(253402300799999)

static struct timespec read_clock(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return t;
}

int64_t clock_wall_ms(void)
{
	struct timespec t = read_clock(CLOCK_REALTIME);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_ms(void)
{
	struct timespec t = read_clock(CLOCK_MONOTONIC);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_us(void)
{
	struct timespec t = read_clock(CLOCK_MONOTONIC);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_at(int64_t mono_us)
{
	static _Thread_local int64_t looked_us = INT64_MIN / 2, apart_us;

	if (mono_us - looked_us > CLOCK_APART_US) {
		struct timespec t = read_clock(CLOCK_REALTIME);
		looked_us = clock_mono_us();
		apart_us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 - looked_us;
	}
	return (mono_us + apart_us) / 1000;
}

struct date {
	int year, month, day; /* month and day from 1 */
};

/* Days since 1970-01-01, for years from 0 on. */
static int64_t days_of(struct date date)
{
	int year = date.year - (date.month <= 2) + 400; /* 400 years more, so that January of year 0 is not negative */
	int era = year / 400;
	int year_of_era = year % 400;
	int day_of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;
	int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return (int64_t)(era - 1) * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

static struct date date_of(int64_t days)
{
	int since_era = (int)(days + EPOCH_DAYS + ERA_DAYS);
	int era = since_era / ERA_DAYS;
	int day_of_era = since_era % ERA_DAYS;
	int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int shifted_month = (5 * day_of_year + 2) / 153;
	struct date date = {
		.year = year_of_era + (era - 1) * 400,
		.month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9,
		.day = day_of_year - (153 * shifted_month + 2) / 5 + 1,
	};
	date.year += date.month <= 2;
	return date;
}

static void put_digits(char *out, int value, int count)
{
	for (int i = count - 1; i >= 0; i--) {
		out[i] = (char)('0' + value % 10);
		value /= 10;
	}
}

static void format_second(int64_t second, char out[CLOCK_RFC3339_LENGTH])
{
	int64_t since_year_0 = second - YEAR_0_MS / 1000;
	int64_t days = since_year_0 / (DAY_MS / 1000) + YEAR_0_MS / DAY_MS;
	int of_day = (int)(since_year_0 % (DAY_MS / 1000));
	struct date date = date_of(days);
	memcpy(out, "0000-00-00T00:00:00.000Z", CLOCK_RFC3339_LENGTH);
	put_digits(out, date.year, 4);
	put_digits(out + 5, date.month, 2);
	put_digits(out + 8, date.day, 2);
	put_digits(out + 11, of_day / 3600, 2);
	put_digits(out + 14, of_day / 60 % 60, 2);
	put_digits(out + 17, of_day % 60, 2);
}

void clock_format_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_LENGTH])
{
	/* Second 0 is 1970 itself, so the start value is right as it stands. */
	static _Thread_local int64_t last_second;
	static _Thread_local char last[CLOCK_RFC3339_LENGTH + 1] = "1970-01-01T00:00:00.000Z";

	if (wall_ms < YEAR_0_MS)
		wall_ms = YEAR_0_MS;
	if (wall_ms > YEAR_9999_END_MS)
		wall_ms = YEAR_9999_END_MS;
	/* Division from year 0 on, because it must round down for times before 1970 as well. */
	int64_t second = (wall_ms - YEAR_0_MS) / 1000 + YEAR_0_MS / 1000;
	if (second != last_second) {
		format_second(second, last);
		last_second = second;
	}
	memcpy(out, last, CLOCK_RFC3339_LENGTH);
	put_digits(out + 20, (int)(wall_ms - second * 1000), 3);
}

/* A text that is read from the front; what does not fit makes it `bad`, and it stays so. */
struct cursor {
	struct slice rest;
	bool bad;
	bool leap; /* a second 60 was read */
};

static unsigned char take(struct cursor *cursor)
{
	if (cursor->rest.n == 0) {
		cursor->bad = true;
		return 0;
	}
	unsigned char c = cursor->rest.p[0];
	cursor->rest = slice_from(cursor->rest, 1);
	return c;
}

static void expect(struct cursor *cursor, struct slice text)
{
	if (!slice_starts(cursor->rest, text))
		cursor->bad = true;
	cursor->rest = slice_from(cursor->rest, text.n);
}

static int take_number(struct cursor *cursor, int digits, int min, int max)
{
	int value = 0;
	for (int i = 0; i < digits; i++) {
		unsigned char c = take(cursor);
		if (c < '0' || c > '9')
			cursor->bad = true;
		else
			value = value * 10 + (c - '0');
	}
	if (value < min || value > max)
		cursor->bad = true;
	return value;
}

/* One of `count` names of three letters each; its index. */
static int take_name(struct cursor *cursor, const char *names, int count)
{
	struct slice name = slice_head(cursor->rest, 3);
	cursor->rest = slice_from(cursor->rest, 3);
	for (int i = 0; i < count; i++) {
		if (slice_eq(name, slice_of(names + (size_t)i * 3, 3)))
			return i;
	}
	cursor->bad = true;
	return 0;
}

static int month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

static void check_date(struct cursor *cursor, struct date date)
{
	if (!cursor->bad && date.day > month_days(date.year, date.month))
		cursor->bad = true;
}

/* "hh:mm:ss" in seconds. A leap second counts as the one after it. */
static int take_time(struct cursor *cursor)
{
	int hour = take_number(cursor, 2, 0, 23);
	expect(cursor, SLICE(":"));
	int minute = take_number(cursor, 2, 0, 59);
	expect(cursor, SLICE(":"));
	int second = take_number(cursor, 2, 0, 60);
	cursor->leap = second == 60;
	return (hour * 60 + minute) * 60 + second;
}

static int take_fraction_ms(struct cursor *cursor)
{
	int ms = 0;
	int weight = 100;
	size_t digits = 0;
	if (cursor->rest.n == 0 || cursor->rest.p[0] != '.')
		return 0;
	take(cursor);
	for (; cursor->rest.n > 0 && cursor->rest.p[0] >= '0' && cursor->rest.p[0] <= '9'; digits++) {
		ms += (take(cursor) - '0') * weight;
		weight /= 10;
	}
	if (digits == 0)
		cursor->bad = true;
	return ms;
}

/* Seconds east of UTC. */
static int take_zone(struct cursor *cursor, bool optional)
{
	if (optional && cursor->rest.n == 0)
		return 0;
	unsigned char sign = take(cursor);
	if (sign == 'Z' || sign == 'z')
		return 0;
	if (sign != '+' && sign != '-')
		cursor->bad = true;
	int hours = take_number(cursor, 2, 0, 23);
	expect(cursor, SLICE(":"));
	int minutes = take_number(cursor, 2, 0, 59);
	int offset = (hours * 60 + minutes) * 60;
	return sign == '-' ? -offset : offset;
}

/* A leap second is at the end of a day of UTC and nowhere else (RFC 3339 section 5.7). */
static bool is_complete(const struct cursor *cursor, int64_t utc_seconds)
{
	return !cursor->bad && cursor->rest.n == 0 && !(cursor->leap && utc_seconds % (DAY_MS / 1000) != 0);
}

bool clock_parse_rfc3339(struct slice s, bool zone_optional, int64_t *wall_ms)
{
	struct cursor cursor = { .rest = s };
	struct date date;
	date.year = take_number(&cursor, 4, 0, 9999);
	expect(&cursor, SLICE("-"));
	date.month = take_number(&cursor, 2, 1, 12);
	expect(&cursor, SLICE("-"));
	date.day = take_number(&cursor, 2, 1, 31);
	check_date(&cursor, date);
	unsigned char separator = take(&cursor);
	if (separator != 'T' && separator != 't')
		cursor.bad = true;
	int of_day = take_time(&cursor);
	int ms = take_fraction_ms(&cursor);
	int offset = take_zone(&cursor, zone_optional);
	int64_t utc = days_of(date) * (DAY_MS / 1000) + of_day - offset;
	if (!is_complete(&cursor, utc))
		return false;
	*wall_ms = utc * 1000 + ms;
	return true;
}

bool clock_parse_http_date(struct slice s, int64_t *wall_ms)
{
	struct cursor cursor = { .rest = s };
	struct date date;
	/* The day's name must be one, but need not be the right one: the date says it already. */
	(void)take_name(&cursor, "MonTueWedThuFriSatSun", 7);
	expect(&cursor, SLICE(", "));
	date.day = take_number(&cursor, 2, 1, 31);
	expect(&cursor, SLICE(" "));
	date.month = take_name(&cursor, "JanFebMarAprMayJunJulAugSepOctNovDec", 12) + 1;
	expect(&cursor, SLICE(" "));
	date.year = take_number(&cursor, 4, 0, 9999);
	check_date(&cursor, date);
	expect(&cursor, SLICE(" "));
	int of_day = take_time(&cursor);
	expect(&cursor, SLICE(" GMT"));
	int64_t utc = days_of(date) * (DAY_MS / 1000) + of_day;
	if (!is_complete(&cursor, utc))
		return false;
	*wall_ms = utc * 1000;
	return true;
}
