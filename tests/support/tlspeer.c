/* SPDX-License-Identifier: Apache-2.0 */
#include "support/tlspeer.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/list.h"
#include "io/tcp.h"

/* --- certificates --- */

static char *take_text(BIO *b)
{
	char *bytes;
	long n = BIO_get_mem_data(b, &bytes);
	char *text = calloc(1, (size_t)n + 1); /* the text of a BIO is not NUL-terminated */

	if (text)
		memcpy(text, bytes, (size_t)n);
	BIO_free(b);
	return text;
}

static X509 *read_cert(const char *pem)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);

	BIO_free(b);
	ND_ASSERT(x);
	return x;
}

static EVP_PKEY *read_key(const char *pem)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);

	BIO_free(b);
	ND_ASSERT(k);
	return k;
}

static void add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	ND_ASSERT(e && X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
}

struct nd_tlspeer_cert nd_tlspeer_cert(const char *subject, const struct nd_tlspeer_cert *issuer,
				       const char *names, long from_s, long until_s)
{
	static long serial = 1;
	struct nd_tlspeer_cert out;
	EVP_PKEY *key = EVP_EC_gen("P-256"), *signer = issuer ? read_key(issuer->key) : NULL;
	X509 *x = X509_new(), *parent = issuer ? read_cert(issuer->cert) : NULL;
	X509_NAME *name = X509_get_subject_name(x);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), from_s);
	X509_gmtime_adj(X509_getm_notAfter(x), until_s);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)subject, -1, -1, 0);
	X509_set_issuer_name(x, parent ? X509_get_subject_name(parent) : name);
	add_extension(x, NID_basic_constraints, names ? "CA:FALSE" : "critical,CA:TRUE");
	if (names && *names)
		add_extension(x, NID_subject_alt_name, names);
	ND_ASSERT(X509_sign(x, signer ? signer : key, EVP_sha256()));

	BIO *b = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(b, x);
	out.cert = take_text(b);
	b = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL);
	out.key = take_text(b);
	X509_free(x);
	X509_free(parent);
	EVP_PKEY_free(key);
	EVP_PKEY_free(signer);
	return out;
}

void nd_tlspeer_cert_clear(struct nd_tlspeer_cert *c)
{
	free(c->cert);
	free(c->key);
	*c = (struct nd_tlspeer_cert){ 0 };
}

/* --- the server --- */

struct nd_tlspeer {
	struct nd_tlspeer_options o;
	SSL_CTX *context;
	struct nd_tcp_listener *listener;
	struct nd_list conns;
	unsigned done, resumed, failed;
};

struct nd_tlspeer_conn {
	struct nd_list node;
	struct nd_tlspeer *peer;
	struct nd_tcp *tcp;
	SSL *ssl;
	BIO *in, *out;
	void *self;
	bool open, gone;
	unsigned busy;
};

static void flush(struct nd_tlspeer_conn *c)
{
	char *bytes;
	long n = BIO_get_mem_data(c->out, &bytes);

	if (n > 0 && c->tcp)
		nd_tcp_write(c->tcp, bytes, (size_t)n);
	(void)BIO_reset(c->out);
}

static void leave(struct nd_tlspeer_conn *c)
{
	if (--c->busy || !c->gone)
		return;
	SSL_free(c->ssl);
	free(c);
}

static void drop(struct nd_tlspeer_conn *c)
{
	c->gone = true;
	nd_list_del(&c->node);
	nd_tcp_close(c->tcp);
	c->tcp = NULL;
}

void nd_tlspeer_close(struct nd_tlspeer_conn *c, bool notify)
{
	if (c->gone)
		return;
	c->busy++;
	if (notify)
		SSL_shutdown(c->ssl);
	flush(c);
	drop(c);
	leave(c);
}

static void fail(struct nd_tlspeer_conn *c)
{
	if (c->gone)
		return;
	flush(c);
	drop(c);
	if (c->open && c->peer->o.on_gone)
		c->peer->o.on_gone(c->self);
}

void nd_tlspeer_write(struct nd_tlspeer_conn *c, const void *bytes, size_t n)
{
	if (c->gone || !n)
		return;
	SSL_write(c->ssl, bytes, (int)n);
	flush(c);
}

static void do_handshake(struct nd_tlspeer_conn *c)
{
	struct nd_tlspeer *p = c->peer;
	int ret = SSL_do_handshake(c->ssl);

	if (ret != 1 && SSL_get_error(c->ssl, ret) == SSL_ERROR_WANT_READ) {
		flush(c);
		return;
	}
	if (ret != 1) {
		p->failed++;
		fail(c);
		return;
	}
	flush(c);
	c->open = true;
	p->done++;
	p->resumed += SSL_session_reused(c->ssl) != 0;
	c->self = p->o.on_open ? p->o.on_open(p->o.ctx, c) : NULL;
}

static void on_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct nd_tlspeer_conn *c = ctx;
	uint8_t clear[16384];
	(void)tcp;

	c->busy++;
	BIO_write(c->in, bytes, (int)n);
	ERR_clear_error();
	if (!c->open)
		do_handshake(c);
	while (c->open && !c->gone) {
		int got = SSL_read(c->ssl, clear, sizeof clear);
		if (got > 0) {
			if (c->peer->o.on_data)
				c->peer->o.on_data(c->self, c, clear, (size_t)got);
			continue;
		}
		if (SSL_get_error(c->ssl, got) != SSL_ERROR_WANT_READ)
			fail(c);
		else
			flush(c);
		break;
	}
	leave(c);
}

static void on_close(void *ctx, struct nd_tcp *tcp, int err)
{
	struct nd_tlspeer_conn *c = ctx;
	(void)tcp;
	(void)err;

	c->busy++;
	c->tcp = NULL;
	if (!c->open)
		c->peer->failed++;
	fail(c);
	leave(c);
}

static void on_accept(void *ctx, struct nd_tcp *tcp)
{
	struct nd_tlspeer *p = ctx;
	struct nd_tlspeer_conn *c = calloc(1, sizeof *c);

	ND_ASSERT(c);
	c->peer = p;
	c->tcp = tcp;
	c->ssl = SSL_new(p->context);
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(c->in, -1);
	SSL_set_bio(c->ssl, c->in, c->out);
	SSL_set_accept_state(c->ssl);
	nd_list_add(&p->conns, &c->node);
	nd_tcp_set_max_queued(tcp, 64 << 20);
	nd_tcp_start(tcp, &(struct nd_tcp_handler){
				  .ctx = c, .on_data = on_data, .on_close = on_close });
}

static int pick(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in,
		unsigned int inlen, void *ctx)
{
	struct nd_tlspeer *p = ctx;
	size_t n = strlen(p->o.alpn);
	(void)ssl;

	for (unsigned i = 0; i < inlen; i += 1u + in[i]) {
		if (in[i] == n && memcmp(in + i + 1, p->o.alpn, n) == 0) {
			*out = in + i + 1;
			*outlen = (unsigned char)n;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_NOACK;
}

struct nd_tlspeer *nd_tlspeer_new(struct nd_loop *loop, const struct nd_tlspeer_options *o)
{
	struct nd_tlspeer *p = calloc(1, sizeof *p);
	struct nd_addr at;

	ND_ASSERT(p);
	p->o = *o;
	nd_list_init(&p->conns);
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	p->context = SSL_CTX_new(TLS_server_method());
	X509 *cert = read_cert(o->own->cert);
	EVP_PKEY *key = read_key(o->own->key);
	ND_ASSERT(SSL_CTX_use_certificate(p->context, cert) == 1);
	ND_ASSERT(SSL_CTX_use_PrivateKey(p->context, key) == 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	SSL_CTX_set_session_id_context(p->context, (const uint8_t *)"test", 4);
	if (o->alpn)
		SSL_CTX_set_alpn_select_cb(p->context, pick, p);
	if (o->client_ca) {
		X509 *ca = read_cert(o->client_ca->cert);
		X509_STORE_add_cert(SSL_CTX_get_cert_store(p->context), ca);
		X509_free(ca);
		SSL_CTX_set_verify(p->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				   NULL);
	}
	nd_addr_parse("127.0.0.1:0", 0, &at);
	ND_ASSERT(nd_tcp_listen(loop, &at, &(struct nd_tcp_options){ 0 }, on_accept, p,
				&p->listener) == 0);
	return p;
}

void nd_tlspeer_free(struct nd_tlspeer *p)
{
	while (!nd_list_empty(&p->conns)) {
		struct nd_tlspeer_conn *c = ND_LIST_ENTRY(p->conns.next, struct nd_tlspeer_conn,
							  node);
		c->busy++;
		fail(c);
		leave(c);
	}
	nd_tcp_listener_close(p->listener);
	SSL_CTX_free(p->context);
	free(p);
}

struct nd_addr nd_tlspeer_addr(const struct nd_tlspeer *p)
{
	return nd_tcp_listener_local(p->listener);
}

void nd_tlspeer_counts(const struct nd_tlspeer *p, unsigned *done, unsigned *resumed,
		       unsigned *failed)
{
	*done = p->done;
	*resumed = p->resumed;
	*failed = p->failed;
}
