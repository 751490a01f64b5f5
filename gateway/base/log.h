/* log.h - structured log lines on standard error, as text or JSON; each line is one event with named fields.
 *
 * Strangers' bytes may stand in any string field: they are escaped, so that a line stays a line and valid JSON. Lines
 * are gathered per thread and written by log_flush(), when 32 KiB are there, or when the thread ends; lines of level
 * error are written at once. A loop flushes a few times a second at the least: one write for many deliveries.
 *
 * Text:  2026-11-22T09:02:03.004Z info delivery outcome=accepted route=stripe id=evt_1
 * JSON:  {"time":"2026-11-22T09:02:03.004Z","level":"info","event":"delivery","outcome":"accepted",...} */
#ifndef HOOKGATE_BASE_LOG_H
#define HOOKGATE_BASE_LOG_H

#include "base/slice.h"

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_OFF };
enum log_format { LOG_TEXT, LOG_JSON };

enum log_kind {
	LOG_STRING,
	LOG_UINT,
	LOG_INT,
	LOG_MICROS /* written in milliseconds with three digits: 1.042 */
};

struct log_field {
	struct slice name;
	enum log_kind kind;
	struct slice string;
	int64_t number;
};

/* clang-format off */
#define LOG_S(name_, slice_) { .name = SLICE_LIT(name_), .kind = LOG_STRING, .string = (slice_) }
#define LOG_C(name_, cstr_) { .name = SLICE_LIT(name_), .kind = LOG_STRING, .string = slice_str(cstr_) }
#define LOG_I(name_, number_) { .name = SLICE_LIT(name_), .kind = LOG_INT, .number = (int64_t)(number_) }
#define LOG_U(name_, number_) { .name = SLICE_LIT(name_), .kind = LOG_UINT, .number = (int64_t)(number_) }
#define LOG_US(name_, number_) { .name = SLICE_LIT(name_), .kind = LOG_MICROS, .number = (int64_t)(number_) }
/* clang-format on */

/* Process-wide; may be called again on reload, from any thread. The start values are info and text. */
void log_configure(enum log_level level, enum log_format format);

bool log_enabled(enum log_level level);

/* One line. Empty string fields are left out. */
void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t count);

/* The same for who knows the time (clock_wall_ms) already. */
void log_fields_at(int64_t wall_ms, enum log_level level, const char *event, const struct log_field *fields,
		   size_t count);

/* The usual form: log_line(LOG_INFO, "redis back", LOG_S("url", url), LOG_I("away_ms", ms)); */
#define log_line(level, event, ...)                                                                                    \
	do {                                                                                                           \
		if (log_enabled(level)) {                                                                              \
			const struct log_field log_fields_[] = { __VA_ARGS__ };                                        \
			log_fields((level), (event), log_fields_, sizeof log_fields_ / sizeof log_fields_[0]);         \
		}                                                                                                      \
	} while (0)

/* Writes what this thread gathered. On a descriptor that blocks it may block; on one that does not, it waits for a
 * second at most, and only once: what then does not fit is dropped, and how many lines that were is told when lines go
 * out again. */
void log_flush(void);

/* Bytes that this thread gathered and has not written. */
size_t log_pending(void);

/* For tests: lines go to fd instead of standard error. */
void log_set_fd(int fd);

#endif
