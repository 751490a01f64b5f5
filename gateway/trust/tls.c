/* tls.c - TLS by OpenSSL's libssl: what tls/tls.h promises, in the room that names OpenSSL.
 *
 * The difficulty is that all which goes wrong is told in three places: what the call returns, a queue of errors that belongs
 * to the thread, and the result of verifying the certificate. And that libssl writes to sockets as if SIGPIPE did not
 * exist: so it gets a way to the socket of our own. */
#include "tls/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct tls_context {
	atomic_uint holders;
	SSL_CTX *ssl;
};

struct tls_session {
	SSL *ssl;
	int fd;
	bool shaken, gone;
	char name[256];
};

const char *tls_lacking(void)
{
	return NULL;
}

/* The oldest error of the queue, which is nearest to what went wrong. */
static const char *last_error(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_error());
	return text ? text : "no more is known";
}

/* ---- the way to the socket ---- */

static int socket_read(BIO *bio, char *bytes, int room)
{
	struct tls_session *session = BIO_get_data(bio);
	ssize_t n = recv(session->fd, bytes, (size_t)room, 0);
	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	session->gone = session->gone || n == 0;
	return (int)n;
}

static int socket_write(BIO *bio, const char *bytes, int size)
{
	const struct tls_session *session = BIO_get_data(bio);
	ssize_t n = send(session->fd, bytes, (size_t)size, MSG_NOSIGNAL);
	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(bio);
	return (int)n;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
	const struct tls_session *session = BIO_get_data(bio);
	return command == BIO_CTRL_FLUSH || (command == BIO_CTRL_EOF && session && session->gone);
}

/* Lives as long as the process. */
static BIO_METHOD *way;

static void make_way(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
	if (method && BIO_meth_set_read(method, socket_read) == 1 && BIO_meth_set_write(method, socket_write) == 1 &&
	    BIO_meth_set_ctrl(method, socket_control) == 1)
		way = method;
}

/* ---- files ---- */

/* Nobody is asked for the password of a key: it must have none. */
static int no_password(char *out, int size, int writing, void *arg)
{
	return -1;
}

/* What OpenSSL says of a file that is not there is no help. */
static int cannot(const char *key, const char *file, const char *what, struct reason *reason)
{
	if (access(file, R_OK) != 0)
		reason_set(reason, "redis.tls.%s: %s: cannot be read: %s", key, file, strerror(errno));
	else
		reason_set(reason, "redis.tls.%s: %s: %s: %s", key, file, what, last_error());
	return -EINVAL;
}

static int read_files(SSL_CTX *ssl, const struct config_redis_tls *tls, struct reason *reason)
{
	ERR_clear_error();
	if (tls->ca && SSL_CTX_load_verify_file(ssl, tls->ca) != 1)
		return cannot("ca", tls->ca, "holds no certificates", reason);
	if (!tls->ca && SSL_CTX_set_default_verify_paths(ssl) != 1)
		return -ENOMEM;
	if (!tls->cert || !tls->key)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(ssl, tls->cert) != 1)
		return cannot("cert", tls->cert, "holds no certificate", reason);
	if (SSL_CTX_use_PrivateKey_file(ssl, tls->key, SSL_FILETYPE_PEM) != 1)
		return cannot("key", tls->key, "holds no key of this certificate, or one with a password", reason);
	return 0;
}

int tls_context_new(const struct config_redis_tls *tls, struct tls_context **out, struct reason *reason)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct tls_context *context = calloc(1, sizeof *context);
	SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
	int fault = -ENOMEM;
	pthread_once(&once, make_way);
	if (!context || !ssl || !way || SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1)
		goto out;
	/* A Redis that is killed says no good-bye; its protocol itself tells what is whole. */
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_default_passwd_cb(ssl, no_password);
	fault = read_files(ssl, tls, reason);
	ERR_clear_error();
	if (fault != 0)
		goto out;
	atomic_init(&context->holders, 1);
	context->ssl = ssl;
	*out = context;
	return 0;
out:
	if (fault == -ENOMEM)
		reason_set(reason, "memory is short");
	SSL_CTX_free(ssl);
	free(context);
	return fault;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
	atomic_fetch_add_explicit(&context->holders, 1, memory_order_relaxed);
	return context;
}

void tls_context_unref(struct tls_context *context)
{
	if (!context || atomic_fetch_sub_explicit(&context->holders, 1, memory_order_acq_rel) != 1)
		return;
	SSL_CTX_free(context->ssl);
	free(context);
}

/* ---- a session ---- */

static bool is_address(const char *name)
{
	unsigned char ip[16];
	return inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1;
}

/* An address is not told to the server: RFC 6066, section 3, has only names. */
static bool set_name(SSL *ssl, const char *name)
{
	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

int tls_session_new(struct tls_context *context, int fd, const char *name, struct tls_session **out)
{
	struct tls_session *session = calloc(1, sizeof *session);
	SSL *ssl = SSL_new(context->ssl);
	BIO *bio = BIO_new(way);
	size_t n = strlen(name);
	if (!session || !ssl || !bio || n >= sizeof session->name || !set_name(ssl, name)) {
		BIO_free(bio);
		SSL_free(ssl);
		free(session);
		ERR_clear_error();
		return -ENOMEM;
	}
	session->ssl = ssl;
	session->fd = fd;
	memcpy(session->name, name, n);
	BIO_set_data(bio, session);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_connect_state(ssl);
	*out = session;
	return 0;
}

void tls_session_free(struct tls_session *session)
{
	if (!session)
		return;
	ERR_clear_error();
	if (session->shaken)
		(void)SSL_shutdown(session->ssl);
	ERR_clear_error();
	SSL_free(session->ssl);
	free(session);
}

static void why_failed(const struct tls_session *session, int fault, struct reason *reason)
{
	long verified = SSL_get_verify_result(session->ssl);
	if (verified != X509_V_OK && !session->shaken)
		reason_set(reason, "the certificate is not believed for %.100s: %s", session->name,
			   X509_verify_cert_error_string(verified));
	else if (ERR_peek_error() != 0)
		reason_set(reason, "TLS: %.150s%s", last_error(),
			   session->shaken ? "" : "; does it speak TLS at that port?");
	else
		reason_set(reason, "TLS: %s", fault != 0 ? strerror(fault) : "the connection is gone");
}

/* What the call that returned `result` came to. */
static enum tls_end end_of(struct tls_session *session, int result, struct reason *reason)
{
	int fault = errno;
	if (result > 0)
		return TLS_DONE;
	switch (SSL_get_error(session->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return TLS_AWAITS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_AWAITS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		break;
	}
	why_failed(session, fault, reason);
	/* After it, nothing may be written any more, not even a good-bye. */
	session->shaken = false;
	ERR_clear_error();
	return TLS_FAILED;
}

enum tls_end tls_shake(struct tls_session *session, struct reason *reason)
{
	ERR_clear_error();
	errno = 0;
	enum tls_end end = end_of(session, SSL_do_handshake(session->ssl), reason);
	session->shaken = end == TLS_DONE;
	if (end != TLS_CLOSED)
		return end;
	reason_set(reason, "the connection was closed amid the TLS handshake");
	return TLS_FAILED;
}

enum tls_end tls_read(struct tls_session *session, void *bytes, size_t room, size_t *n, struct reason *reason)
{
	ERR_clear_error();
	errno = 0;
	return end_of(session, SSL_read_ex(session->ssl, bytes, room, n), reason);
}

enum tls_end tls_write(struct tls_session *session, struct slice bytes, size_t *n, struct reason *reason)
{
	ERR_clear_error();
	errno = 0;
	return end_of(session, SSL_write_ex(session->ssl, bytes.p, bytes.n, n), reason);
}
