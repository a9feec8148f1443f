/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/rdata.h"

#include "wire/name.h"

static int take(struct nd_reader *r, size_t n)
{
	return nd_reader_take(r, n) ? 0 : r->err;
}

/* --- type bitmaps --- */

int nd_rdata_check_bitmap(struct nd_reader *r)
{
	int last = -1;

	while (nd_reader_left(r)) {
		const uint8_t *p = nd_reader_take(r, 2);
		if (!p)
			return r->err;
		if (p[0] <= last || p[1] == 0 || p[1] > 32)
			return ND_EFORMAT;
		last = p[0];
		if (!nd_reader_take(r, p[1]))
			return r->err;
	}
	return 0;
}

/* --- service parameters --- */

/* RFC 9460 s14.3.2, RFC 9461, RFC 9540. */
enum param {
	PARAM_MANDATORY,
	PARAM_ALPN,
	PARAM_NO_DEFAULT_ALPN,
	PARAM_PORT,
	PARAM_IPV4HINT,
	PARAM_ECH,
	PARAM_IPV6HINT,
	PARAM_DOHPATH,
	PARAM_OHTTP,
	PARAM_INVALID = 65535,
};

/* miekg/dns accepts an empty protocol when it unpacks, and then fails to write it. */
static int check_alpn(const uint8_t *p, size_t n)
{
	struct nd_reader r = nd_reader_over(p, n);

	while (nd_reader_left(&r)) {
		uint8_t len = nd_reader_u8(&r);
		if (len == 0)
			return ND_EFORMAT;
		if (!nd_reader_take(&r, len))
			return r.err;
	}
	return 0;
}

/* An IPv4-mapped address is not an IPv6 hint. */
static int check_ipv6hint(const uint8_t *p, size_t n)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	if (n == 0 || n % 16)
		return ND_EFORMAT;
	for (; n; n -= 16, p += 16)
		if (memcmp(p, mapped, sizeof mapped) == 0)
			return ND_EFORMAT;
	return 0;
}

static int check_param(uint16_t key, const uint8_t *p, size_t n)
{
	switch (key) {
	case PARAM_MANDATORY: return n % 2 ? ND_EFORMAT : 0;
	case PARAM_ALPN: return check_alpn(p, n);
	case PARAM_NO_DEFAULT_ALPN:
	case PARAM_OHTTP: return n ? ND_EFORMAT : 0;
	case PARAM_PORT: return n == 2 ? 0 : ND_EFORMAT;
	case PARAM_IPV4HINT: return n && n % 4 == 0 ? 0 : ND_EFORMAT;
	case PARAM_IPV6HINT: return check_ipv6hint(p, n);
	case PARAM_INVALID: return ND_EFORMAT;
	default: return 0;
	}
}

int nd_rdata_check_params(struct nd_reader *r)
{
	int last = -1;

	while (nd_reader_left(r)) {
		uint16_t key = nd_reader_u16(r);
		uint16_t n = nd_reader_u16(r);
		const uint8_t *value = nd_reader_take(r, n);
		if (!value)
			return r->err;
		int err = check_param(key, value, n);
		if (err)
			return err;
		if (key <= last) /* RFC 9460 s2.2: strictly increasing */
			return ND_EFORMAT;
		last = key;
	}
	return 0;
}

/* --- address prefixes --- */

int nd_rdata_check_prefixes(struct nd_reader *r)
{
	while (nd_reader_left(r)) {
		uint16_t family = nd_reader_u16(r);
		uint8_t prefix = nd_reader_u8(r);
		size_t n = nd_reader_u8(r) & 0x7f, size = family == 1 ? 4 : 16;
		if (r->err)
			return r->err;
		if (family < 1 || family > 2 || prefix > 8 * size || n > size)
			return ND_EFORMAT;
		const uint8_t *p = nd_reader_take(r, n);
		if (!p)
			return r->err;
		if (n && p[n - 1] == 0)
			return ND_EFORMAT;
	}
	return 0;
}

/* --- blocks, gateways --- */

int nd_rdata_check_block(struct nd_reader *r)
{
	uint16_t n = nd_reader_u16(r);

	return take(r, n);
}

static int check_plain_name(struct nd_reader *r)
{
	const uint8_t *start = r->pos;
	struct nd_name_buf buf;
	struct nd_name name;

	int err = nd_name_read(r, false, &buf, &name);
	if (err)
		return err;
	return r->pos - start == name.len ? 0 : ND_EFORMAT;
}

enum gateway { GATEWAY_IPV4 = 1, GATEWAY_IPV6, GATEWAY_NAME };

/* A gateway of another type takes no octets in miekg/dns. */
static int check_gateway(struct nd_reader *r, unsigned type)
{
	switch (type) {
	case GATEWAY_IPV4: return take(r, 4);
	case GATEWAY_IPV6: return take(r, 16);
	case GATEWAY_NAME: return check_plain_name(r);
	default: return 0;
	}
}

int nd_rdata_check_ipseckey(struct nd_reader *r)
{
	const uint8_t *p = nd_reader_take(r, 3);

	if (!p)
		return r->err;
	int err = check_gateway(r, p[1]);
	return err ? err : take(r, nd_reader_left(r));
}

int nd_rdata_check_amtrelay(struct nd_reader *r)
{
	const uint8_t *p = nd_reader_take(r, 2);

	return p ? check_gateway(r, p[1] & 0x7f) : r->err;
}

int nd_rdata_check_hip(struct nd_reader *r)
{
	uint8_t hit = nd_reader_u8(r);
	nd_reader_u8(r);
	uint16_t key = nd_reader_u16(r);
	nd_reader_take(r, hit);
	int err = take(r, key);

	while (!err && nd_reader_left(r))
		err = check_plain_name(r);
	return err;
}
