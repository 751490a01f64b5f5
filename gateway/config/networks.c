/* networks.c - `trusted_proxies`: addresses and networks.
 *
 * The special difficulty: a mistake here lets strangers say who they are. So a network with bits set behind its prefix
 * is refused (10.0.0.1/8 means one or the other), and so are names. */
#include "config/values.h"

static bool read_network(struct slice text, struct config_network *out, struct reason *reason)
{
	*out = (struct config_network){ .is_unix = slice_eq(text, SLICE("unix")) };
	return out->is_unix || config_range_parse(text, &out->range, reason);
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
		struct reason reason = { "" };
		if (!config_is_line(item))
			continue;
		if (read_network(item->text, &networks[n], &reason))
			n++;
		else
			config_schema_refuse(r, CONFIG_SECTION_TOP, "trusted_proxies", item, reason.text);
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
		if (network->is_unix ? is_unix : !is_unix && config_range_has(&network->range, bytes))
			return true;
	}
	return false;
}
