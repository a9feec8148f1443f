/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/edns.h"

#include "wire/name.h"
#include "wire/reader.h"

bool nd_edns_next(const uint8_t *options, size_t n, size_t *at, uint16_t *code,
		  const uint8_t **data, size_t *data_len)
{
	size_t left = *at <= n ? n - *at : 0;

	if (left < 4) /* options may be NULL */
		return false;
	const uint8_t *p = options + *at;
	if (left - 4 < nd_reader_peek16(p + 2))
		return false;
	*code = nd_reader_peek16(p);
	*data = p + 4;
	*data_len = nd_reader_peek16(p + 2);
	*at += 4 + *data_len;
	return true;
}

enum { OPTION_LLQ = 1, OPTION_UL = 2, OPTION_REPORT_CHANNEL = 18, OPTION_ZONEVERSION = 19 };

/* RFC 7871 s6: the family and its longest prefix. */
static bool subnet_valid(const uint8_t *data, size_t n)
{
	if (n < 4)
		return false;
	switch (nd_reader_peek16(data)) {
	case 0: return data[2] == 0;
	case 1: return data[2] <= 32 && data[3] <= 32;
	case 2: return data[2] <= 128 && data[3] <= 128;
	default: return false;
	}
}

/* An agent domain (RFC 9567 s5). Like miekg/dns, ignores the bytes after it. */
static bool domain_valid(const uint8_t *data, size_t n)
{
	struct nd_reader r = nd_reader_over(data, n);
	return nd_name_skip(&r) == 0;
}

static bool option_valid(uint16_t code, const uint8_t *data, size_t n)
{
	switch (code) {
	case OPTION_LLQ: return n >= 18;
	case OPTION_UL: return n == 4 || n == 8;
	case ND_EDNS_SUBNET: return subnet_valid(data, n);
	case ND_EDNS_EXPIRE: return n == 0 || n >= 4;
	case ND_EDNS_KEEPALIVE: return n == 0 || n == 2;
	case ND_EDNS_EDE: return n >= 2;
	case OPTION_REPORT_CHANNEL: return domain_valid(data, n);
	case OPTION_ZONEVERSION: return n >= 2;
	default: return true;
	}
}

bool nd_edns_options_valid(const uint8_t *options, size_t n)
{
	const uint8_t *data;
	size_t at = 0, data_len;
	uint16_t code;

	while (nd_edns_next(options, n, &at, &code, &data, &data_len))
		if (!option_valid(code, data, data_len))
			return false;
	return at == n;
}
