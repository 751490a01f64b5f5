/* forwarded.c - the word of trusted proxies, see forwarded.h.
 *
 * The special difficulty: the front of each of these headers is the stranger's own. So a chain is read whole before
 * anything in it is believed, what cannot be read makes all of it worth nothing, and it is walked from the end that our
 * own proxies have written. */
#include "intake/forwarded.h"

#include "base/num.h"

enum { HOPS_MAX = 32, HOST_MAX = 255, PREFIX_MAX = 256 };

struct hop {
	struct slice node, proto, host;
};

struct chain {
	struct hop hops[HOPS_MAX];
	size_t count;
	bool broken;
};

/* What is made of the chain; slices of the headers. */
struct word {
	struct slice address, proto, host;
};

/* ---- values ---- */

static bool of_chars(struct slice s, const char *marks)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i], lower = c | 0x20;

		if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && (c == 0 || !strchr(marks, c)))
			return false;
	}
	return s.n > 0;
}

static struct slice scheme_of(struct slice proto)
{
	if (slice_eq_nocase(proto, SLICE("https")))
		return SLICE("https");
	return slice_eq_nocase(proto, SLICE("http")) ? SLICE("http") : SLICE_NONE;
}

static bool is_host(struct slice host)
{
	return host.n <= HOST_MAX && of_chars(host, ".-_:[]");
}

static bool is_prefix(struct slice prefix)
{
	return prefix.n <= PREFIX_MAX && prefix.n > 0 && prefix.p[0] == '/' &&
	       of_chars(prefix, "/.-_~%!$&'()*+,;=:@") && !memmem(prefix.p, prefix.n, "//", 2);
}

/* The address of "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80"; empty for others ("unknown", "_x"). */
static struct slice address_of(struct slice node)
{
	unsigned char bytes[16];
	size_t end;

	if (node.n > 0 && node.p[0] == '[') {
		node = slice_from(node, 1);
		end = slice_index(node, ']');
		if (end == node.n || (end + 1 < node.n && node.p[end + 1] != ':'))
			return SLICE_NONE;
		node = slice_head(node, end);
	} else {
		end = slice_index(node, ':');
		/* More than one colon: IPv6 without brackets, as X-Forwarded-For has it. */
		if (end < node.n && slice_index(slice_from(node, end + 1), ':') == node.n - end - 1)
			node = slice_head(node, end);
	}
	return config_address_bytes(node, bytes) ? node : SLICE_NONE;
}

/* ---- Forwarded ---- */

/* A token or a quoted string without escapes off the front of *rest. */
static bool read_value(struct slice *rest, struct slice *value)
{
	size_t end = 0;

	if (rest->n > 0 && rest->p[0] == '"') {
		struct slice inside = slice_from(*rest, 1);

		end = slice_index(inside, '"');
		*value = slice_head(inside, end);
		*rest = slice_from(inside, end + 1);
		return end < inside.n && slice_index(*value, '\\') == value->n && !slice_has_control(*value);
	}
	while (end < rest->n && !strchr(",; \t\"", rest->p[end]))
		end++;
	*value = slice_head(*rest, end);
	*rest = slice_from(*rest, end);
	return of_chars(*value, "!#$%&'*+-.^_`|~:[]");
}

/* One "name=value"; a name that stands there twice is an error. */
static bool read_pair(struct slice *rest, struct hop *hop)
{
	static const struct slice names[] = { SLICE_LIT("for"), SLICE_LIT("proto"), SLICE_LIT("host") };
	struct slice *const targets[] = { &hop->node, &hop->proto, &hop->host };
	size_t equals = slice_index(*rest, '=');
	struct slice name = slice_head(*rest, equals), value;

	if (equals == rest->n || !of_chars(name, "!#$%&'*+-.^_`|~"))
		return false;
	*rest = slice_from(*rest, equals + 1);
	if (!read_value(rest, &value) || value.n == 0)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (slice_eq_nocase(name, names[i])) {
			if (targets[i]->n > 0)
				return false;
			*targets[i] = value;
		}
	return true;
}

static bool read_element(struct slice *rest, struct hop *hop)
{
	for (;;) {
		*rest = slice_trim(*rest);
		if (rest->n == 0 || rest->p[0] == ',')
			return true;
		if (rest->p[0] == ';') {
			*rest = slice_from(*rest, 1);
			continue;
		}
		if (!read_pair(rest, hop))
			return false;
		*rest = slice_trim(*rest);
		if (rest->n > 0 && rest->p[0] != ',' && rest->p[0] != ';')
			return false;
	}
}

static void add_forwarded(struct chain *chain, struct slice value)
{
	for (bool more = true; more;) {
		struct hop hop = { .node = SLICE_NONE };

		if (chain->count == HOPS_MAX || !read_element(&value, &hop)) {
			chain->broken = true;
			return;
		}
		more = value.n > 0;
		value = slice_from(value, 1);
		if (hop.node.n > 0 || hop.proto.n > 0 || hop.host.n > 0)
			chain->hops[chain->count++] = hop;
	}
}

/* ---- X-Forwarded-* ---- */

/* The items of all headers of that name, in order; SIZE_MAX when there are too many. */
static size_t list_of(const struct request *request, struct slice name, struct slice items[HOPS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < request->header_count; i++) {
		struct slice rest = request->headers[i].value;

		if (!slice_eq_nocase(request->headers[i].name, name))
			continue;
		for (bool more = rest.n > 0; more;) {
			if (count == HOPS_MAX)
				return SIZE_MAX;
			more = slice_cut(rest, ',', &items[count], &rest);
			items[count] = slice_trim(items[count]);
			count++;
		}
	}
	return count;
}

/* Proxies append to X-Forwarded-For and mostly overwrite the others: an item is the hop's own where there are as many, else
 * the nearest one on its left. */
static struct slice item_of(const struct slice *items, size_t count, size_t hop, size_t hops)
{
	size_t from_end = hops - 1 - hop;

	if (count == 0)
		return SLICE_NONE;
	return from_end < count ? items[count - 1 - from_end] : items[0];
}

static void read_x_forwarded(struct chain *chain, const struct request *request)
{
	struct slice nodes[HOPS_MAX], protos[HOPS_MAX], hosts[HOPS_MAX];
	size_t node_count = list_of(request, SLICE("X-Forwarded-For"), nodes);
	size_t proto_count = list_of(request, SLICE("X-Forwarded-Proto"), protos);
	size_t host_count = list_of(request, SLICE("X-Forwarded-Host"), hosts);

	if (node_count == SIZE_MAX || proto_count == SIZE_MAX || host_count == SIZE_MAX) {
		chain->broken = true;
		return;
	}
	chain->count = node_count > 0 ? node_count : 1;
	for (size_t i = 0; i < chain->count; i++)
		chain->hops[i] = (struct hop){ i < node_count ? nodes[i] : SLICE_NONE,
					       item_of(protos, proto_count, i, chain->count),
					       item_of(hosts, host_count, i, chain->count) };
}

/* ---- the walk ---- */

static void read_chain(struct chain *chain, const struct request *request)
{
	struct slice ignored;

	chain->count = 0;
	chain->broken = false;
	if (message_header(request, SLICE("Forwarded"), &ignored) == 0) {
		read_x_forwarded(chain, request);
		return;
	}
	for (size_t i = 0; i < request->header_count && !chain->broken; i++)
		if (slice_eq_nocase(request->headers[i].name, SLICE("Forwarded")))
			add_forwarded(chain, request->headers[i].value);
}

static void walk(const struct config *config, const struct chain *chain, struct word *word)
{
	for (size_t i = chain->count; i > 0 && config_is_proxy(config, word->address); i--) {
		const struct hop *hop = &chain->hops[i - 1];
		struct slice address = address_of(hop->node);

		if (scheme_of(hop->proto).n > 0)
			word->proto = scheme_of(hop->proto);
		if (is_host(hop->host))
			word->host = hop->host;
		if (address.n == 0)
			return;
		word->address = address;
	}
}

/* "host:port" where the proxy names a port that neither the host nor the scheme says. */
static struct slice with_port(const struct request *request, const struct word *word, struct arena *arena)
{
	struct slice host = word->host, port = SLICE_NONE, after_bracket;
	uint64_t number;

	if (host.n == 0 && message_header(request, SLICE("Host"), &host) != 1)
		return SLICE_NONE;
	after_bracket = slice_from(host, host.n > 0 && host.p[0] == '[' ? slice_index(host, ']') : 0);
	if (message_header(request, SLICE("X-Forwarded-Port"), &port) != 1 || !num_parse_u64(port, 65535, &number) ||
	    number == 0 || slice_index(after_bracket, ':') < after_bracket.n ||
	    number == (slice_eq(word->proto, SLICE("https")) ? 443 : 80))
		return arena_copy(arena, host);
	return arena_printf(arena, "%.*s:%u", SLICE_ARGS(host), (unsigned)number);
}

void intake_forwarded(const struct config *config, struct request *request, struct arena *arena)
{
	struct word word = { .address = request->address };
	struct slice prefix = SLICE_NONE;
	struct chain chain;

	if (!config_is_proxy(config, request->address))
		return;
	read_chain(&chain, request);
	if (chain.broken)
		return;
	walk(config, &chain, &word);
	request->address = arena_copy(arena, word.address);
	request->scheme = word.proto;
	request->authority = with_port(request, &word, arena);
	if (message_header(request, SLICE("X-Forwarded-Prefix"), &prefix) == 1 && is_prefix(prefix))
		request->prefix =
			arena_copy(arena, prefix.p[prefix.n - 1] == '/' ? slice_head(prefix, prefix.n - 1) : prefix);
}
