/* moralis.c - Moralis Streams: Keccak-256 of the body with the secret behind it, as hex behind "0x".
 *
 * The special difficulty: Keccak-256 is not SHA3-256. Both are the same sponge (Keccak, version 3, section 4; FIPS 202),
 * but FIPS 202 pads with 0x06 and the older one, which Ethereum uses, with 0x01; no library of ours has the older. */
#include "trust/plugin_help.h"

enum { LANES = 25, ROUNDS = 24, RATE = 136, HASH = 32 };

static const uint64_t ROUND_CONSTANTS[ROUNDS] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
	0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
	0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
	0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
	0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008
};

struct sponge {
	uint64_t lanes[LANES];
	size_t at; /* bytes taken into the block */
};

static uint64_t turn(uint64_t lane, unsigned by)
{
	return by == 0 ? lane : lane << by | lane >> (64 - by);
}

/* theta: each column is mixed with the parity of two others. */
static void mix_columns(uint64_t *a)
{
	uint64_t parity[5];

	for (unsigned x = 0; x < 5; x++)
		parity[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	for (unsigned x = 0; x < 5; x++)
		for (unsigned y = 0; y < LANES; y += 5)
			a[y + x] ^= parity[(x + 4) % 5] ^ turn(parity[(x + 1) % 5], 1);
}

/* rho and pi: each lane is turned and takes another's place; the offsets are the triangular numbers. */
static void move_lanes(uint64_t *a)
{
	unsigned x = 1, y = 0;
	uint64_t carried = a[1];

	for (unsigned t = 0; t < 24; t++) {
		unsigned to = (2 * x + 3 * y) % 5;
		uint64_t here;

		x = y;
		y = to;
		here = a[5 * y + x];
		a[5 * y + x] = turn(carried, (t + 1) * (t + 2) / 2 % 64);
		carried = here;
	}
}

/* chi: within each row. */
static void mix_rows(uint64_t *a)
{
	for (unsigned y = 0; y < LANES; y += 5) {
		uint64_t row[5];

		for (unsigned x = 0; x < 5; x++)
			row[x] = a[y + x];
		for (unsigned x = 0; x < 5; x++)
			a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
	}
}

static void permute(struct sponge *sponge)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		mix_columns(sponge->lanes);
		move_lanes(sponge->lanes);
		mix_rows(sponge->lanes);
		sponge->lanes[0] ^= ROUND_CONSTANTS[round];
	}
	sponge->at = 0;
}

static void add_byte(struct sponge *sponge, size_t at, unsigned char byte)
{
	sponge->lanes[at / 8] ^= (uint64_t)byte << 8 * (at % 8);
}

static void absorb(struct sponge *sponge, struct plugin_bytes bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		add_byte(sponge, sponge->at, bytes.p[i]);
		if (++sponge->at == RATE)
			permute(sponge);
	}
}

static void keccak256(const struct plugin_bytes *pieces, size_t count, unsigned char out[HASH])
{
	struct sponge sponge = { .at = 0 };

	for (size_t i = 0; i < count; i++)
		absorb(&sponge, pieces[i]);
	add_byte(&sponge, sponge.at, 0x01);
	add_byte(&sponge, RATE - 1, 0x80);
	permute(&sponge);
	for (size_t i = 0; i < HASH; i++)
		out[i] = (unsigned char)(sponge.lanes[i / 8] >> 8 * (i % 8));
}

/* ---- the plugin ---- */

struct state {
	struct plugin_bytes signature; /* decoded; empty: it is not encoded as it must be */
};

static enum plugin_result read(const struct plugin_host *host, struct plugin_call *call)
{
	struct state *state = host->state(call, sizeof(*state));
	struct plugin_bytes text;
	enum plugin_result result = state ? plugin_one_header(host, call, "x-signature", &text) : PLUGIN_WRONG;

	if (result != PLUGIN_OK)
		return result;
	if (text.n > 2 && text.p[0] == '0' && text.p[1] == 'x') {
		text = plugin_from(text, 2);
		host->signature(call, text);
		(void)host->decode(call, PLUGIN_HEX, text, &state->signature);
	}
	return PLUGIN_OK;
}

static enum plugin_result hash(const struct plugin_host *host, struct plugin_call *call, uint32_t secret,
			       unsigned char out[HASH])
{
	struct plugin_bytes pieces[2] = { host->part(call, PLUGIN_BODY) };
	enum plugin_result result = host->secret(call, secret, &pieces[1]);

	if (result == PLUGIN_OK)
		keccak256(pieces, 2, out);
	return result;
}

static enum plugin_result prove(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	struct state *state = host->state(call, sizeof(*state));
	unsigned char expected[HASH];
	enum plugin_result result = hash(host, call, secret, expected);

	if (result != PLUGIN_OK)
		return result;
	return host->equal(state->signature, (struct plugin_bytes){ expected, HASH }) ? PLUGIN_OK : PLUGIN_MISMATCH;
}

static enum plugin_result sign(const struct plugin_host *host, struct plugin_call *call, uint32_t secret)
{
	unsigned char out[HASH];
	struct plugin_bytes pieces[2] = { PLUGIN_LITERAL("0x") }, value;
	enum plugin_result result = hash(host, call, secret, out);

	if (result == PLUGIN_OK)
		result = host->encode(call, PLUGIN_HEX, (struct plugin_bytes){ out, HASH }, &pieces[1]);
	if (result == PLUGIN_OK)
		result = host->join(call, pieces, 2, &value);
	return result == PLUGIN_OK ? host->add_header(call, "x-signature", value) : result;
}

PLUGIN_EXPORT const struct plugin plugin_moralis = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct plugin),
	.name = "moralis",
	.scheme = "keccak256 0x-hex over {body}{secret}",
	.read = read,
	.prove = prove,
	.sign = sign,
};
