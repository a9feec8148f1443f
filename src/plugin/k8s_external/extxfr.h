/* SPDX-License-Identifier: Apache-2.0 */
/* extxfr.h - a zone's contents, for `transfer`. Workers. */
#pragma once

#include "core/offer.h"

extern const struct nd_offer_zone nd_extxfr;
