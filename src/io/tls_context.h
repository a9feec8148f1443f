/* SPDX-License-Identifier: Apache-2.0 */
/* tls_context.h - OpenSSL's context of an nd_tls, and OpenSSL's reasons as text. Only for tls.c. */
#pragma once

#include <openssl/ssl.h>
#include "io/tls.h"

/* Made when first asked for, borrowed as long as t lives; NULL: *err and the text say why. */
SSL_CTX *nd_tls_context(struct nd_tls *t, int *err, char text[ND_TLS_TEXT_MAX]);
/* "what: reason" from OpenSSL's error queue, which is empty then. */
void nd_tls_context_reason(char text[ND_TLS_TEXT_MAX], const char *what);
/* What X509_STORE_CTX found wrong with the certificate at hand; name: whom we wanted to reach. */
void nd_tls_context_verdict(char text[ND_TLS_TEXT_MAX], X509_STORE_CTX *store, const char *name);
