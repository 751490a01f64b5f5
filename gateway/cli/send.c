/* send.c - `hookgate send`: deliveries as a route's provider would make them.
 *
 * The special difficulty: what is sent must be what was signed, byte for byte, head included; so the request is put
 * together once, from what trust/ gives back, and --dry-run prints just these bytes. */
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "cli/http_client.h"
#include "cli/options.h"
#include "cli/send_key.h"

#include <errno.h>
#include <getopt.h>

enum {
	ARENA_FIRST = 64 * 1024,
	ARENA_MAX = 512 * 1024 * 1024,
	DATA_MAX = 64 * 1024 * 1024,
	HEADERS = 32,
	TIMEOUT_MS = 30000
};

static const char help[] =
	"usage: hookgate send -c FILE --route ROUTE [OPTION]...\n\n"
	"Sends deliveries to a route, signed as its provider signs them, and prints the answers: a line each, with the "
	"status and the\n"
	"body. Without --data the body is one that the provider could have sent, with an id of its own each time.\n\n"
	"  -c, --config FILE        the configuration: the route, its secrets, and where the gateway listens\n"
	"      --route ROUTE        the route's name; may be left out where there is just one\n"
	"      --type TYPE          the event's type, where the provider has it in a header, or in a body made here; "
	"default: test\n"
	"      --id ID              the event's id, likewise; default: a new one for each delivery\n"
	"      --data FILE          the body; \"-\" is standard input. The same one each time\n"
	"      --content-type TYPE  default: what the provider sends, mostly application/json\n"
	"      --url URL            http://HOST[:PORT][/PATH] or unix:/path/to/socket; default: the first address of "
	"the\n"
	"                           configuration's `listen`. Without a path: the route's\n"
	"      --count N            so many deliveries, on one connection; default: 1\n"
	"      --secret NAME        sign with this one of the route's secrets; default: the first that is valid now\n"
	"      --key FILE           the private key to sign with, where the provider has one (PEM or JWK); made and "
	"written "
	"there where\n"
	"                           it does not exist yet. Without it such a key is made and printed. The route must "
	"have its "
	"public key\n"
	"      --variant NAME       sign as this one of the provider's ways to sign; default: its first\n"
	"      --now UNIX           sign as of then (seconds since 1970); default: now\n"
	"      --dry-run            print the request instead of sending it; `hookgate verify` reads what it prints\n"
	"      --json               an object per delivery: id, status, body; with --dry-run: method, target, headers, "
	"body\n"
	"  -h, --help               this text\n\n"
	"https is not spoken here: take --dry-run and let curl send it.\n\n"
	"Exit status: 0 all answers were 2xx, 1 one was not, or none came, 2 called the wrong way.\n\n"
	"Example: hookgate send -c hookgate.yaml --route stripe --type invoice.paid --count 3\n";

struct sending {
	const char *file, *route_name, *type, *id, *data_file, *content_type, *url_text, *secret_name, *key_file,
		*variant;
	uint64_t count;
	int64_t now_ms; /* -1: the time it is */
	bool dry_run, json;

	const struct intake_route *route;
	const struct trust_verifier *verifier; /* the route's, or its variant */
	const struct intake_plan *plan;
	size_t secret;
	bool id_in_header;
	struct buf data, key;
	struct slice target;
	struct cli_http_url url;
	struct cli_http *http;
	struct arena *arena;
};

/* One of them; all in the arena, but for the request. */
struct made {
	struct slice id; /* empty: it is in --data, or nowhere */
	struct slice target, body;
	struct header headers[HEADERS];
	size_t header_count;
	struct buf request;
};

/* ---- making ---- */

/* In the arena: evt_ and 24 hex digits, at random. */
static struct slice new_id(struct arena *arena)
{
	unsigned char random[12];
	char hex[24];

	if (trust_random(random, sizeof random) != 0)
		return SLICE_NONE;
	encode_hex(slice_of(random, sizeof random), hex);
	return arena_printf(arena, "evt_%.24s", hex);
}

static bool has_header(const struct made *made, struct slice name)
{
	for (size_t i = 0; i < made->header_count; i++) {
		if (slice_eq_nocase(made->headers[i].name, name))
			return true;
	}
	return false;
}

static void add_line(struct buf *out, struct slice name, struct slice value)
{
	buf_add(out, name);
	buf_add(out, SLICE(": "));
	buf_add(out, value);
	buf_add(out, SLICE("\r\n"));
}

static void put_together(const struct sending *s, struct made *made)
{
	struct buf *out = &made->request;

	buf_clear(out);
	buf_printf(out, "POST %.*s HTTP/1.1\r\n", SLICE_ARGS(made->target));
	add_line(out, SLICE("Host"), slice_str(s->url.authority));
	if (!has_header(made, SLICE("user-agent")))
		add_line(out, SLICE("User-Agent"), SLICE("hookgate/" HOOKGATE_VERSION));
	for (size_t i = 0; i < made->header_count; i++)
		add_line(out, made->headers[i].name, made->headers[i].value);
	buf_printf(out, "Content-Length: %zu\r\n\r\n", made->body.n);
	buf_add(out, made->body);
}

static bool id_in_header(const struct sending *s)
{
	struct trust_about about;

	trust_about(trust_verifier_provider(s->verifier), &about);
	return slice_starts(about.id, SLICE("header:"));
}

/* Where the description's sample has no place for the id (it is in a header), it is put behind all the rest: two
 * deliveries with the same body within a second would be taken for a replay. */
static struct slice sample(const struct sending *s, const struct trust_draft *draft)
{
	struct slice body = trust_sample_body(s->verifier, draft->id, draft->type, draft->now_ms, s->arena);
	struct buf text = BUF_EMPTY;

	if (body.n < 2 || body.p[body.n - 1] != '}' || draft->id.n == 0 ||
	    memmem(body.p, body.n, draft->id.p, draft->id.n))
		return body;
	buf_add(&text, slice_head(body, body.n - 1));
	buf_add_str(&text, body.n > 2 ? ",\"sample\":" : "\"sample\":");
	json_write_string(&text, draft->id);
	buf_add_byte(&text, '}');
	if (!buf_failed(&text))
		body = arena_copy(s->arena, buf_slice(&text));
	buf_free(&text);
	return body;
}

static int make(struct sending *s, struct made *made)
{
	int64_t now_ms = s->now_ms >= 0 ? s->now_ms : clock_wall_ms();
	struct trust_draft draft = { .method = SLICE("POST"),
				     .target = s->target,
				     .authority = slice_str(s->url.authority),
				     .content_type = s->content_type ? slice_str(s->content_type)
								     : trust_sample_content_type(s->verifier),
				     .type = slice_str(s->type),
				     .now_ms = now_ms,
				     .secret_index = s->secret,
				     .key = buf_slice(&s->key) };
	struct reason reason = { "" };
	int fault;

	arena_reset(s->arena);
	draft.id = s->id ? slice_str(s->id) : new_id(s->arena);
	draft.body = s->data_file ? buf_slice(&s->data) : sample(s, &draft);
	fault = trust_sign(s->verifier, &draft, s->arena, made->headers, HEADERS, &made->header_count, &made->target,
			   &made->body, &reason);
	if (fault != 0)
		return cli_fail("send", "this delivery cannot be made here: %s",
				reason.text[0] != '\0' ? reason.text : strerror(-fault));
	made->id = !s->data_file || s->id_in_header ? draft.id : SLICE_NONE;
	put_together(s, made);
	return arena_failed(s->arena) || buf_failed(&made->request) ? cli_fail("send", "memory is short") : CLI_OK;
}

/* ---- printing ---- */

static void write_out(struct buf *out)
{
	fwrite(out->p, 1, out->n, stdout);
	buf_free(out);
}

static void print_request(const struct sending *s, const struct made *made)
{
	struct buf out = BUF_EMPTY;

	if (!s->json) {
		fwrite(made->request.p, 1, made->request.n, stdout);
		return;
	}
	buf_add(&out, SLICE("{\"method\":\"POST\",\"target\":"));
	json_write_string(&out, made->target);
	buf_add(&out, SLICE(",\"headers\":{"));
	for (size_t i = 0; i < made->header_count; i++) {
		buf_add(&out, i > 0 ? SLICE(",") : SLICE_NONE);
		json_write_string(&out, made->headers[i].name);
		buf_add_byte(&out, ':');
		json_write_string(&out, made->headers[i].value);
	}
	buf_add(&out, SLICE("},\"body\":"));
	json_write_string(&out, made->body);
	buf_add(&out, SLICE("}\n"));
	write_out(&out);
}

static void print_answer(const struct sending *s, const struct made *made, const struct cli_http_answer *answer)
{
	struct buf out = BUF_EMPTY;

	if (!s->json) {
		printf("%u ", answer->status);
		cli_print_text(stdout, answer->body, false);
		if (made->id.n > 0) {
			fputs("  id ", stdout);
			cli_print_text(stdout, made->id, false);
		}
		putchar('\n');
		return;
	}
	buf_add(&out, SLICE("{\"id\":"));
	if (made->id.n > 0)
		json_write_string(&out, made->id);
	else
		buf_add(&out, SLICE("null"));
	buf_printf(&out, ",\"status\":%u,\"body\":", answer->status);
	json_write_string(&out, answer->body);
	buf_add(&out, SLICE("}\n"));
	write_out(&out);
}

/* ---- sending ---- */

/* Before the gateway refuses it without a word; --dry-run prints it all the same. */
static int check_key(const struct sending *s, const struct made *made)
{
	struct request request = { .method = SLICE("POST"),
				   .target = made->target,
				   .headers = made->headers,
				   .header_count = made->header_count,
				   .body = made->body };
	int64_t now_ms = s->now_ms >= 0 ? s->now_ms : clock_wall_ms();
	int status;

	if (!message_split_target(made->target, &request.path, &request.query))
		return CLI_OK;
	status = cli_send_check(s->route->verifier, s->plan, &request, now_ms);
	return s->dry_run ? CLI_OK : status;
}

static int send_all(struct sending *s)
{
	struct made made = { .request = BUF_EMPTY };
	struct reason reason = { "memory is short" };
	uint64_t good = 0, done = 0;
	int status = CLI_OK;

	for (; status == CLI_OK && done < s->count; done++) {
		struct cli_http_answer answer;

		status = make(s, &made);
		if (status == CLI_OK && done == 0 && s->key.n > 0)
			status = check_key(s, &made);
		if (status != CLI_OK)
			break;
		if (s->dry_run) {
			print_request(s, &made);
			good++;
			continue;
		}
		if (cli_http_exchange(s->http, buf_slice(&made.request), &answer, &reason) != 0) {
			status = cli_fail("send", "%s", reason.text);
			break;
		}
		print_answer(s, &made, &answer);
		good += answer.status >= 200 && answer.status < 300;
	}
	if (s->count > 1 && !s->dry_run)
		fprintf(stderr, "hookgate: send: %llu of %llu answered 2xx\n", (unsigned long long)good,
			(unsigned long long)s->count);
	buf_free(&made.request);
	if (cli_end_output("send") != CLI_OK)
		return CLI_FAILED;
	return status == CLI_OK && good < s->count ? CLI_FAILED : status;
}

/* ---- where to, and with what ---- */

static int find_url(struct sending *s, const struct config *config)
{
	bool secure = s->url_text && strncmp(s->url_text, "https:", 6) == 0;
	struct reason reason = { "" };
	bool found = s->url_text ? cli_http_parse_url(s->url_text, &s->url, &reason)
				 : cli_http_listened(&config->listen[0], &s->url, &reason);

	if (!found && s->url_text)
		return cli_usage("send", "--url %s: %s%s", s->url_text, reason.text,
				 secure ? ": take --dry-run --json, and give headers and body to curl" : "");
	if (!found)
		return cli_usage("send", "where does the gateway listen? %s: say it with --url", reason.text);
	s->target = s->url.target.n > 0 && s->url.target.p[0] == '/' ? s->url.target : s->route->config->path;
	return CLI_OK;
}

static int find_secret(struct sending *s)
{
	const struct config_route *route = s->route->config;
	int64_t now_ms = s->now_ms >= 0 ? s->now_ms : clock_wall_ms();

	s->secret = 0;
	for (size_t i = 0; i < route->secret_count; i++) {
		const struct config_secret *secret = &route->secrets[i];
		bool valid = now_ms >= secret->not_before_ms && now_ms <= secret->not_after_ms;

		if (s->secret_name ? slice_eq(secret->name, slice_str(s->secret_name)) : valid) {
			s->secret = i;
			return CLI_OK;
		}
	}
	if (!s->secret_name)
		return CLI_OK;
	fprintf(stderr, "hookgate: send: the route has no secret named %s; it has:", s->secret_name);
	for (size_t i = 0; i < route->secret_count; i++)
		fprintf(stderr, " %.*s", SLICE_ARGS(route->secrets[i].name));
	fputc('\n', stderr);
	return CLI_USAGE;
}

static int find_variant(struct sending *s)
{
	s->verifier =
		s->variant ? trust_verifier_variant(s->route->verifier, slice_str(s->variant)) : s->route->verifier;
	if (!s->verifier)
		return cli_usage("send",
				 "--variant %s: the provider has no such way to sign, or no secret of the route fits "
				 "it; `hookgate providers %.*s` names them behind \"or as\"",
				 s->variant, SLICE_ARGS(s->route->config->provider));
	s->id_in_header = id_in_header(s);
	if (s->key_file || trust_needs_private_key(s->verifier))
		return cli_send_key(s->verifier, s->key_file, &s->key);
	return CLI_OK;
}

static int send_with(struct sending *s, const struct intake_plan *plan)
{
	int status = cli_find_route("send", plan, s->route_name, &s->route);

	s->plan = plan;
	if (status == CLI_OK)
		status = find_url(s, intake_plan_config(plan));
	if (status == CLI_OK)
		status = find_secret(s);
	if (status == CLI_OK)
		status = find_variant(s);
	if (status == CLI_OK && s->data_file)
		status = cli_read_file("send", s->data_file, DATA_MAX, &s->data);
	if (status != CLI_OK)
		return status;
	s->arena = arena_new(ARENA_FIRST, ARENA_MAX);
	if (!s->arena || cli_http_new(&s->url, TIMEOUT_MS, &s->http) != 0)
		return cli_fail("send", "memory is short");
	return send_all(s);
}

static int check_words(const struct sending *s)
{
	/* They stand in headers, where a line feed would begin another one. */
	if (slice_has_control(slice_str(s->type)) || slice_has_control(slice_str(s->id)) ||
	    (s->content_type && slice_has_control(slice_str(s->content_type))))
		return cli_usage("send", "--type, --id and --content-type may have no control characters");
	if (s->dry_run && s->count > 1)
		return cli_usage("send", "--dry-run prints one request: leave --count out");
	return CLI_OK;
}

int cli_send(int argc, char **argv)
{
	struct sending s = { .type = "test", .count = 1, .now_ms = -1 };
	const struct cli_option options[] = {
		{ "config", 'c', .text = &s.file },   { "route", .text = &s.route_name },
		{ "type", .text = &s.type },	      { "id", .text = &s.id },
		{ "data", .text = &s.data_file },     { "content-type", .text = &s.content_type },
		{ "url", .text = &s.url_text },	      { "count", .count = &s.count },
		{ "secret", .text = &s.secret_name }, { "now", .unix_ms = &s.now_ms },
		{ "key", .text = &s.key_file },	      { "variant", .text = &s.variant },
		{ "dry-run", .flag = &s.dry_run },    { "json", .flag = &s.json },
	};
	const struct cli_call call = { "send", help, options, sizeof options / sizeof options[0], 0 };
	struct intake_plan *plan = NULL;
	int status;

	if (!cli_parse(&call, argc, argv, &status))
		return status;
	status = check_words(&s);
	if (status == CLI_OK)
		status = cli_load_plan("send", s.file, &plan);
	if (status == CLI_OK)
		status = send_with(&s, plan);
	cli_http_free(s.http);
	arena_free(s.arena);
	buf_free(&s.data);
	buf_wipe(&s.key);
	intake_plan_unref(plan);
	return status;
}
