/* SPDX-License-Identifier: Apache-2.0 */
/* kexternal.h - external addresses of Services, for k8s_external (CoreDNS kubernetes/external.go).
 * Workers. */
#pragma once

#include "core/offer.h"

extern const struct nd_offer_external nd_kexternal;
