/* SPDX-License-Identifier: Apache-2.0 */
/* h2.h - HTTP/2 on one connection of the HTTP client, by nghttp2; h2_absent.c in a build without
 * it. Private to the client. */
#pragma once

#include "io/httpc_parts.h"

extern const struct nd_httpc_engine nd_h2_engine;
/* False in h2_absent.c. */
extern const bool nd_h2_built;
