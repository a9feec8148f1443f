/* SPDX-License-Identifier: Apache-2.0 */
/* h2.h - HTTP/2 on one connection of the HTTP client, by nghttp2; or its absence (h2_absent.c). */
#pragma once

#include "io/httpc_parts.h"

extern const struct nd_httpc_engine nd_h2_engine;
/* Whether this build has it. */
extern const bool nd_h2_built;
