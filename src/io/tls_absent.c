/* SPDX-License-Identifier: Apache-2.0 */
/* Replaces tls.c in a build without OpenSSL: everything that needs it returns ND_ENOTYET. */
#include "io/tls.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/err.h"

struct nd_tls {
	atomic_uint refs;
};

int nd_tls_new(const struct nd_tls_options *o, struct nd_tls **out)
{
	struct nd_tls *t = malloc(sizeof *t);
	(void)o;

	if (!t)
		return -ENOMEM;
	atomic_init(&t->refs, 1);
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
	if (t && atomic_fetch_sub(&t->refs, 1) == 1)
		free(t);
}

int nd_tls_prepare(struct nd_tls *t, char text[ND_TLS_TEXT_MAX])
{
	(void)t;
	snprintf(text, ND_TLS_TEXT_MAX,
		 "TLS is not supported in this build: OpenSSL (libssl-dev) was missing");
	return ND_ENOTYET;
}

int nd_tls_target_init(struct nd_tls_target *t, struct nd_tls *tls, const struct nd_addr *addr,
		       const char *name, const char *alpn)
{
	(void)name;
	(void)alpn;
	*t = (struct nd_tls_target){ .tls = nd_tls_ref(tls), .addr = *addr };
	return 0;
}

void nd_tls_target_clear(struct nd_tls_target *t)
{
	nd_tls_unref(t->tls);
	*t = (struct nd_tls_target){ 0 };
}

int nd_tls_connect(struct nd_loop *loop, struct nd_tls_target *to, const struct nd_addr *source,
		   const struct nd_tls_handler *h, struct nd_tls_stream **out,
		   char text[ND_TLS_TEXT_MAX])
{
	(void)loop;
	(void)source;
	(void)h;
	(void)out;
	return nd_tls_prepare(to->tls, text);
}

/* Never called: nd_tls_connect() returns no stream. */

int nd_tls_write(struct nd_tls_stream *s, const void *bytes, size_t n)
{
	(void)s;
	(void)bytes;
	(void)n;
	return ND_ECLOSED;
}

size_t nd_tls_queued(const struct nd_tls_stream *s)
{
	(void)s;
	return 0;
}

void nd_tls_set_max_queued(struct nd_tls_stream *s, size_t bytes)
{
	(void)s;
	(void)bytes;
}

void nd_tls_pause(struct nd_tls_stream *s, bool paused)
{
	(void)s;
	(void)paused;
}

void nd_tls_close(struct nd_tls_stream *s)
{
	(void)s;
}

void nd_tls_set_liveness(struct nd_tls_stream *s, unsigned unacked_ms, unsigned idle_s)
{
	(void)s;
	(void)unacked_ms;
	(void)idle_s;
}

struct nd_addr nd_tls_local(const struct nd_tls_stream *s)
{
	(void)s;
	return (struct nd_addr){ .len = 0 };
}

const char *nd_tls_alpn(const struct nd_tls_stream *s)
{
	(void)s;
	return "";
}

const char *nd_tls_error_text(const struct nd_tls_stream *s)
{
	(void)s;
	return "no TLS";
}
