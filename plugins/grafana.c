/* grafana.c - Grafana Alerting: HMAC-SHA256 of the body, or of {timestamp}:{body} where the contact point has a header for the
 * time.
 *
 * The special difficulty: both header names are the contact point's settings, so they are the route's options; and the
 * delivery may not choose between the two rules: without its time a delivery could be replayed for ever.
 * Source: https://github.com/grafana/alerting, http/hmac.go */
#include "trust/plugin_help.h"

enum { NAME_MAX = 128 };

static const char usual_name[] = "X-Grafana-Alerting-Signature";

struct state {
	struct plugin_bytes signature; /* decoded; empty: it is not hex */
	struct plugin_bytes text;
};

/* The route's option as a header's name. False when it has none. */
static bool name_of(const struct plugin_host *host, struct plugin_call *call, const char *option, char out[NAME_MAX])
{
	struct plugin_bytes value;

	if (host->option(call, option, 0, &value) == 0 || value.n == 0 || value.n >= NAME_MAX)
		return false;
	for (size_t i = 0; i < value.n; i++)
		out[i] = (char)value.p[i];
	out[value.n] = '\0';
	return true;
}

static enum plugin_result signed_text(const struct plugin_host *host, struct plugin_call *call,
				      struct plugin_bytes time, struct plugin_bytes *text)
{
	struct plugin_bytes pieces[3] = { time, PLUGIN_LITERAL(":"), host->part(call, PLUGIN_BODY) };

	return time.n > 0 ? host->join(call, pieces, 3, text) : host->join(call, pieces + 2, 1, text);
}

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes signature, time = { NULL, 0 };
	char name[NAME_MAX];
	enum plugin_result result;

	if (!state)
		return PLUGIN_WRONG;
	result = plugin_one_header(host, call, name_of(host, call, "header", name) ? name : usual_name, &signature);
	if (result == PLUGIN_OK && name_of(host, call, "timestamp_header", name))
		result = plugin_one_header(host, call, name, &time);
	if (result == PLUGIN_OK && time.n > 0)
		result = plugin_signed_seconds(host, call, time);
	if (result != PLUGIN_OK)
		return result;
	host->signature(call, signature);
	(void)host->decode(call, PLUGIN_HEX, signature, &state->signature);
	result = signed_text(host, call, time, &state->text);
	if (result == PLUGIN_OK)
		host->signed_text(call, &state->text, 1);
	return result;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));

	return plugin_mac_is(host, call, PLUGIN_SHA256, secret, &state->text, 1, state->signature);
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct plugin_bytes time = { NULL, 0 }, text, value;
	char name[NAME_MAX];
	enum plugin_result result = PLUGIN_OK;

	if (name_of(host, call, "timestamp_header", name)) {
		time = plugin_decimal(host, call, host->now_ms(call) / 1000);
		result = host->add_header(call, name, time);
	}
	if (result == PLUGIN_OK)
		result = signed_text(host, call, time, &text);
	if (result == PLUGIN_OK)
		result = plugin_mac_text(host, call, PLUGIN_SHA256, PLUGIN_HEX, secret, &text, 1, &value);
	if (result != PLUGIN_OK)
		return result;
	return host->add_header(call, name_of(host, call, "header", name) ? name : usual_name, value);
}

static const struct plugin_option options[] = {
	{ "timestamp_header", PLUGIN_OPTION_TEXT, false, "the contact point's header for the time, where it has one" },
	{ "header", PLUGIN_OPTION_TEXT, false,
	  "the contact point's header for the signature, where it has been changed" },
};

PLUGIN_EXPORT const struct plugin plugin_grafana = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "grafana",
	.scheme = "hmac-sha256 hex over {body}, or {timestamp}:{body} with the option timestamp_header",
	.flags = PLUGIN_TELLS_TIME,
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.read = read,
	.prove = prove,
	.sign = sign,
};
