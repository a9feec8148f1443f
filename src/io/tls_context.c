/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "io/file.h"

enum { PEM_MAX = 8 << 20 };

/* A copy of an nd_tls_pem; `file` and `bytes` are NULL if not given. */
struct pem {
	char *file;
	char *bytes;
	size_t len;
};

struct nd_tls {
	atomic_uint refs;
	pthread_mutex_t lock; /* of context */
	SSL_CTX *context;
	struct pem ca, cert, key;
	bool insecure;
};

static void clear_pem(struct pem *p)
{
	if (p->bytes)
		explicit_bzero(p->bytes, p->len);
	free(p->bytes);
	free(p->file);
}

static bool copy_pem(struct pem *to, const struct nd_tls_pem *from)
{
	if (from->bytes) {
		to->bytes = malloc(from->len ? from->len : 1);
		if (to->bytes && from->len)
			memcpy(to->bytes, from->bytes, from->len);
		to->len = to->bytes ? from->len : 0;
		return to->bytes != NULL;
	}
	if (from->file && *from->file)
		to->file = strdup(from->file);
	return to->file || !from->file || !*from->file;
}

static bool given(const struct pem *p)
{
	return p->file || p->bytes;
}

int nd_tls_new(const struct nd_tls_options *o, struct nd_tls **out)
{
	struct nd_tls *t = calloc(1, sizeof *t);

	if (!t)
		return -ENOMEM;
	atomic_init(&t->refs, 1);
	pthread_mutex_init(&t->lock, NULL);
	t->insecure = o->insecure;
	if (!copy_pem(&t->ca, &o->ca) || !copy_pem(&t->cert, &o->cert) ||
	    !copy_pem(&t->key, &o->key)) {
		nd_tls_unref(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

struct nd_tls *nd_tls_ref(struct nd_tls *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void nd_tls_unref(struct nd_tls *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	if (t->context)
		SSL_CTX_free(t->context);
	clear_pem(&t->ca);
	clear_pem(&t->cert);
	clear_pem(&t->key);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* --- error texts --- */

void nd_tls_context_reason(char text[ND_TLS_TEXT_MAX], const char *what)
{
	unsigned long e = ERR_peek_error();
	const char *reason = ERR_reason_error_string(e);

	if (e && ERR_SYSTEM_ERROR(e))
		reason = strerrordesc_np(ERR_GET_REASON(e));
	snprintf(text, ND_TLS_TEXT_MAX, "%s: %s", what, reason ? reason : "unknown error");
	if (ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) == SSL_R_WRONG_VERSION_NUMBER)
		snprintf(text, ND_TLS_TEXT_MAX, "%s: the server does not speak TLS (plain HTTP?)",
			 what);
	ERR_clear_error();
}

/* "a, b, 10.0.0.1": the subject alternative names of a certificate. */
static void format_names(X509 *cert, char *to, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	size_t n = 0;

	snprintf(to, size, "no name");
	for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && n < size; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		char ip[ND_ADDR_TEXT_MAX];
		if (name->type == GEN_DNS) {
			n += (size_t)snprintf(to + n, size - n, "%s%.*s", n ? ", " : "",
					      ASN1_STRING_length(name->d.dNSName),
					      ASN1_STRING_get0_data(name->d.dNSName));
		} else if (name->type == GEN_IPADD) {
			int len = ASN1_STRING_length(name->d.iPAddress);
			if (len != 4 && len != 16)
				continue;
			struct nd_addr a = nd_addr_from(len == 4 ? AF_INET : AF_INET6,
							ASN1_STRING_get0_data(name->d.iPAddress),
							0);
			nd_addr_format_ip(&a, ip);
			n += (size_t)snprintf(to + n, size - n, "%s%s", n ? ", " : "", ip);
		}
	}
	GENERAL_NAMES_free(names);
}

static void format_time(const ASN1_TIME *when, char to[96])
{
	struct tm t;

	snprintf(to, 96, "an invalid time");
	if (ASN1_TIME_to_tm(when, &t))
		snprintf(to, 96, "%04d-%02d-%02d %02d:%02d:%02d UTC", t.tm_year + 1900,
			 t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

/* The text contains bytes from the peer and is logged: it must not start a new line. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void nd_tls_context_verdict(char text[ND_TLS_TEXT_MAX], X509_STORE_CTX *store, const char *name)
{
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	int why = X509_STORE_CTX_get_error(store);
	char some[160] = "", when[96];

	if (cert)
		X509_NAME_oneline(X509_get_subject_name(cert), some, sizeof some);
	switch (cert ? why : X509_V_ERR_UNSPECIFIED) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		format_names(cert, some, sizeof some);
		snprintf(text, ND_TLS_TEXT_MAX, "the certificate is for %s, not for %.50s", some,
			 name);
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		format_time(X509_get0_notAfter(cert), when);
		snprintf(text, ND_TLS_TEXT_MAX, "the certificate of %.120s expired on %s", some,
			 when);
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		format_time(X509_get0_notBefore(cert), when);
		snprintf(text, ND_TLS_TEXT_MAX, "the certificate of %.100s is not valid before %s",
			 some, when);
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		X509_NAME_oneline(X509_get_issuer_name(cert), some, sizeof some);
		snprintf(text, ND_TLS_TEXT_MAX,
			 "the certificate is signed by an unknown authority: %s", some);
		break;
	default:
		snprintf(text, ND_TLS_TEXT_MAX, "the certificate of %.120s: %s", some,
			 X509_verify_cert_error_string(why));
	}
	make_printable(text);
}

/* --- creating the context --- */

/* The context being created, and its error text. */
struct making {
	SSL_CTX *context;
	char *text;
};

static const char *name_of(const struct pem *p)
{
	return p->file ? p->file : "(inline data)";
}

/* Copies or reads the bytes. The caller frees them with clear_pem(). */
static int load(const struct pem *p, const char *what, struct pem *out, struct making *m)
{
	struct nd_buf b;

	*out = (struct pem){ 0 };
	if (p->bytes) {
		struct nd_tls_pem from = { .bytes = p->bytes, .len = p->len };
		return copy_pem(out, &from) ? 0 : -ENOMEM;
	}
	nd_buf_init(&b, PEM_MAX);
	int err = nd_file_read(p->file, &b);
	if (err) {
		snprintf(m->text, ND_TLS_TEXT_MAX, "%s %s: %s", what, p->file, nd_err_text(err));
		nd_buf_clear(&b);
		return err;
	}
	*out = (struct pem){ .bytes = b.data, .len = b.len };
	return 0;
}

static int fail(struct making *m, const char *what, const struct pem *p, const char *why)
{
	char start[ND_TLS_TEXT_MAX];

	snprintf(start, sizeof start, "%s %.120s", what, name_of(p));
	if (why)
		snprintf(m->text, ND_TLS_TEXT_MAX, "%.150s: %s", start, why);
	else
		nd_tls_context_reason(m->text, start);
	ERR_clear_error();
	return ND_ETLS;
}

/* Without this callback OpenSSL would prompt for a passphrase on the terminal. */
static int no_password(char *to, int size, int writing, void *asked)
{
	(void)to;
	(void)size;
	(void)writing;
	if (asked)
		*(bool *)asked = true;
	return -1;
}

/* The next certificate; NULL with *err 0: no more. */
static X509 *next_cert(BIO *from, int *err)
{
	X509 *cert = PEM_read_bio_X509(from, NULL, no_password, NULL);

	*err = 0;
	if (!cert && (ERR_GET_LIB(ERR_peek_last_error()) != ERR_LIB_PEM ||
		      ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE))
		*err = ND_ETLS;
	if (!*err)
		ERR_clear_error();
	return cert;
}

/* Trust anchors. */
static int add_authorities(struct making *m, const struct pem *p, BIO *from)
{
	unsigned n = 0;
	int err;

	for (X509 *cert; (cert = next_cert(from, &err)); n++) {
		bool ok = X509_STORE_add_cert(SSL_CTX_get_cert_store(m->context), cert);
		X509_free(cert);
		if (!ok)
			return fail(m, "CA certificates", p, NULL);
	}
	if (err)
		return fail(m, "CA certificates", p, NULL);
	return n ? 0 : fail(m, "CA certificates", p, "contains no certificate (must be PEM)");
}

/* The client certificate and its intermediates. */
static int add_chain(struct making *m, const struct pem *p, BIO *from)
{
	unsigned n = 0;
	int err;

	for (X509 *cert; (cert = next_cert(from, &err)); n++) {
		bool ok = n ? SSL_CTX_add1_chain_cert(m->context, cert)
			    : SSL_CTX_use_certificate(m->context, cert);
		X509_free(cert);
		if (!ok)
			return fail(m, "client certificate", p, NULL);
	}
	if (err)
		return fail(m, "client certificate", p, NULL);
	return n ? 0 : fail(m, "client certificate", p, "contains no certificate (must be PEM)");
}

static int add_key(struct making *m, const struct pem *p, BIO *from)
{
	bool asked = false;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(from, NULL, no_password, &asked);

	if (!key)
		return fail(m, "client key", p,
			    asked ? "is encrypted; must be without a passphrase"
				  : "contains no private key (must be PEM)");
	bool ok = SSL_CTX_use_PrivateKey(m->context, key);
	EVP_PKEY_free(key);
	return ok ? 0 : fail(m, "client key", p, "does not match the client certificate");
}

/* Passes the bytes of p to add(). */
static int load_into(struct making *m, const char *what, const struct pem *p,
		     int (*add)(struct making *m, const struct pem *p, BIO *from))
{
	struct pem loaded;
	int err = load(p, what, &loaded, m);

	if (err)
		return err;
	BIO *from = BIO_new_mem_buf(loaded.bytes ? loaded.bytes : "", (int)loaded.len);
	err = from ? add(m, p, from) : -ENOMEM;
	BIO_free(from);
	clear_pem(&loaded);
	return err;
}

static int fill(struct nd_tls *t, struct making *m)
{
	int err = 0;

	SSL_CTX_set_min_proto_version(m->context, TLS1_2_VERSION);
	SSL_CTX_set_options(m->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(m->context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(m->context,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	/* Every certificate of `ca` is a trust anchor, self-signed or not: as in Go. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(m->context), X509_V_FLAG_PARTIAL_CHAIN);
	SSL_CTX_set_verify(m->context, t->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (given(&t->cert) != given(&t->key)) {
		snprintf(m->text, ND_TLS_TEXT_MAX, "client %s without a %s",
			 given(&t->cert) ? "certificate" : "key",
			 given(&t->cert) ? "key" : "certificate");
		return ND_ETLS;
	}
	if (!t->insecure)
		err = given(&t->ca) ? load_into(m, "CA certificates", &t->ca, add_authorities)
		      : SSL_CTX_set_default_verify_paths(m->context) ? 0
								     : -ENOMEM;
	if (!err && given(&t->cert))
		err = load_into(m, "client certificate", &t->cert, add_chain);
	if (!err && given(&t->key))
		err = load_into(m, "client key", &t->key, add_key);
	return err;
}

SSL_CTX *nd_tls_context(struct nd_tls *t, int *err, char text[ND_TLS_TEXT_MAX])
{
	struct making m = { .text = text };

	*err = 0;
	text[0] = '\0';
	pthread_mutex_lock(&t->lock);
	if (!t->context) {
		/* Without OpenSSL's configuration file: all settings are in this file. */
		OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
		ERR_clear_error();
		m.context = SSL_CTX_new(TLS_client_method());
		*err = m.context ? fill(t, &m) : -ENOMEM;
		if (!*err)
			t->context = m.context;
		else
			SSL_CTX_free(m.context);
	}
	pthread_mutex_unlock(&t->lock);
	if (*err && !text[0])
		snprintf(text, ND_TLS_TEXT_MAX, "TLS: %s", nd_err_text(*err));
	return *err ? NULL : t->context;
}

int nd_tls_prepare(struct nd_tls *t, char text[ND_TLS_TEXT_MAX])
{
	int err;

	nd_tls_context(t, &err, text);
	return err;
}
