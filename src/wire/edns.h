/* SPDX-License-Identifier: Apache-2.0 */
/* edns.h - the OPT record of a message (RFC 6891). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/type.h"
#include "wire/writer.h"

enum {
	ND_EDNS_HEAD = 11,   /* octets of an OPT before its options */
	ND_EDNS_DO = 0x8000, /* in the flags (RFC 3225) */
};

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
	uint8_t extended_rcode; /* upper eight bits of the RCODE */
	uint16_t udp_size;      /* as sent, not raised to 512 */
	uint16_t flags;         /* all sixteen bits, including DO */
	uint16_t options;       /* offset of the options in the message */
	uint16_t options_len;
};

/* Writes an OPT without its options (RFC 6891 s6.1.2); the caller writes e->options_len octets of
 * options next. Inline because cached answers use it. */
static inline void nd_edns_write(struct nd_writer *w, const struct nd_edns *e)
{
	uint8_t *p = nd_writer_take(w, ND_EDNS_HEAD);

	if (!p)
		return;
	p[0] = 0; /* the root */
	nd_writer_put16(p + 1, ND_TYPE_OPT);
	nd_writer_put16(p + 3, e->udp_size);
	p[5] = e->extended_rcode;
	p[6] = e->version;
	nd_writer_put16(p + 7, e->flags);
	nd_writer_put16(p + 9, e->options_len);
}

/* Iterates over options. *at starts at 0. False at the end or at a malformed option. */
bool nd_edns_next(const uint8_t *options, size_t n, size_t *at, uint16_t *code,
		  const uint8_t **data, size_t *data_len);
/* Are the options complete, and those that miekg/dns parses of a length and content it accepts?
 * If not, CoreDNS answers FORMERR. */
bool nd_edns_options_valid(const uint8_t *options, size_t n);
