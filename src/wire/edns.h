/* SPDX-License-Identifier: Apache-2.0 */
/* edns.h - the OPT record of a message (RFC 6891), found once, kept as a view. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nd_edns_option {
	ND_EDNS_NSID = 3,
	ND_EDNS_SUBNET = 8,
	ND_EDNS_EXPIRE = 9,
	ND_EDNS_COOKIE = 10,
	ND_EDNS_KEEPALIVE = 11,
	ND_EDNS_PADDING = 12,
	ND_EDNS_EDE = 15,
};

struct nd_edns {
	bool present;
	bool dnssec_ok; /* the DO bit (RFC 3225) */
	uint8_t version;
	uint8_t extended_rcode; /* upper eight bits of the rcode */
	uint16_t udp_size;      /* as stated, not raised to 512 */
	uint16_t flags;         /* all sixteen, DO included */
	uint16_t options;       /* offset of the options in the message */
	uint16_t options_len;
};

/* Walks options: *at starts at 0; false at the end or at a malformed one. */
bool nd_edns_next(const uint8_t *options, size_t n, size_t *at, uint16_t *code,
		  const uint8_t **data, size_t *data_len);
/* Are the options whole, and those that miekg/dns knows of a length and content it takes? What
 * fails here is a FORMERR to CoreDNS. */
bool nd_edns_options_valid(const uint8_t *options, size_t n);
