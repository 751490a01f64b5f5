/* networks.c - `trusted_proxies`: addresses and networks.
 *
 * The special difficulty: a mistake here lets strangers say who they are. So a network with bits set behind its prefix
 * is refused (10.0.0.1/8 means one or the other), and so are names. */
#include "base/num.h"
#include "config/values.h"

#include <arpa/inet.h>

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

/* "10.0.0.0" or "fd00::" into 16 bytes; *offset is where its own bits begin. */
static bool read_address(struct slice text, unsigned char out[16], unsigned *offset)
{
	char copy[INET6_ADDRSTRLEN];
	if (text.n == 0 || text.n >= sizeof copy || slice_has_control(text))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (inet_pton(AF_INET6, copy, out) == 1) {
		*offset = 0;
		return true;
	}
	memcpy(out, mapped, sizeof mapped);
	*offset = 96;
	return inet_pton(AF_INET, copy, out + sizeof mapped) == 1;
}

bool config_address_bytes(struct slice text, unsigned char out[16])
{
	unsigned offset;
	return read_address(text, out, &offset);
}

/* NULL, or what is wrong with it. */
static const char *read_network(struct slice text, struct config_network *out)
{
	struct slice address, prefix;
	unsigned offset;
	uint64_t bits = 0;
	*out = (struct config_network){ .is_unix = slice_eq(text, SLICE("unix")) };
	if (out->is_unix)
		return NULL;
	bool cut = slice_cut(text, '/', &address, &prefix);
	if (!read_address(address, out->address, &offset))
		return "no address";
	if (cut && !num_parse_u64(prefix, 128 - offset, &bits))
		return "no such prefix length";
	out->bits = cut ? (unsigned)bits + offset : 128;
	for (unsigned i = out->bits; i < 128; i++)
		if (out->address[i / 8] & (0x80U >> i % 8))
			return "bits are set behind the prefix";
	return NULL;
}

void config_read_networks(const struct config_reader *r, struct config_draft *draft)
{
	const struct config_node *node = draft->trusted_proxies;
	if (!node)
		return;
	bool is_list = node->kind == CONFIG_LIST;
	size_t count = is_list ? node->count : 1, n = 0;
	struct config_network *networks = config_pool_array(r->pool, count, sizeof(*networks));
	if (!networks)
		return;
	for (const struct config_node *item = is_list ? node->first : node; item; item = is_list ? item->next : NULL) {
		const char *why;
		if (!config_is_line(item))
			continue;
		why = read_network(item->text, &networks[n]);
		if (why)
			config_schema_refuse(r, CONFIG_SECTION_TOP, "trusted_proxies", item, why);
		else
			n++;
	}
	draft->config.proxies = networks;
	draft->config.proxy_count = n;
}

bool config_is_proxy(const struct config *config, struct slice address)
{
	unsigned char bytes[16];
	bool is_unix = slice_eq(address, SLICE("unix"));
	if (config->proxy_count == 0 || (!is_unix && !config_address_bytes(address, bytes)))
		return false;
	for (size_t i = 0; i < config->proxy_count; i++) {
		const struct config_network *network = &config->proxies[i];
		unsigned whole = network->bits / 8, left = network->bits % 8;
		if (is_unix || network->is_unix) {
			if (is_unix && network->is_unix)
				return true;
			continue;
		}
		if (memcmp(bytes, network->address, whole) == 0 &&
		    (left == 0 || ((bytes[whole] ^ network->address[whole]) & (0xffU << (8 - left)) & 0xffU) == 0))
			return true;
	}
	return false;
}
