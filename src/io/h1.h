/* SPDX-License-Identifier: Apache-2.0 */
/* h1.h - HTTP/1.1 on one connection of the HTTP client, one exchange at a time; parsed by
 * http-parser. Private to the client. */
#pragma once

#include "io/httpc_parts.h"

extern const struct nd_httpc_engine nd_h1_engine;
