/* plain.c - a request whose body was compressed, as it was signed: before that.
 *
 * The special difficulty: it is done before anything is proved, so only for providers that are known to do it, only
 * where the header says so, and never without a limit (inflate.h). */
#include "trust/inflate.h"
#include "trust/verify.h"

const struct request *trust_plain(const struct trust_verifier *verifier, const struct request *request,
				  struct arena *arena, struct request *plain)
{
	struct slice encoding = SLICE_NONE, text;

	if (!verifier->description->verify.inflate ||
	    message_header(request, SLICE("Content-Encoding"), &encoding) != 1 ||
	    !slice_eq_nocase(encoding, SLICE("gzip")) || trust_inflate(request->body, arena, &text) != TRUST_INFLATED)
		return request;
	*plain = *request;
	plain->body = text;
	return plain;
}
