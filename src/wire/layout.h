/* SPDX-License-Identifier: Apache-2.0 */
/* layout.h - the layout of rdata by type, as a string with a letter per field. Pure. */
#pragma once

#include <stdint.h>

/* The layout of rdata that contains names: 'd' a name that may be compressed (types of RFC 1035),
 * 'D' a name that a writer must not compress (RFC 3597 s4; pointers in it are still read), '1'
 * '2' '4' that many octets, '6' 16 octets, 's' a character-string, 'r' the rest. NULL: no
 * names. */
const char *nd_layout_of_names(uint16_t type);

/* The same with more detail, for all types that miekg/dns unpacks. Further letters: '8' 8
 * octets, 'M' 6 octets, 'S' one or more character-strings, '?' the rdata may end here, 'B' a type
 * bitmap, 'V' service parameters, 'P' address prefixes, 'L' a block with its 16-bit length; 'I',
 * 'R' and 'H' the whole rdata of IPSECKEY, AMTRELAY and HIP. NULL: any octets. */
const char *nd_layout_of_rdata(uint16_t type);
