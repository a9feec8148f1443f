/* SPDX-License-Identifier: Apache-2.0 */
/* rdata.h - the parts of rdata whose validity is more than a length: type bitmaps, service
 * parameters, address prefixes, gateways. Pure.
 *
 * Accepts what miekg/dns accepts when it unpacks a message; CoreDNS refuses the rest.
 *
 * Owns:    nothing. A reader ends where the rdata ends.
 * Errors:  0; ND_ETRUNC: an item extends past the end (what miekg/dns calls an overflow, to which
 *          CoreDNS replies with TC over UDP); ND_EFORMAT: any other fault.
 */
#pragma once

#include "wire/reader.h"

/* Each reads its item at the cursor; the first three read to the end of the rdata. */
int nd_rdata_check_bitmap(struct nd_reader *r);   /* NSEC, NSEC3, CSYNC: RFC 4034 s4.1.2 */
int nd_rdata_check_params(struct nd_reader *r);   /* SVCB, HTTPS: RFC 9460 s2.2 */
int nd_rdata_check_prefixes(struct nd_reader *r); /* APL: RFC 3123 s4 */
/* Octets after their 16-bit length (TSIG, TKEY). */
int nd_rdata_check_block(struct nd_reader *r);
/* The whole rdata of a type whose gateway or servers follow from earlier fields. A name in it must
 * not be compressed (RFC 3597 s4), because these types are copied without reading their names. */
int nd_rdata_check_ipseckey(struct nd_reader *r); /* RFC 4025 s2.1 */
int nd_rdata_check_amtrelay(struct nd_reader *r); /* RFC 8777 s4.1 */
int nd_rdata_check_hip(struct nd_reader *r);      /* RFC 8005 s5 */
