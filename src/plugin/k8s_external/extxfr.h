/* SPDX-License-Identifier: Apache-2.0 */
/* extxfr.h - the contents of a zone, for `transfer`. Workers. */
#pragma once

#include "core/offer.h"

extern const struct nd_offer_zone nd_extxfr;
