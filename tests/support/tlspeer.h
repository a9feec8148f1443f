/* SPDX-License-Identifier: Apache-2.0 */
/* tlspeer.h - a TLS server on loopback for tests, and the certificates it needs, made on the spot. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "io/loop.h"

/* PEM, heap. */
struct nd_tlspeer_cert {
	char *cert, *key;
};

/* issuer NULL: signed by itself. names: "DNS:a.example,IP:127.0.0.1"; NULL: an authority. Times are
 * relative to now, in seconds. */
struct nd_tlspeer_cert nd_tlspeer_cert(const char *subject, const struct nd_tlspeer_cert *issuer,
				       const char *names, long from_s, long until_s);
void nd_tlspeer_cert_clear(struct nd_tlspeer_cert *c);

struct nd_tlspeer;
struct nd_tlspeer_conn;

struct nd_tlspeer_options {
	const struct nd_tlspeer_cert *own;
	const char *alpn;                        /* what it picks if it is offered; NULL: nothing */
	const struct nd_tlspeer_cert *client_ca; /* a client must have a certificate of it */
	void *ctx;
	/* The handshake is done; what is returned is self of the others. */
	void *(*on_open)(void *ctx, struct nd_tlspeer_conn *c);
	void (*on_data)(void *self, struct nd_tlspeer_conn *c, const uint8_t *bytes, size_t n);
	void (*on_gone)(void *self); /* after on_open, once */
};

struct nd_tlspeer *nd_tlspeer_new(struct nd_loop *loop, const struct nd_tlspeer_options *o);
/* Closes its connections. */
void nd_tlspeer_free(struct nd_tlspeer *p);
struct nd_addr nd_tlspeer_addr(const struct nd_tlspeer *p);
/* Handshakes done; those of them that resumed a session; those that failed. */
void nd_tlspeer_counts(const struct nd_tlspeer *p, unsigned *done, unsigned *resumed,
		       unsigned *failed);
void nd_tlspeer_write(struct nd_tlspeer_conn *c, const void *bytes, size_t n);
/* say: with a close_notify. on_gone does not come. */
void nd_tlspeer_close(struct nd_tlspeer_conn *c, bool say);
