/* verify.c - `hookgate verify`: a captured request through a route's verification, explained.
 *
 * The special difficulty: it must say what the gateway would say. So it takes the same steps in the same order as
 * intake/delivery.c, with the same functions, and only the storing is left out. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/request_file.h"
#include "intake/filter.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

enum { ARENA_FIRST = 64 * 1024, ARENA_MAX = 512 * 1024 * 1024, KEY_WAIT_MS = 10000, KEY_ROUNDS_MAX = 4 };

static const char help[] =
	"usage: hookgate verify -c FILE --route ROUTE [--now UNIX] [--json] [REQUEST]\n\n"
	"Puts a captured request through a route's verification, prints the outcome that the "
	"gateway would give, and explains a\n"
	"refusal: what was signed, which secrets were tried, how far the clocks are apart, what "
	"would have matched. Stores nothing.\n\n"
	"REQUEST is a file, or standard input where it is left out or \"-\": an HTTP/1.1 request as "
	"on the wire, with the request line,\n"
	"headers, an empty line, and the body to the end of the file, byte for byte. The head's "
	"lines may end in LF alone.\n\n"
	"  -c, --config FILE  the configuration\n"
	"      --route ROUTE  the route's name; may be left out where there is just one. The "
	"request's path need not be the route's\n"
	"      --now UNIX     judge the signed time as of then (seconds since 1970); default: now\n"
	"      --offline      fetch nothing: where the provider publishes its key, say what would be "
	"fetched\n"
	"      --json         one JSON object: outcome, id, type, secret (its name), reason, "
	"explanation (an array of lines), and for a\n"
	"                     handshake answer (status, headers, body)\n"
	"  -h, --help         this text\n\n"
	"Exit status: 0 accepted (also a handshake, a type that the route leaves out), 1 refused, 2 "
	"called the wrong way.\n\n"
	"Example: hookgate verify -c hookgate.yaml --route stripe --now 1764000000 request.http\n";

struct verifying {
	const char *file, *route_name, *request_file;
	bool json, offline;
	int64_t now_ms;
	const struct intake_route *route;
	struct cli_request *captured;
	struct keys *keys; /* NULL: nothing is fetched */
	struct arena *arena;

	enum intake_outcome outcome;
	const char *reason; /* "" where there is nothing to say */
	struct trust_verdict verdict;
	struct trust_event event; /* id and type are empty until they were read */
	struct buf explanation;	  /* lines */
};

/* ---- the steps of intake/delivery.c ---- */

static int settle(struct verifying *v, enum intake_outcome outcome, const char *reason)
{
	v->outcome = outcome;
	v->reason = reason ? reason : "";
	return 0;
}

static int judge_event(struct verifying *v)
{
	enum trust_event_result result = TRUST_EVENT_OK;
	struct trust_event event = { .deduplicate = false };
	int fault = trust_read_event(v->route->verifier, &v->captured->request, v->arena, &event, &result);

	if (fault != 0)
		return fault;
	switch (result) {
	case TRUST_EVENT_OK:
		break;
	case TRUST_EVENT_ID_MISSING:
		return settle(v, INTAKE_event_id_missing, event.reason);
	case TRUST_EVENT_MALFORMED_BODY:
		return settle(v, INTAKE_malformed_body, event.reason);
	case TRUST_EVENT_MALFORMED_REQUEST:
		return settle(v, INTAKE_malformed_request, event.reason);
	}
	v->event = event;
	if (!event.id_found)
		buf_add_str(&v->explanation,
			    "note: no event id was found where the provider puts it; the id is made up here\n");
	if (!intake_wanted(v->route->config, event.type, event.detail))
		return settle(v, INTAKE_ignored, "the route's events leave this type out");
	return settle(v, INTAKE_accepted, v->verdict.reason);
}

static int judge_verdict(struct verifying *v)
{
	switch (v->verdict.result) {
	case TRUST_ACCEPTED:
		return judge_event(v);
	case TRUST_CHALLENGE:
		return settle(v, INTAKE_challenge, v->verdict.reason);
	case TRUST_SIGNATURE_MISSING:
		return settle(v, INTAKE_signature_missing, v->verdict.reason);
	case TRUST_SIGNATURE_MISMATCH:
		return settle(v, INTAKE_signature_mismatch, v->verdict.reason);
	case TRUST_TIMESTAMP_OUT_OF_TOLERANCE:
		return settle(v, INTAKE_timestamp_out_of_tolerance, v->verdict.reason);
	case TRUST_MALFORMED_REQUEST:
		return settle(v, INTAKE_malformed_request, v->verdict.reason);
	case TRUST_KEY_PENDING:
	case TRUST_KEY_FAILED:
		return settle(v, INTAKE_overloaded, v->verdict.reason);
	case TRUST_MALFORMED_BODY:
		break;
	}
	return settle(v, INTAKE_malformed_body, v->verdict.reason);
}

/* Where the gateway's delivery would wait for a key, this waits here. */
static int check(struct verifying *v, struct trust_lane *lane)
{
	int64_t until_ms = clock_mono_ms() + KEY_WAIT_MS;
	int fault;

	for (unsigned rounds = 0;; rounds++) {
		fault = trust_check(v->route->verifier, lane, &v->captured->request, v->now_ms, v->arena, &v->verdict);
		if (fault != 0 || v->verdict.result != TRUST_KEY_PENDING || !v->keys || rounds == KEY_ROUNDS_MAX)
			break;
		if (!keys_await(v->keys, v->verdict.key_url, until_ms - clock_mono_ms()))
			break;
	}
	if (fault == 0 && v->verdict.key_url.n > 0)
		buf_printf(&v->explanation, "note: the provider publishes its key, at %.*s%s\n",
			   SLICE_ARGS(trust_key_address(v->verdict.key_url)),
			   v->keys ? "" : "; --offline does not fetch it");
	return fault;
}

static int judge_signature(struct verifying *v, const struct intake_plan *plan)
{
	struct trust_lane *lane = NULL;
	int fault = v->offline ? 0 : keys_new(&intake_plan_config(plan)->key_fetch, &v->keys);

	if (fault == 0)
		fault = trust_lane_new(intake_plan_set(plan), &lane);
	if (fault == 0) {
		trust_lane_use_keys(lane, v->keys);
		fault = check(v, lane);
	}
	if (fault == 0)
		fault = judge_verdict(v);
	trust_lane_free(lane);
	return fault;
}

static int judge(struct verifying *v, const struct intake_plan *plan)
{
	const struct request *request = &v->captured->request;
	struct slice allow = SLICE_NONE;

	if (!trust_method_allowed(v->route->verifier, request->method, &allow)) {
		buf_printf(&v->explanation, "the route takes %.*s only\n", SLICE_ARGS(allow));
		return settle(v, INTAKE_method_not_allowed, "the route does not take this method");
	}
	if (request->body.n > v->route->config->max_body)
		return settle(v, INTAKE_body_too_large, "the body is over max_body");
	return judge_signature(v, plan);
}

/* ---- the explanation ---- */

static void note_capture(struct verifying *v)
{
	const struct cli_request *captured = v->captured;
	struct buf *out = &v->explanation;

	if (!slice_eq(captured->request.path, v->route->config->path))
		buf_printf(
			out,
			"note: the request's path is not the route's, %.*s: the gateway would not look at this route\n",
			SLICE_ARGS(v->route->config->path));
	if (captured->chunked)
		buf_add_str(out, "note: the request says Transfer-Encoding; the body is taken as it stands, so there "
				 "must be no chunk "
				 "sizes in it\n");
	else if (captured->has_length && captured->length != captured->request.body.n)
		buf_printf(out,
			   "note: Content-Length says %" PRIu64
			   " bytes, and the body has %zu: something was added or lost when it "
			   "was captured%s\n",
			   captured->length, captured->request.body.n,
			   captured->length + 1 == captured->request.body.n ? " (an editor's newline at the end?)"
									    : "");
}

static int explain(struct verifying *v)
{
	bool of_trust = v->verdict.result != TRUST_ACCEPTED && v->verdict.result != TRUST_CHALLENGE &&
			v->verdict.result != TRUST_KEY_PENDING && v->verdict.result != TRUST_KEY_FAILED;
	int fault = 0;

	if (of_trust && intake_outcome_status(v->outcome) >= 400 && v->outcome != INTAKE_method_not_allowed &&
	    v->outcome != INTAKE_body_too_large)
		fault = trust_explain(v->route->verifier, v->keys, &v->captured->request, v->now_ms, &v->explanation);
	if (v->outcome == INTAKE_timestamp_out_of_tolerance && v->verdict.has_skew)
		buf_printf(&v->explanation, "--now %" PRId64 " judges it as of the time when it was signed\n",
			   (v->now_ms - v->verdict.skew_ms) / 1000);
	return fault;
}

/* ---- printing ---- */

static void print_line(const char *name, struct slice value)
{
	printf("%-9s", name);
	cli_print_text(stdout, value, false);
	putchar('\n');
}

static void print_answer(const struct answer *answer)
{
	printf("%-9s%u\n", "answer", answer->status);
	for (size_t i = 0; i < answer->header_count; i++) {
		printf("%-9s", "");
		cli_print_text(stdout, answer->headers[i].name, false);
		fputs(": ", stdout);
		cli_print_text(stdout, answer->headers[i].value, false);
		putchar('\n');
	}
	print_line("", answer->body);
}

static void print_lines(const struct verifying *v)
{
	bool ahead = v->verdict.skew_ms < 0;

	print_line("outcome", intake_outcome_name(v->outcome));
	if (v->event.id.n > 0) {
		print_line("id", v->event.id);
		print_line("type", v->event.type);
	}
	if (v->verdict.secret.n > 0)
		print_line("secret", v->verdict.secret);
	if (v->verdict.has_skew)
		printf("%-9s%.3f s %s now\n", "signed",
		       (double)(ahead ? -v->verdict.skew_ms : v->verdict.skew_ms) / 1000, ahead ? "after" : "before");
	if (v->outcome == INTAKE_challenge)
		print_answer(&v->verdict.answer);
	if (v->reason[0] != '\0')
		print_line("reason", slice_str(v->reason));
	if (v->explanation.n > 0) {
		putchar('\n');
		cli_print_text(stdout, buf_slice(&v->explanation), true);
	}
}

/* null where it is not known. */
static void member(struct buf *out, const char *name, struct slice value, bool known)
{
	buf_printf(out, ",\"%s\":", name);
	if (known)
		json_write_string(out, value);
	else
		buf_add(out, SLICE("null"));
}

static void json_answer(struct buf *out, const struct answer *answer)
{
	buf_printf(out, ",\"answer\":{\"status\":%u,\"headers\":{", answer->status);
	for (size_t i = 0; i < answer->header_count; i++) {
		buf_add(out, i > 0 ? SLICE(",") : SLICE_NONE);
		json_write_string(out, answer->headers[i].name);
		buf_add_byte(out, ':');
		json_write_string(out, answer->headers[i].value);
	}
	buf_add(out, SLICE("},\"body\":"));
	json_write_string(out, answer->body);
	buf_add_byte(out, '}');
}

static void print_json(const struct verifying *v)
{
	struct slice rest = buf_slice(&v->explanation), text;
	struct buf out = BUF_EMPTY;
	bool read = v->event.id.n > 0, first = true;

	buf_add(&out, SLICE("{\"outcome\":"));
	json_write_string(&out, intake_outcome_name(v->outcome));
	member(&out, "id", v->event.id, read);
	member(&out, "type", v->event.type, read);
	member(&out, "secret", v->verdict.secret, v->verdict.secret.n > 0);
	member(&out, "reason", slice_str(v->reason), true);
	if (v->outcome == INTAKE_challenge)
		json_answer(&out, &v->verdict.answer);
	buf_add(&out, SLICE(",\"explanation\":["));
	for (; rest.n > 0; first = false) {
		slice_cut(rest, '\n', &text, &rest);
		buf_add(&out, first ? SLICE_NONE : SLICE(","));
		json_write_string(&out, text);
	}
	buf_add(&out, SLICE("]}\n"));
	fwrite(out.p, 1, out.n, stdout);
	buf_free(&out);
}

/* ---- the command ---- */

static int verify_text(struct verifying *v, const struct intake_plan *plan, struct slice text)
{
	struct reason reason;
	int fault = 0;

	if (cli_request_parse(text, v->captured, &reason)) {
		v->captured->request.received_ms = v->now_ms;
		note_capture(v);
		fault = judge(v, plan);
		if (fault == 0)
			fault = explain(v);
	} else {
		settle(v, INTAKE_malformed_request, arena_cstring(v->arena, slice_str(reason.text)));
	}
	if (fault != 0)
		return cli_fail("verify", "the request cannot be judged: %s", strerror(-fault));
	if (v->json)
		print_json(v);
	else
		print_lines(v);
	if (cli_end_output("verify") != CLI_OK)
		return CLI_FAILED;
	return intake_outcome_status(v->outcome) < 300 ? CLI_OK : CLI_FAILED;
}

static int verify(struct verifying *v)
{
	struct cli_request captured;
	struct intake_plan *plan = NULL;
	struct buf text = BUF_EMPTY;
	int status = cli_load_plan("verify", v->file, &plan);

	/* What is wrong with the configuration is not the request's fault: 1 means refused. */
	if (status == CLI_FAILED)
		status = CLI_USAGE;
	if (status == CLI_OK)
		status = cli_find_route("verify", plan, v->route_name, &v->route);
	if (status == CLI_OK)
		status = cli_read_file("verify", v->request_file, CLI_REQUEST_MAX, &text);
	if (status == CLI_OK) {
		v->captured = &captured;
		v->arena = arena_new(ARENA_FIRST, ARENA_MAX);
		status = v->arena ? verify_text(v, plan, buf_slice(&text)) : cli_fail("verify", "memory is short");
	}
	keys_free(v->keys);
	arena_free(v->arena);
	buf_free(&v->explanation);
	buf_free(&text);
	intake_plan_unref(plan);
	return status;
}

int cli_verify(int argc, char **argv)
{
	struct verifying v = { .now_ms = clock_wall_ms(), .reason = "", .request_file = "-" };
	const struct cli_option options[] = {
		{ "config", 'c', .text = &v.file }, { "route", .text = &v.route_name }, { "now", .unix_ms = &v.now_ms },
		{ "offline", .flag = &v.offline },  { "json", .flag = &v.json },
	};
	const struct cli_call call = { "verify", help, options, sizeof options / sizeof options[0], 1 };
	int status;

	if (!cli_parse(&call, argc, argv, &status))
		return status;
	if (optind < argc)
		v.request_file = argv[optind];
	return verify(&v);
}
