/* SPDX-License-Identifier: Apache-2.0 */
/* doh.h - DNS over HTTPS (RFC 8484) in the form of a byte stream: each message written becomes a
 * request to /dns-query, each response a message with its length before it, in any order.
 *
 * As in CoreDNS the id of a request is 0; the response gets back the id of its query. A response
 * with another status than 2xx, or an empty or too long body, becomes a message that cannot be read
 * (its header and nothing else): it ends that query only. An error of the connection ends the
 * stream.
 *
 * Owns:    an nd_doh is heap, with its HTTP client; what it holds of messages comes from
 *          ND_BUDGET_EXCHANGES.
 * Threads: the loop's own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "io/loop.h"
#include "io/tls.h"

struct nd_doh;

enum { ND_DOH_TIMEOUT_MS = 2000, ND_DOH_TEXT_MAX = 256 }; /* of a request, as in CoreDNS */

struct nd_doh_config {
	struct nd_addr addr, source; /* source: len 0 for any */
	struct nd_tls *tls;
	const char *name; /* for the certificate, SNI and :authority; "": the address */
	bool get;         /* GET with ?dns=; otherwise POST */
};

/* Arguments are borrowed until the callback returns, which may call anything here. */
struct nd_doh_handler {
	void *ctx;
	void (*on_open)(void *ctx); /* it takes queries; the connection is made by the first one */
	void (*on_data)(void *ctx, const uint8_t *bytes, size_t n);
	void (*on_close)(void *ctx, int err, const char *text); /* closed; no callback follows */
};

/* No callback runs inside. 0, -ENOMEM, or ND_EFORMAT (an invalid name). */
int nd_doh_new(struct nd_loop *loop, const struct nd_doh_config *config,
	       const struct nd_doh_handler *h, struct nd_doh **out);
/* A whole message. No callback runs inside. 0, -ENOMEM or ND_ELIMIT. */
int nd_doh_write(struct nd_doh *d, const uint8_t *bytes, size_t n);
/* No callback follows. NULL is fine. */
void nd_doh_close(struct nd_doh *d);
