/* SPDX-License-Identifier: Apache-2.0 */
/* h1.h - HTTP/1.1 on one connection of the HTTP client, an exchange at a time; parsed by
 * http-parser. */
#pragma once

#include "io/httpc_parts.h"

extern const struct nd_httpc_engine nd_h1_engine;
