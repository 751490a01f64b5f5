/* event.c - step 5: the id and the type of an accepted delivery.
 *
 * The special difficulty: the id decides whether an event is stored or dropped as a duplicate. So a body that cannot be
 * read is never taken for one without an id, an id is never cut or cleaned, and one that could not be what the provider
 * sent is refused. The type only labels: where it cannot be found it is empty. */
#include "base/encode.h"
#include "trust/digest.h"
#include "trust/plugin_call.h"

#include <errno.h>

enum { VALUE_MAX = 512, MADE_UP_BYTES = 16 };

/* A body is not read for what no filter asks for. */
static bool wants_detail(const struct trust_verifier *verifier)
{
	return verifier->description->detail.count > 0 &&
	       verifier->route->include.count + verifier->route->exclude.count > 0;
}

/* Looks up what id and type need in one walk; when that fails, what only the id needs. False: the id cannot be told. */
static bool look_up(struct trust_reading *reading, bool detail)
{
	const struct trust_description *d = reading->description;
	uint32_t label = d->type.pointers | (detail ? d->detail.pointers : 0);

	if (trust_reading_look_up(reading, d->id.pointers | label) == JSON_OK)
		return true;
	return trust_reading_look_up(reading, d->id.pointers) == JSON_OK;
}

static enum trust_found find(const struct trust_source *source, struct trust_reading *reading, struct slice *out)
{
	for (size_t i = 0; i < source->count; i++) {
		struct slice value;
		enum trust_found found = trust_template_join(&source->alternatives[i], reading, &value);

		if (found == TRUST_ABSENT || (found == TRUST_FOUND && value.n == 0))
			continue;
		if (found == TRUST_FOUND)
			*out = value;
		return found;
	}
	return TRUST_ABSENT;
}

struct finding {
	enum trust_event_result result;
	const char *reason;
};

static struct finding fine(void)
{
	return (struct finding){ TRUST_EVENT_OK, "" };
}

/* Judges what was found; `in_body` tells whose fault it is. */
static struct finding judge(enum trust_found found, struct slice value, bool in_body, const char *repeated,
			    const char *wrong)
{
	enum trust_event_result malformed = in_body ? TRUST_EVENT_MALFORMED_BODY : TRUST_EVENT_MALFORMED_REQUEST;

	if (found == TRUST_REPEATED)
		return (struct finding){ malformed, repeated };
	if (found == TRUST_UNREADABLE || (found == TRUST_FOUND && (value.n > VALUE_MAX || slice_has_control(value))))
		return (struct finding){ malformed, wrong };
	return fine();
}

static struct slice hex_of(const unsigned char *bytes, size_t n, struct arena *arena)
{
	char *hex = arena_alloc(arena, 2 * n);

	if (!hex)
		return SLICE_NONE;
	encode_hex(slice_of(bytes, n), hex);
	return slice_of(hex, 2 * n);
}

/* SHA-256 of the signed bytes; of the body where no text is signed; of both where two events may have the same signed
 * bytes: those that differ in what is not signed are two. */
static struct slice digest_id(const struct trust_verifier *verifier, const struct request *request, struct arena *arena)
{
	const struct trust_description *d = verifier->description;
	struct slice pieces[TRUST_PARTS_MAX + 1];
	struct trust_evidence evidence;
	unsigned char hash[32];
	const char *ignored;
	size_t count = 0;

	if (trust_gather(verifier, request, 0, arena, &evidence, &ignored) == TRUST_ACCEPTED)
		for (; count < evidence.parts.n; count++)
			pieces[count] = evidence.parts.p[count];
	if (count == 0 || d->verify.plugin || d->verify.covered == TRUST_COVER_NONE || d->no_guard)
		pieces[count++] = request->body;
	trust_sha256_pieces(pieces, count, hash);
	return hex_of(hash, sizeof(hash), arena);
}

/* An id for an event that has none, by the route's policy. */
static int make_up(const struct trust_verifier *verifier, const struct request *request, struct arena *arena,
		   struct trust_event *event, enum trust_event_result *result)
{
	unsigned char random[MADE_UP_BYTES];
	int fault;

	switch (verifier->route->missing_id) {
	case CONFIG_MISSING_REJECT:
		*result = TRUST_EVENT_ID_MISSING;
		event->reason = "there is no event id, and the route wants one";
		return 0;
	case CONFIG_MISSING_ACCEPT:
		fault = trust_random(random, sizeof(random));
		if (fault)
			return fault;
		event->id = hex_of(random, sizeof(random), arena);
		event->deduplicate = false;
		return 0;
	case CONFIG_MISSING_DIGEST:
		break;
	}
	event->id = digest_id(verifier, request, arena);
	event->deduplicate = true;
	return 0;
}

static struct finding read_id(struct trust_reading *reading, struct slice told, bool detail, struct trust_event *event)
{
	const struct trust_source *source = &reading->description->id;
	struct slice id = told;
	enum trust_found found;
	struct finding finding;

	if (!look_up(reading, detail))
		return (struct finding){ TRUST_EVENT_MALFORMED_BODY, "the body says that it is JSON and is not" };
	found = told.n > 0 ? TRUST_FOUND : find(source, reading, &id);
	finding = judge(found, id, told.n > 0 || source->pointers != 0, "the event id stands there more than once",
			"the event id is longer than 512 bytes, has control characters, or cannot be read");
	if (finding.result == TRUST_EVENT_OK && found == TRUST_FOUND) {
		event->id = id;
		event->id_found = event->deduplicate = true;
	}
	return finding;
}

static struct finding read_type(struct trust_reading *reading, struct slice told, struct trust_event *event)
{
	const struct trust_source *source = &reading->description->type;
	struct slice type = told;
	enum trust_found found = told.n > 0 ? TRUST_FOUND : find(source, reading, &type);
	struct finding finding =
		judge(found, type, source->pointers != 0, "the event type stands there more than once",
		      "the event type is longer than 512 bytes, has control characters, or cannot be read");

	if (finding.result == TRUST_EVENT_OK && found == TRUST_FOUND)
		event->type = type;
	return finding;
}

/* One that cannot be told is none: it only labels. */
static void read_detail(struct trust_reading *reading, struct trust_event *event)
{
	struct slice detail;

	if (find(&reading->description->detail, reading, &detail) == TRUST_FOUND)
		event->detail = detail;
}

int trust_read_event(const struct trust_verifier *route_verifier, const struct request *sent, struct arena *arena,
		     struct trust_event *event, enum trust_event_result *result)
{
	struct request plain;
	const struct request *request = trust_plain(route_verifier, sent, arena, &plain);
	const struct trust_verifier *verifier = trust_pick(route_verifier, request, arena);
	const struct trust_description *d = verifier->description;
	struct trust_reading reading;
	struct trust_event e = { .reason = "" };
	struct finding finding = { TRUST_EVENT_OK, "the body is not as this provider sends it" };
	struct slice id, type;
	enum trust_event_result r;
	int fault = trust_plugin_event(verifier, request, arena, &id, &type, &finding.result);

	if (fault)
		return fault;
	trust_reading_begin(&reading, d, request, arena, verifier);
	reading.family = trust_family(&d->verify, request);
	if (finding.result == TRUST_EVENT_OK)
		finding = read_id(&reading, id, wants_detail(verifier), &e);
	if (finding.result == TRUST_EVENT_OK)
		finding = read_type(&reading, type, &e);
	if (finding.result == TRUST_EVENT_OK && wants_detail(verifier))
		read_detail(&reading, &e);
	r = finding.result;
	e.reason = finding.reason;
	if (r == TRUST_EVENT_OK && !e.id_found)
		fault = make_up(verifier, request, arena, &e, &r);
	if (!fault && arena_failed(arena))
		fault = -ENOMEM;
	if (fault)
		return fault;
	*event = e;
	*result = r;
	return 0;
}
