/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/edns.h"

#include "wire/reader.h"

bool nd_edns_next(const uint8_t *options, size_t n, size_t *at, uint16_t *code, const uint8_t **data,
		  size_t *data_len)
{
	if (*at > n || n - *at < 4)
		return false;
	const uint8_t *p = options + *at;
	size_t len = nd_reader_peek16(p + 2);
	if (len > n - *at - 4)
		return false;
	*code = nd_reader_peek16(p);
	*data = p + 4;
	*data_len = len;
	*at += 4 + len;
	return true;
}
