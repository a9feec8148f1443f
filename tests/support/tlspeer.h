/* SPDX-License-Identifier: Apache-2.0 */
/* tlspeer.h - a TLS server on loopback for tests, and certificates created at run time.
 *
 * Owns:    nd_tlspeer is heap, with its connections.
 * Threads: the loop's own.
 * Errors:  abort the test.
 */
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

/* issuer NULL: self-signed. names: "DNS:a.example,IP:127.0.0.1"; NULL: a CA certificate. Times are
 * seconds relative to now. */
struct nd_tlspeer_cert nd_tlspeer_cert(const char *subject, const struct nd_tlspeer_cert *issuer,
				       const char *names, long from_s, long until_s);
void nd_tlspeer_cert_clear(struct nd_tlspeer_cert *c);

struct nd_tlspeer;
struct nd_tlspeer_conn;

struct nd_tlspeer_options {
	const struct nd_tlspeer_cert *own;
	const char *alpn; /* selected if offered; NULL: none */
	const struct nd_tlspeer_cert
		*client_ca; /* if set, clients need a certificate issued by it */
	void *ctx;
	/* The handshake is done; the result is `self` of the other callbacks. */
	void *(*on_open)(void *ctx, struct nd_tlspeer_conn *c);
	void (*on_data)(void *self, struct nd_tlspeer_conn *c, const uint8_t *bytes, size_t n);
	void (*on_gone)(void *self); /* after on_open, once */
};

struct nd_tlspeer *nd_tlspeer_new(struct nd_loop *loop, const struct nd_tlspeer_options *o);
/* Also closes its connections. */
void nd_tlspeer_free(struct nd_tlspeer *p);
struct nd_addr nd_tlspeer_addr(const struct nd_tlspeer *p);
/* Handshakes done; those that resumed a session; those that failed. */
void nd_tlspeer_counts(const struct nd_tlspeer *p, unsigned *done, unsigned *resumed,
		       unsigned *failed);
void nd_tlspeer_write(struct nd_tlspeer_conn *c, const void *bytes, size_t n);
/* notify: with a close_notify. on_gone is not called. */
void nd_tlspeer_close(struct nd_tlspeer_conn *c, bool notify);
