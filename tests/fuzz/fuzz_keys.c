/* fuzz_keys.c - URLs from anywhere, and how long an answer says that it may be kept.
 *
 * What is allowed must be to libcurl what it is to us: the same scheme, host and path, no user, no other port. Input: a
 * URL, then Cache-Control, Age, Expires and Date, a line each. */
#include "fuzz.h"
#include "keys/age.h"
#include "keys/url.h"

#include <curl/curl.h>

/* What libcurl makes of a part; "" where there is none. */
static void same_part(CURLU *url, CURLUPart part, struct slice ours)
{
	char *theirs = NULL;
	CURLUcode code = curl_url_get(url, part, &theirs, 0);

	MUST(code == CURLUE_OK ? slice_eq(slice_str(theirs), ours) : ours.n == 0);
	curl_free(theirs);
}

static void compare(struct slice text, const struct keys_url *parsed)
{
	CURLU *url = curl_url();
	char *copy = calloc(1, text.n + 1), *port = NULL;

	MUST(url && copy);
	memcpy(copy, text.p, text.n);
	MUST(strlen(copy) == text.n);
	MUST(curl_url_set(url, CURLUPART_URL, copy, CURLU_PATH_AS_IS) == CURLUE_OK);
	same_part(url, CURLUPART_SCHEME, SLICE("https"));
	same_part(url, CURLUPART_HOST, parsed->host);
	same_part(url, CURLUPART_PATH, parsed->path.n > 0 ? parsed->path : SLICE("/"));
	same_part(url, CURLUPART_USER, SLICE_NONE);
	same_part(url, CURLUPART_FRAGMENT, SLICE_NONE);
	MUST(curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK);
	MUST(slice_eq(slice_str(port), SLICE("443")));
	curl_free(port);
	free(copy);
	curl_url_cleanup(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size), url, headers[4];
	struct keys_url parsed;
	int64_t kept_ms;

	slice_cut(rest, '\n', &url, &rest);
	for (size_t i = 0; i < 4; i++)
		slice_cut(rest, '\n', &headers[i], &rest);
	if (keys_url_parse(url, &parsed, NULL)) {
		compare(url, &parsed);
		MUST(keys_host_matches(parsed.host, parsed.host));
		MUST(keys_host_pattern(parsed.host, NULL));
	}
	if (keys_host_pattern(url, NULL))
		(void)keys_host_matches(url, SLICE("sns.us-east-1.amazonaws.com"));
	kept_ms = keys_age_kept_ms(headers[0], headers[1], headers[2], headers[3], 1776138612000);
	MUST(kept_ms >= KEYS_KEPT_LEAST_MS && kept_ms <= KEYS_KEPT_MOST_MS);
	return 0;
}
