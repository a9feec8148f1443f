/* SPDX-License-Identifier: Apache-2.0 */
/* tls_context.h - the OpenSSL context of an nd_tls, and OpenSSL's errors as text. Private to tls.c.
 *
 * Threads: any; creation of the context has a lock.
 */
#pragma once

#include <openssl/ssl.h>
#include "io/tls.h"

/* Created on first use; borrowed while t lives. NULL: *err and text have the reason. */
SSL_CTX *nd_tls_context(struct nd_tls *t, int *err, char text[ND_TLS_TEXT_MAX]);
/* Writes "what: reason" from OpenSSL's error queue, and clears the queue. */
void nd_tls_context_reason(char text[ND_TLS_TEXT_MAX], const char *what);
/* Writes why X509_STORE_CTX rejected the current certificate. name: the expected server. */
void nd_tls_context_verdict(char text[ND_TLS_TEXT_MAX], X509_STORE_CTX *store, const char *name);
