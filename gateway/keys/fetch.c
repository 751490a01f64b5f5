/* fetch.c - see fetch.h. The only file that names libcurl.
 *
 * The special difficulty: libcurl does much unless it is told not to. Everything that could lead elsewhere is switched
 * off: redirections, proxies from the environment, .netrc, cookies, other protocols, compression; and where a name leads
 * to is judged in the very call that makes the socket, so that an answer of the name server's that changes in between
 * changes nothing. */
#include "keys/fetch.h"

#include "base/buf.h"
#include "base/clock.h"
#include "keys/address.h"
#include "keys/age.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct fetch {
	struct fetch *next, **link;
	CURL *easy;
	void *job;
	const struct config_key_fetch *settings;
	struct buf body;
	struct curl_slist *headers;
	bool refused_address, too_large;
	char error[CURL_ERROR_SIZE];
};

struct keys_fetcher {
	CURLM *multi;
	keys_fetched_fn *done;
	void *arg;
	struct fetch *fetches;
	size_t running;
};

static void init_curl(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

int keys_fetcher_new(keys_fetched_fn *done, void *arg, struct keys_fetcher **out)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct keys_fetcher *fetcher = calloc(1, sizeof *fetcher);

	if (!fetcher)
		return -ENOMEM;
	pthread_once(&once, init_curl);
	fetcher->done = done;
	fetcher->arg = arg;
	fetcher->multi = curl_multi_init();
	if (!fetcher->multi) {
		free(fetcher);
		return -ENOMEM;
	}
	*out = fetcher;
	return 0;
}

/* ---- libcurl's calls ---- */

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct fetch *fetch = arg;

	if (purpose != CURLSOCKTYPE_IPCXN || !keys_address_allowed(&address->addr, fetch->settings->allow_private,
								   fetch->settings->allow_private_count)) {
		fetch->refused_address = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct fetch *fetch = arg;

	if (n > KEYS_DOCUMENT_MAX - fetch->body.n) {
		fetch->too_large = true;
		return 0;
	}
	buf_add(&fetch->body, slice_of(bytes, one * n));
	return buf_failed(&fetch->body) ? 0 : n;
}

/* ---- beginning ---- */

struct set {
	CURL *easy;
	bool failed;
};

static void set_long(struct set *set, CURLoption option, long value)
{
	set->failed |= curl_easy_setopt(set->easy, option, value) != CURLE_OK;
}

static void set_pointer(struct set *set, CURLoption option, const void *value)
{
	set->failed |= curl_easy_setopt(set->easy, option, value) != CURLE_OK;
}

static bool add_header(struct fetch *fetch, const char *line)
{
	struct curl_slist *more = curl_slist_append(fetch->headers, line);

	if (more)
		fetch->headers = more;
	return more != NULL;
}

/* What makes it more than a GET of a URL. libcurl copies the headers, and wipes nothing: the copy that is ours is wiped. */
static bool set_request(struct fetch *fetch, const struct keys_request *request, struct set *set)
{
	if (!request->content_type && !request->authorization)
		return true;
	if (!add_header(fetch, "Accept: application/json") ||
	    (request->authorization && !add_header(fetch, request->authorization)) ||
	    (request->content_type && !add_header(fetch, request->content_type)))
		return false;
	set_pointer(set, CURLOPT_HTTPHEADER, fetch->headers);
	if (!request->content_type)
		return true;
	set_long(set, CURLOPT_POST, 1);
	set_pointer(set, CURLOPT_POSTFIELDS, request->body.n > 0 ? (const void *)request->body.p : "");
	set->failed |=
		curl_easy_setopt(set->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n) != CURLE_OK;
	return true;
}

static bool set_up(struct fetch *fetch, const struct keys_request *request)
{
	struct set set = { .easy = fetch->easy };

	set_pointer(&set, CURLOPT_URL, request->url);
	set_pointer(&set, CURLOPT_PROTOCOLS_STR, "https");
	set_pointer(&set, CURLOPT_PROXY, "");
	set_pointer(&set, CURLOPT_USERAGENT, "hookgate/" HOOKGATE_VERSION);
	set_pointer(&set, CURLOPT_PRIVATE, fetch);
	set_pointer(&set, CURLOPT_ERRORBUFFER, fetch->error);
	set_long(&set, CURLOPT_FOLLOWLOCATION, 0);
	set_long(&set, CURLOPT_DISALLOW_USERNAME_IN_URL, 1);
	set_long(&set, CURLOPT_PATH_AS_IS, 1);
	set_long(&set, CURLOPT_NETRC, CURL_NETRC_IGNORED);
	set_long(&set, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	set_long(&set, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	set_long(&set, CURLOPT_SSL_VERIFYPEER, 1);
	set_long(&set, CURLOPT_SSL_VERIFYHOST, 2);
	set_long(&set, CURLOPT_CONNECTTIMEOUT_MS, KEYS_CONNECT_MS);
	set_long(&set, CURLOPT_TIMEOUT_MS, KEYS_FETCH_MS);
	/* A connection that was judged for one fetch is not used by another. */
	set_long(&set, CURLOPT_FORBID_REUSE, 1);
	set_long(&set, CURLOPT_NOSIGNAL, 1);
	/* The end does not wait for a slow name server. */
	set_long(&set, CURLOPT_QUICK_EXIT, 1);
	set.failed |= curl_easy_setopt(set.easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)KEYS_DOCUMENT_MAX) != CURLE_OK;
	set.failed |= curl_easy_setopt(set.easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) != CURLE_OK;
	set.failed |= curl_easy_setopt(set.easy, CURLOPT_WRITEFUNCTION, take_body) != CURLE_OK;
	set_pointer(&set, CURLOPT_OPENSOCKETDATA, fetch);
	set_pointer(&set, CURLOPT_WRITEDATA, fetch);
	if (fetch->settings->ca_file) {
		set_pointer(&set, CURLOPT_CAINFO, fetch->settings->ca_file);
		set_pointer(&set, CURLOPT_CAPATH, NULL);
	}
	return set_request(fetch, request, &set) && !set.failed;
}

static void fetch_free(struct fetch *fetch)
{
	curl_easy_cleanup(fetch->easy);
	for (struct curl_slist *header = fetch->headers; header; header = header->next)
		explicit_bzero(header->data, strlen(header->data));
	curl_slist_free_all(fetch->headers);
	/* It may be a token. */
	buf_wipe(&fetch->body);
	free(fetch);
}

int keys_fetcher_start(struct keys_fetcher *fetcher, const struct keys_request *request,
		       const struct config_key_fetch *settings, void *job)
{
	struct fetch *fetch = calloc(1, sizeof *fetch);

	if (!fetch)
		return -ENOMEM;
	fetch->job = job;
	fetch->settings = settings;
	fetch->easy = curl_easy_init();
	if (!fetch->easy || !set_up(fetch, request) || curl_multi_add_handle(fetcher->multi, fetch->easy) != CURLM_OK) {
		fetch_free(fetch);
		return -ENOMEM;
	}
	fetch->next = fetcher->fetches;
	fetch->link = &fetcher->fetches;
	if (fetch->next)
		fetch->next->link = &fetch->next;
	fetcher->fetches = fetch;
	fetcher->running++;
	return 0;
}

/* ---- ending ---- */

static enum keys_ending ending_of(const struct fetch *fetch, CURLcode code, long status)
{
	if (fetch->too_large || code == CURLE_FILESIZE_EXCEEDED)
		return KEYS_ENDED_TOO_LARGE;
	if (code == CURLE_OK)
		return status == 200 ? KEYS_ENDED_WELL : KEYS_ENDED_STATUS;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return KEYS_ENDED_TIMEOUT;
	if (fetch->refused_address && (code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK))
		return KEYS_ENDED_ADDRESS;
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
	    code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CIPHER || code == CURLE_SSL_ISSUER_ERROR)
		return KEYS_ENDED_TLS;
	return KEYS_ENDED_CONNECT;
}

static struct slice header(CURL *easy, const char *name)
{
	struct curl_header *found;

	if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
		return SLICE_NONE;
	return slice_str(found->value);
}

static void tell(struct keys_fetcher *fetcher, struct fetch *fetch, CURLcode code)
{
	struct keys_fetched fetched = { .reason = "" };
	struct reason reason = { "" };
	long status = 0;

	(void)curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	fetched.ending = ending_of(fetch, code, status);
	fetched.status = (unsigned)status;
	fetched.bytes = buf_slice(&fetch->body);
	switch (fetched.ending) {
	case KEYS_ENDED_WELL:
		fetched.kept_ms =
			keys_age_kept_ms(header(fetch->easy, "Cache-Control"), header(fetch->easy, "Age"),
					 header(fetch->easy, "Expires"), header(fetch->easy, "Date"), clock_wall_ms());
		break;
	case KEYS_ENDED_STATUS:
		reason_set(&reason,
			   status / 100 == 3 ? "it was answered with a redirection (%ld), and none is followed"
					     : "it was answered with status %ld",
			   status);
		break;
	case KEYS_ENDED_TOO_LARGE:
		reason_set(&reason, "the answer has more than %d bytes", KEYS_DOCUMENT_MAX);
		break;
	case KEYS_ENDED_ADDRESS:
		reason_set(&reason,
			   "the name leads to an address that is not public; key_fetch.allow_private allows some");
		break;
	case KEYS_ENDED_TIMEOUT:
	case KEYS_ENDED_CONNECT:
	case KEYS_ENDED_TLS:
	case KEYS_ENDED_ABSENT:
	case KEYS_ENDED_LIMITED:
	case KEYS_ENDINGS:
		reason_set(&reason, "%s", fetch->error[0] ? fetch->error : curl_easy_strerror(code));
		break;
	}
	fetched.reason = reason.text;
	fetcher->done(fetcher->arg, fetch->job, &fetched);
}

static void drop(struct keys_fetcher *fetcher, struct fetch *fetch)
{
	(void)curl_multi_remove_handle(fetcher->multi, fetch->easy);
	*fetch->link = fetch->next;
	if (fetch->next)
		fetch->next->link = fetch->link;
	fetcher->running--;
	fetch_free(fetch);
}

void keys_fetcher_run(struct keys_fetcher *fetcher, int timeout_ms)
{
	CURLMsg *message;
	int running, left;

	(void)curl_multi_poll(fetcher->multi, NULL, 0, timeout_ms, NULL);
	(void)curl_multi_perform(fetcher->multi, &running);
	while ((message = curl_multi_info_read(fetcher->multi, &left))) {
		struct fetch *fetch = NULL;
		CURLcode code = message->data.result;

		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
		tell(fetcher, fetch, code);
		drop(fetcher, fetch);
	}
}

size_t keys_fetcher_running(const struct keys_fetcher *fetcher)
{
	return fetcher->running;
}

void keys_fetcher_wake(struct keys_fetcher *fetcher)
{
	(void)curl_multi_wakeup(fetcher->multi);
}

void keys_fetcher_free(struct keys_fetcher *fetcher, void (*dropped)(void *arg, void *job), void *arg)
{
	while (fetcher->fetches) {
		dropped(arg, fetcher->fetches->job);
		drop(fetcher, fetcher->fetches);
	}
	(void)curl_multi_cleanup(fetcher->multi);
	free(fetcher);
}
