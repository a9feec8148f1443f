/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL reads and writes memory only: received bytes are written to its input BIO in slices, and
 * its output BIO is sent at once. A stream is CONNECTING (TCP), HANDSHAKE, OPEN, then CLOSED: its
 * end was reported to the owner, or the owner closed it. It is freed when the outermost of our
 * functions on the stack returns (busy). */
#include "io/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "io/clock.h"
#include "io/tcp.h"
#include "io/tls_context.h"

enum {
	SLICE = 16384,
	MAX_QUEUED = 1 << 20,
	HELD_MAX = 16 << 20, /* more than a connection delivers per turn */
	NAME_MAX_BYTES = 253,
	ALPN_MAX = 64
};

enum state { CONNECTING, HANDSHAKE, OPEN, CLOSED };

struct nd_tls_stream {
	struct nd_loop *loop;
	struct nd_tcp *tcp; /* NULL: already closed */
	struct nd_tls_target *to;
	struct nd_tls_handler handler;
	SSL *ssl;
	BIO *in, *out; /* ssl's */
	enum state state;
	unsigned busy;
	bool paused;
	size_t max_queued;
	struct nd_buf early; /* written before the handshake was done */
	struct nd_buf held;  /* received while paused */
	struct nd_timer resume;
	char alpn[16];
	char text[ND_TLS_TEXT_MAX];
};

/* --- targets --- */

static bool is_host(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] <= ' ' || (unsigned char)name[i] >= 0x7f)
			return false;
	return true;
}

int nd_tls_target_init(struct nd_tls_target *t, struct nd_tls *tls, const struct nd_addr *addr,
		       const char *name, const char *alpn)
{
	if (!is_host(name) || (alpn && (!*alpn || strlen(alpn) >= ALPN_MAX)))
		return ND_EFORMAT;
	char *own_name = strdup(name), *own_alpn = alpn ? strdup(alpn) : NULL;
	if (!own_name || (alpn && !own_alpn)) {
		free(own_name);
		free(own_alpn);
		return -ENOMEM;
	}
	/* Certificates have no trailing dot. */
	size_t n = strlen(own_name);
	if (n > 1 && own_name[n - 1] == '.')
		own_name[n - 1] = '\0';
	*t = (struct nd_tls_target){
		.tls = nd_tls_ref(tls), .addr = *addr, .name = own_name, .alpn = own_alpn
	};
	return 0;
}

static void drop_session(struct nd_tls_target *t)
{
	if (t->session)
		SSL_SESSION_free(t->session);
	t->session = NULL;
}

void nd_tls_target_clear(struct nd_tls_target *t)
{
	drop_session(t);
	nd_tls_unref(t->tls);
	free(t->name);
	free(t->alpn);
	*t = (struct nd_tls_target){ 0 };
}

/* --- callbacks of OpenSSL --- */

/* 1: we keep the session's reference. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct nd_tls_stream *s = SSL_get_app_data(ssl);

	if (!s->to)
		return 0;
	drop_session(s->to);
	s->to->session = session;
	return 1;
}

static int on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct nd_tls_stream *s = SSL_get_app_data(ssl);

	if (!ok)
		nd_tls_context_verdict(s->text, store, s->to->name);
	return ok;
}

/* --- closing --- */

/* Ends every function that may have called the owner. */
static void leave(struct nd_tls_stream *s)
{
	if (--s->busy || s->state != CLOSED)
		return;
	SSL_free(s->ssl);
	nd_buf_clear(&s->early);
	nd_buf_clear(&s->held);
	free(s);
}

static void flush(struct nd_tls_stream *s)
{
	char *bytes;
	long n = BIO_get_mem_data(s->out, &bytes);

	if (n > 0 && s->tcp)
		nd_tcp_write(s->tcp, bytes, (size_t)n);
	(void)BIO_reset(s->out);
}

/* No handler is called after this. */
static void detach(struct nd_tls_stream *s)
{
	/* A session remains resumable after an unclean close (RFC 5246 s7.2.1). */
	if (s->state == OPEN)
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	s->state = CLOSED;
	s->to = NULL;
	nd_timer_stop(&s->resume);
	if (s->tcp)
		nd_tcp_close(s->tcp);
	s->tcp = NULL;
}

/* Closes and reports err to the owner. The text is set. */
static void end(struct nd_tls_stream *s, int err)
{
	bool was_open = s->state == OPEN;

	if (!was_open && s->to)
		drop_session(s->to);
	if (s->ssl)
		flush(s); /* the alert */
	detach(s);
	if (!was_open)
		s->handler.on_open(s->handler.ctx, s, err);
	else
		s->handler.on_close(s->handler.ctx, s, err);
}

static void end_by_openssl(struct nd_tls_stream *s)
{
	if (s->text[0]) /* set by on_verify() */
		ERR_clear_error();
	else
		nd_tls_context_reason(s->text, s->state == HANDSHAKE ? "handshake" : "TLS");
	end(s, ND_ETLS);
}

void nd_tls_close(struct nd_tls_stream *s)
{
	if (!s || s->state == CLOSED)
		return;
	s->busy++;
	if (s->state == OPEN) {
		ERR_clear_error();
		SSL_shutdown(s->ssl);
		ERR_clear_error();
		flush(s);
	}
	detach(s);
	leave(s);
}

/* --- bytes --- */

static void on_handshake_done(struct nd_tls_stream *s)
{
	const unsigned char *alpn;
	unsigned n;

	SSL_get0_alpn_selected(s->ssl, &alpn, &n);
	if (n < sizeof s->alpn)
		memcpy(s->alpn, alpn ? (const char *)alpn : "", n);
	s->state = OPEN;
	s->text[0] = '\0';
	if (s->paused)
		nd_tcp_pause(s->tcp, true);
	if (SSL_session_reused(s->ssl))
		s->to->resumed++;
	if (s->early.len)
		nd_tls_write(s, s->early.data, s->early.len);
	nd_buf_clear(&s->early);
	s->handler.on_open(s->handler.ctx, s, 0);
}

static void do_handshake(struct nd_tls_stream *s)
{
	ERR_clear_error();
	int ret = SSL_do_handshake(s->ssl);
	if (ret != 1 && SSL_get_error(s->ssl, ret) != SSL_ERROR_WANT_READ) {
		end_by_openssl(s);
		return;
	}
	flush(s);
	if (ret == 1)
		on_handshake_done(s);
}

/* Delivers decrypted data. */
static void read_clear(struct nd_tls_stream *s)
{
	uint8_t clear[SLICE];

	while (s->state == OPEN && !s->paused) {
		ERR_clear_error();
		int n = SSL_read(s->ssl, clear, sizeof clear);
		if (n > 0) {
			s->handler.on_data(s->handler.ctx, s, clear, (size_t)n);
			continue;
		}
		int why = SSL_get_error(s->ssl, n);
		if (why == SSL_ERROR_WANT_READ) {
			flush(s);
			return;
		}
		if (why == SSL_ERROR_ZERO_RETURN) {
			snprintf(s->text, sizeof s->text, "closed by the peer");
			end(s, 0);
		} else {
			end_by_openssl(s);
		}
		return;
	}
}

/* Passes received bytes to OpenSSL, in slices to keep its buffers small. */
static void feed(struct nd_tls_stream *s, const uint8_t *bytes, size_t n)
{
	do {
		if (s->state == OPEN && s->paused) {
			if (n && nd_buf_add(&s->held, bytes, n)) {
				snprintf(s->text, sizeof s->text, "out of memory");
				end(s, -ENOMEM);
			}
			return;
		}
		size_t slice = n < SLICE ? n : SLICE;
		if (slice) { /* 0: only data that OpenSSL already has */
			if (BIO_write(s->in, bytes, (int)slice) != (int)slice) {
				snprintf(s->text, sizeof s->text, "out of memory");
				end(s, -ENOMEM);
				return;
			}
			bytes += slice;
			n -= slice;
		}
		if (s->state == HANDSHAKE)
			do_handshake(s);
		if (s->state == OPEN)
			read_clear(s);
	} while (n && s->state != CLOSED);
}

static void on_resume(struct nd_timer *t)
{
	struct nd_tls_stream *s = ND_CONTAINER(t, struct nd_tls_stream, resume);
	struct nd_buf held = s->held;

	s->busy++;
	nd_buf_init(&s->held, held.max);
	feed(s, (const uint8_t *)held.data, held.len);
	nd_buf_clear(&held);
	if (s->state != CLOSED && !s->paused)
		nd_tcp_pause(s->tcp, false);
	leave(s);
}

void nd_tls_pause(struct nd_tls_stream *s, bool paused)
{
	if (s->state == CLOSED || s->paused == paused)
		return;
	s->paused = paused;
	if (s->state != OPEN)
		return; /* the handshake continues */
	if (paused) {
		nd_timer_stop(&s->resume);
		nd_tcp_pause(s->tcp, true);
	} else {
		nd_timer_start(s->loop, &s->resume, 0, on_resume);
	}
}

/* --- handlers of the connection --- */

static void on_tcp_open(void *ctx, struct nd_tcp *tcp, int err)
{
	struct nd_tls_stream *s = ctx;
	(void)tcp;

	s->busy++;
	if (err) {
		s->tcp = NULL;
		snprintf(s->text, sizeof s->text, "connect: %s", nd_err_text(err));
		end(s, err);
	} else {
		s->state = HANDSHAKE;
		do_handshake(s);
	}
	leave(s);
}

static void on_tcp_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct nd_tls_stream *s = ctx;
	(void)tcp;

	s->busy++;
	feed(s, bytes, n);
	leave(s);
}

static void on_tcp_close(void *ctx, struct nd_tcp *tcp, int err)
{
	struct nd_tls_stream *s = ctx;
	(void)tcp;

	s->busy++;
	s->tcp = NULL;
	if (err)
		snprintf(s->text, sizeof s->text, "%s%s",
			 s->state == HANDSHAKE ? "handshake: " : "", nd_err_text(err));
	else
		snprintf(s->text, sizeof s->text, "connection closed by the peer %s",
			 s->state == HANDSHAKE ? "during the handshake" : "without close_notify");
	end(s, err ? err : ND_ECLOSED);
	leave(s);
}

static void on_tcp_drain(void *ctx, struct nd_tcp *tcp)
{
	struct nd_tls_stream *s = ctx;
	(void)tcp;

	s->busy++;
	if (s->state == OPEN && s->handler.on_drain)
		s->handler.on_drain(s->handler.ctx, s);
	leave(s);
}

/* --- setting up --- */

/* "h2,http/1.1" in the wire format of RFC 7301. */
static bool set_alpn(SSL *ssl, const char *list)
{
	uint8_t wire[ALPN_MAX + 1];
	size_t n = 0;

	while (*list) {
		size_t len = strcspn(list, ",");
		wire[n++] = (uint8_t)len;
		memcpy(wire + n, list, len);
		n += len;
		list += len + (list[len] == ',');
	}
	return SSL_set_alpn_protos(ssl, wire, (unsigned)n) == 0;
}

/* Sets the name that the certificate must have. */
static bool set_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	struct nd_addr a;

	X509_VERIFY_PARAM_set_time(param, (time_t)(nd_clock_wall_ns() / ND_NS_PER_S));
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
						       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (nd_addr_parse_ip(name, 0, &a) == 0) {
		size_t n;
		const uint8_t *bytes = nd_addr_bytes(&a, &n);
		return X509_VERIFY_PARAM_set1_ip(param, bytes, n);
	}
	return X509_VERIFY_PARAM_set1_host(param, name, 0) && SSL_set_tlsext_host_name(ssl, name);
}

static int set_up(struct nd_tls_stream *s, SSL_CTX *context)
{
	SSL_CTX_sess_set_new_cb(context, on_session);
	s->ssl = SSL_new(context);
	s->in = BIO_new(BIO_s_mem());
	s->out = BIO_new(BIO_s_mem());
	if (!s->ssl || !s->in || !s->out) {
		BIO_free(s->in);
		BIO_free(s->out);
		return -ENOMEM;
	}
	BIO_set_mem_eof_return(s->in, -1); /* empty is not the end of the stream */
	SSL_set_bio(s->ssl, s->in, s->out);
	SSL_set_app_data(s->ssl, s);
	SSL_set_verify(s->ssl, SSL_get_verify_mode(s->ssl), on_verify);
	SSL_set_connect_state(s->ssl);
	if (!set_name(s->ssl, s->to->name) || (s->to->alpn && !set_alpn(s->ssl, s->to->alpn)))
		return -ENOMEM;
	if (s->to->session)
		SSL_set_session(s->ssl, s->to->session);
	return 0;
}

int nd_tls_connect(struct nd_loop *loop, struct nd_tls_target *to, const struct nd_addr *source,
		   const struct nd_tls_handler *h, struct nd_tls_stream **out,
		   char text[ND_TLS_TEXT_MAX])
{
	struct nd_tcp_handler th = { .on_open = on_tcp_open,
				     .on_data = on_tcp_data,
				     .on_close = on_tcp_close,
				     .on_drain = on_tcp_drain };
	int err;
	SSL_CTX *context = nd_tls_context(to->tls, &err, text);
	struct nd_tls_stream *s = context ? calloc(1, sizeof *s) : NULL;

	if (!s)
		return context ? -ENOMEM : err;
	*s = (struct nd_tls_stream){ .loop = loop, .to = to, .handler = *h, .busy = 1 };
	nd_buf_init(&s->early, MAX_QUEUED);
	nd_buf_init(&s->held, HELD_MAX);
	s->max_queued = MAX_QUEUED;
	th.ctx = s;
	err = set_up(s, context);
	if (!err)
		err = nd_tcp_connect(loop, &to->addr, source, &th, &s->tcp);
	if (err) {
		snprintf(text, ND_TLS_TEXT_MAX, "connect: %s", nd_err_text(err));
		detach(s);
	} else {
		*out = s;
	}
	leave(s);
	return err;
}

/* The size of n bytes when encrypted: every record has a header and a tag. */
static size_t sealed_bytes(size_t n)
{
	return n + 64 * (n / SLICE + 1);
}

int nd_tls_write(struct nd_tls_stream *s, const void *bytes, size_t n)
{
	if (s->state == CLOSED)
		return ND_ECLOSED;
	if (n == 0)
		return 0;
	if (nd_tls_queued(s) + sealed_bytes(n) > s->max_queued)
		return ND_ELIMIT;
	if (s->state != OPEN) {
		if (nd_buf_add(&s->early, bytes, n) == 0)
			return 0;
		s->early.err = 0;
		return ND_ELIMIT;
	}
	ERR_clear_error();
	int ret = SSL_write(s->ssl, bytes, (int)n);
	flush(s);
	ERR_clear_error();
	return ret == (int)n ? 0 : ND_ECLOSED;
}

size_t nd_tls_queued(const struct nd_tls_stream *s)
{
	return s->early.len + (s->tcp ? nd_tcp_queued(s->tcp) : 0);
}

void nd_tls_set_max_queued(struct nd_tls_stream *s, size_t bytes)
{
	s->max_queued = bytes;
	if (s->tcp)
		nd_tcp_set_max_queued(s->tcp, bytes + SLICE); /* leaves room for alerts */
}

void nd_tls_set_liveness(struct nd_tls_stream *s, unsigned unacked_ms, unsigned idle_s)
{
	if (s->tcp)
		nd_tcp_set_liveness(s->tcp, unacked_ms, idle_s);
}

struct nd_addr nd_tls_local(const struct nd_tls_stream *s)
{
	return s->tcp ? nd_tcp_local(s->tcp) : (struct nd_addr){ .len = 0 };
}

const char *nd_tls_alpn(const struct nd_tls_stream *s)
{
	return s->alpn;
}

const char *nd_tls_error_text(const struct nd_tls_stream *s)
{
	return s->text;
}
