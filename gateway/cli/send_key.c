/* send_key.c - a private key of one's own for `hookgate send`, see send_key.h.
 *
 * The special difficulty: nobody has the provider's private key, and no route should ever trust a key that somebody made
 * for a test and forgot. So the key is made here, the route is not changed, and what is to be put there, and taken out
 * again, is said. */
#include "cli/send_key.h"

#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { KEY_MAX = 64 * 1024, ARENA_FIRST = 64 * 1024, ARENA_MAX = 512 * 1024 * 1024 };

/* For nobody else to read, and never over one that is there. */
static int write_key(const char *file, struct slice text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t n = fd < 0 ? -1 : write(fd, text.p, text.n);
	int fault = n == (ssize_t)text.n ? 0 : n < 0 ? errno : EIO;

	if (fd >= 0)
		close(fd);
	return fault == 0
		       ? CLI_OK
		       : cli_fail("send", "the key that was made cannot be written to %s: %s", file, strerror(fault));
}

/* As it may stand between quotes in YAML: a certificate has several lines. */
static void print_secret(struct slice text)
{
	struct slice line;

	fputs("    secret: \"", stderr);
	while (text.n > 0) {
		bool more = slice_cut(text, '\n', &line, &text);

		fprintf(stderr, "%.*s%s", SLICE_ARGS(line), more ? "\\n" : "");
	}
	fputs("\"\n\n", stderr);
}

static int make(const struct trust_verifier *verifier, const char *file, struct buf *key)
{
	struct buf public_text = BUF_EMPTY;
	int fault = trust_key_make(verifier, key, &public_text);
	int status = CLI_OK;

	if (fault == -ENOTSUP)
		status = cli_fail("send", "this provider does not sign with a private key: --key has no use");
	else if (fault != 0)
		status = cli_fail("send", "no key could be made: %s", strerror(-fault));
	else if (file)
		status = write_key(file, buf_slice(key));
	if (status == CLI_OK) {
		fprintf(stderr,
			"hookgate: send: this provider signs with a private key of its own, so one was made for the "
			"test%s%s\n",
			file ? ", and is in " : " (--key FILE keeps it):\n", file ? file : "");
		if (!file)
			fprintf(stderr, "%.*s", (int)key->n, (const char *)key->p);
		fputs("the public key, for the route while you test, and to be taken out afterwards:\n\n", stderr);
		print_secret(buf_slice(&public_text));
	}
	buf_free(&public_text);
	return status;
}

int cli_send_key(const struct trust_verifier *verifier, const char *file, struct buf *key)
{
	if (file && access(file, F_OK) == 0)
		return cli_read_file("send", file, KEY_MAX, key);
	return make(verifier, file, key);
}

int cli_send_check(const struct trust_verifier *verifier, const struct intake_plan *plan, const struct request *request,
		   int64_t now_ms)
{
	struct arena *arena = arena_new(ARENA_FIRST, ARENA_MAX);
	struct trust_verdict verdict = { .result = TRUST_ACCEPTED };
	struct trust_lane *lane = NULL;
	int fault = arena ? trust_lane_new(intake_plan_set(plan), &lane) : -ENOMEM;
	int status = CLI_OK;

	if (fault == 0)
		fault = trust_check(verifier, lane, request, now_ms, arena, &verdict);
	if (fault != 0)
		status = cli_fail("send", "%s", strerror(-fault));
	else if (verdict.result == TRUST_SIGNATURE_MISMATCH)
		status = cli_fail(
			"send",
			"nothing was sent: the key does not belong to the public key of the route (%s); put the one "
			"of this key there, reload the gateway, and send again with the same --key",
			verdict.reason);
	else if (verdict.result == TRUST_KEY_PENDING)
		status = cli_fail("send",
				  "nothing was sent: the route has no key of its own, and takes the one that the "
				  "provider publishes; put the one of this key there as `secret`, reload the "
				  "gateway, and send again with the same --key");
	trust_lane_free(lane);
	arena_free(arena);
	return status;
}
