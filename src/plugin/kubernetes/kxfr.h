/* SPDX-License-Identifier: Apache-2.0 */
/* kxfr.h - the contents of a zone, for `transfer` (CoreDNS kubernetes/xfr.go). Workers. */
#pragma once

#include "core/offer.h"

extern const struct nd_offer_zone nd_kxfr;
