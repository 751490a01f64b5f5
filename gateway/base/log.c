/* log.c - composing log lines and getting them out.
 *
 * The special difficulty: a log that nobody reads (a full pipe) must not stop deliveries. The wait for it is bounded
 * and is made once; what cannot be written is dropped and counted, and the count is told when lines go out again. Each
 * thread gathers lines of its own; only writing takes a lock, so that lines of several threads do not mix. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GATHER_MAX = 32 * 1024, WAIT_MAX_MS = 1000, PIECE_MAX = 4096 };

static atomic_int configured_level = LOG_INFO;
static atomic_int configured_format = LOG_TEXT;

/* Where the lines go; all of it under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	int fd;
	bool stuck;	  /* a wait was in vain: no more waiting until all of some lines was written */
	bool torn;	  /* the last line was cut in the middle */
	uint64_t dropped; /* lines, not told yet */
} sink = { .fd = STDERR_FILENO };

static _Thread_local struct buf gathered;
static _Thread_local bool registered;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_end;

void log_configure(enum log_level level, enum log_format format)
{
	atomic_store_explicit(&configured_level, (int)level, memory_order_relaxed);
	atomic_store_explicit(&configured_format, (int)format, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return level < LOG_OFF && (int)level >= atomic_load_explicit(&configured_level, memory_order_relaxed);
}

void log_set_fd(int fd)
{
	pthread_mutex_lock(&lock);
	sink.fd = fd;
	sink.stuck = false;
	sink.torn = false;
	sink.dropped = 0;
	pthread_mutex_unlock(&lock);
}

static const struct slice level_names[] = {
	[LOG_DEBUG] = SLICE_LIT("debug"),
	[LOG_INFO] = SLICE_LIT("info"),
	[LOG_WARNING] = SLICE_LIT("warning"),
	[LOG_ERROR] = SLICE_LIT("error"),
};

static void add_micros(struct buf *out, int64_t micros)
{
	uint64_t magnitude = (uint64_t)micros;
	if (micros < 0) {
		buf_add_byte(out, '-');
		magnitude = 0 - magnitude;
	}
	unsigned rest = (unsigned)(magnitude % 1000);
	char digits[] = { '.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10) };
	buf_add_u64(out, magnitude / 1000);
	buf_add(out, slice_of(digits, sizeof digits));
}

/* Whether a value may stand in a text line without quotes. */
static bool is_bare(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];
		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return true;
}

static void add_value(struct buf *out, enum log_format format, const struct log_field *field)
{
	switch (field->kind) {
	case LOG_STRING:
		if (format == LOG_TEXT && is_bare(field->string))
			buf_add(out, field->string);
		else
			json_write_string(out, field->string);
		break;
	case LOG_UINT:
		buf_add_u64(out, (uint64_t)field->number);
		break;
	case LOG_INT:
		buf_add_i64(out, field->number);
		break;
	case LOG_MICROS:
		add_micros(out, field->number);
		break;
	}
}

static void add_head(struct buf *out, enum log_format format, int64_t wall_ms, enum log_level level, const char *event)
{
	char time[CLOCK_RFC3339_LENGTH];
	clock_format_rfc3339(wall_ms, time);
	if (format == LOG_JSON) {
		buf_add(out, SLICE("{\"time\":\""));
		buf_add(out, slice_of(time, sizeof time));
		buf_add(out, SLICE("\",\"level\":\""));
		buf_add(out, level_names[level]);
		buf_add(out, SLICE("\",\"event\":"));
		json_write_string(out, slice_str(event));
		return;
	}
	buf_add(out, slice_of(time, sizeof time));
	buf_add_byte(out, ' ');
	buf_add(out, level_names[level]);
	buf_add_byte(out, ' ');
	buf_add_str(out, event);
}

/* `,"name":` or ` name=`. */
static void add_name(struct buf *out, enum log_format format, struct slice name)
{
	if (!buf_room(out, name.n + 4))
		return;
	unsigned char *at = out->p + out->n;
	*at++ = format == LOG_JSON ? ',' : ' ';
	if (format == LOG_JSON)
		*at++ = '"';
	memcpy(at, name.p, name.n);
	at += name.n;
	if (format == LOG_JSON)
		*at++ = '"';
	*at++ = format == LOG_JSON ? ':' : '=';
	out->n = (size_t)(at - out->p);
}

static void add_line(struct buf *out, int64_t wall_ms, enum log_level level, const char *event,
		     const struct log_field *fields, size_t count)
{
	enum log_format format = (enum log_format)atomic_load_explicit(&configured_format, memory_order_relaxed);
	add_head(out, format, wall_ms, level, event);
	for (size_t i = 0; i < count; i++) {
		if (fields[i].kind == LOG_STRING && fields[i].string.n == 0)
			continue;
		add_name(out, format, fields[i].name);
		add_value(out, format, &fields[i]);
	}
	buf_add(out, format == LOG_JSON ? SLICE("}\n") : SLICE("\n"));
}

/* Waits until the sink takes bytes; not beyond the deadline, which is set at the first wait. */
static bool wait_writable(int64_t *deadline_ms)
{
	int64_t now = clock_mono_ms();
	if (*deadline_ms == 0)
		*deadline_ms = now + (sink.stuck ? 0 : WAIT_MAX_MS);
	int64_t left = *deadline_ms - now;
	struct pollfd poller = { .fd = sink.fd, .events = POLLOUT };
	int ready = poll(&poller, 1, left > 0 ? (int)left : 0);
	if (ready == 0)
		sink.stuck = true;
	return ready > 0 || (ready < 0 && errno == EINTR);
}

/* What the sink is decides how it is written to without being held up. The sink was opened by others and may block. */
enum sink_kind {
	SINK_FILE,   /* never holds up for long, and is not asked */
	SINK_SOCKET, /* can be written to without blocking whatever it was opened for; journald's is one */
	SINK_OTHER /* is asked before each piece, which is so small (PIPE_BUF) that a pipe that says yes takes all of it */
};

static enum sink_kind kind_of_sink(void)
{
	struct stat about;
	if (fstat(sink.fd, &about) != 0)
		return SINK_OTHER;
	return S_ISREG(about.st_mode) ? SINK_FILE : S_ISSOCK(about.st_mode) ? SINK_SOCKET : SINK_OTHER;
}

static ssize_t put_piece(enum sink_kind kind, struct slice s)
{
	if (kind == SINK_SOCKET)
		return send(sink.fd, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(sink.fd, s.p, kind == SINK_FILE || s.n < PIECE_MAX ? s.n : PIECE_MAX);
}

/* Writes to the sink, waiting where it must; how many bytes went out. */
static size_t put(struct slice s)
{
	size_t done = 0;
	int64_t deadline_ms = 0;
	enum sink_kind kind = kind_of_sink();
	bool ask = kind == SINK_OTHER;
	while (done < s.n) {
		if (ask && !wait_writable(&deadline_ms))
			break;
		ssize_t n = put_piece(kind, slice_from(s, done));
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR && errno != EAGAIN)
			break;
		/* A socket is asked when it is full; a file never says so. */
		ask = kind == SINK_OTHER || (kind == SINK_SOCKET && n < 0);
	}
	if (done > 0)
		sink.torn = s.p[done - 1] != '\n';
	return done;
}

static uint64_t count_lines(struct slice s)
{
	uint64_t lines = 0;
	while (slice_cut(s, '\n', &(struct slice){ 0 }, &s))
		lines++;
	return lines;
}

/* Tells how many lines were dropped, if any were; false when even that cannot be written. A full pipe may still take so
 * short a line and not the next: so a stuck sink is asked first. */
static bool tell_dropped(void)
{
	if (sink.stuck && !wait_writable(&(int64_t){ 0 }))
		return false;
	if (sink.torn && put(SLICE("\n")) == 0)
		return false;
	if (sink.dropped == 0)
		return true;
	struct buf line = BUF_EMPTY;
	const struct log_field field = LOG_U("lines", sink.dropped);
	add_line(&line, clock_wall_ms(), LOG_WARNING, "log lines dropped", &field, 1);
	bool told = !buf_failed(&line) && put(buf_slice(&line)) == line.n;
	if (told)
		sink.dropped = 0;
	buf_free(&line);
	return told;
}

static void drop(uint64_t lines)
{
	pthread_mutex_lock(&lock);
	sink.dropped += lines;
	pthread_mutex_unlock(&lock);
}

void log_flush(void)
{
	struct slice lines = buf_slice(&gathered);
	if (lines.n == 0)
		return;
	int caller_errno = errno;
	pthread_mutex_lock(&lock);
	size_t done = tell_dropped() ? put(lines) : 0;
	if (done < lines.n)
		sink.dropped += count_lines(slice_from(lines, done));
	else
		sink.stuck = false;
	pthread_mutex_unlock(&lock);
	buf_clear(&gathered);
	errno = caller_errno;
}

size_t log_pending(void)
{
	return gathered.n;
}

static void end_thread(void *arg)
{
	(void)arg;
	log_flush();
	buf_free(&gathered);
	registered = false;
}

static void set_up(void)
{
	(void)pthread_key_create(&thread_end, end_thread);
	(void)atexit(log_flush);
}

/* Has this thread's lines written and freed when it ends. */
static void register_thread(void)
{
	(void)pthread_once(&once, set_up);
	(void)pthread_setspecific(thread_end, &gathered);
	registered = true;
}

void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
	if (log_enabled(level))
		log_fields_at(clock_wall_ms(), level, event, fields, count);
}

void log_fields_at(int64_t wall_ms, enum log_level level, const char *event, const struct log_field *fields,
		   size_t count)
{
	if (!log_enabled(level))
		return;
	if (!registered)
		register_thread();
	size_t before = gathered.n;
	add_line(&gathered, wall_ms, level, event, fields, count);
	if (buf_failed(&gathered)) {
		gathered.n = before;
		gathered.failed = false;
		drop(1);
	}
	if (level >= LOG_ERROR || gathered.n > GATHER_MAX)
		log_flush();
}
