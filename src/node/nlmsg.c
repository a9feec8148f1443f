/* SPDX-License-Identifier: Apache-2.0 */
#include "node/nlmsg.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>
#include "base/err.h"

/* --- writing --- */

/* Zeroed room for n bytes and the padding after them; NULL: it does not fit. */
static uint8_t *take(struct nd_nlmsg *m, size_t n)
{
	size_t whole = NLMSG_ALIGN(n);

	if (!m->err && whole > m->max - m->len)
		m->err = ND_ELIMIT;
	if (m->err)
		return NULL;
	uint8_t *at = m->bytes + m->len;
	memset(at, 0, whole);
	m->len += whole;
	return at;
}

void nd_nlmsg_init(struct nd_nlmsg *m, void *bytes, size_t max)
{
	*m = (struct nd_nlmsg){ .bytes = bytes, .max = max };
}

void nd_nlmsg_begin(struct nd_nlmsg *m, void *bytes, size_t max, uint16_t type, uint16_t flags,
		    const void *fixed, size_t n)
{
	const struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = flags };

	nd_nlmsg_init(m, bytes, max);
	uint8_t *at = take(m, NLMSG_HDRLEN + n);
	if (!at)
		return;
	memcpy(at, &h, sizeof h);
	memcpy(at + NLMSG_HDRLEN, fixed, n);
}

static void put_head(uint8_t *at, uint16_t type, size_t n)
{
	const struct nlattr head = { .nla_len = (uint16_t)n, .nla_type = type };

	memcpy(at, &head, sizeof head);
}

void nd_nlmsg_put(struct nd_nlmsg *m, uint16_t type, const void *bytes, size_t n)
{
	size_t whole = NLA_HDRLEN + n;

	if (whole > UINT16_MAX && !m->err)
		m->err = ND_ELIMIT;
	uint8_t *at = take(m, whole);
	if (!at)
		return;
	put_head(at, type, whole);
	if (n)
		memcpy(at + NLA_HDRLEN, bytes, n);
}

void nd_nlmsg_put_text(struct nd_nlmsg *m, uint16_t type, const char *text)
{
	nd_nlmsg_put(m, type, text, strlen(text) + 1);
}

void nd_nlmsg_put_u32(struct nd_nlmsg *m, uint16_t type, uint32_t value)
{
	nd_nlmsg_put(m, type, &value, sizeof value);
}

void nd_nlmsg_put_be32(struct nd_nlmsg *m, uint16_t type, uint32_t value)
{
	nd_nlmsg_put_u32(m, type, htonl(value));
}

void nd_nlmsg_put_be64(struct nd_nlmsg *m, uint16_t type, uint64_t value)
{
	uint64_t wire = htobe64(value);

	nd_nlmsg_put(m, type, &wire, sizeof wire);
}

size_t nd_nlmsg_open(struct nd_nlmsg *m, uint16_t type)
{
	size_t at = m->len;

	nd_nlmsg_put(m, NLA_F_NESTED | type, NULL, 0);
	return at;
}

void nd_nlmsg_close(struct nd_nlmsg *m, size_t opened)
{
	uint16_t n;

	if (!m->err && m->len - opened > UINT16_MAX)
		m->err = ND_ELIMIT;
	if (m->err)
		return;
	n = (uint16_t)(m->len - opened);
	memcpy(m->bytes + opened + offsetof(struct nlattr, nla_len), &n, sizeof n);
}

struct nlmsghdr *nd_nlmsg_header(struct nd_nlmsg *m)
{
	struct nlmsghdr *h = (struct nlmsghdr *)m->bytes;

	if (m->err)
		return NULL;
	h->nlmsg_len = (uint32_t)m->len;
	return h;
}

/* --- reading --- */

struct nd_nlmsg_list nd_nlmsg_attrs(const struct nlmsghdr *h, size_t n)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(n);

	if (h->nlmsg_len < skip)
		return (struct nd_nlmsg_list){ 0 };
	return (struct nd_nlmsg_list){ (const uint8_t *)h + skip, h->nlmsg_len - skip };
}

struct nd_nlmsg_list nd_nlmsg_inside(struct nd_nlmsg_attr attr)
{
	return (struct nd_nlmsg_list){ attr.bytes, attr.n };
}

bool nd_nlmsg_next(struct nd_nlmsg_list *l, struct nd_nlmsg_attr *out)
{
	struct nlattr head;

	if (l->left < sizeof head)
		return false;
	memcpy(&head, l->at, sizeof head);
	if (head.nla_len < NLA_HDRLEN || head.nla_len > l->left)
		return false;
	*out = (struct nd_nlmsg_attr){ .type = head.nla_type & NLA_TYPE_MASK,
				       .n = head.nla_len - (size_t)NLA_HDRLEN,
				       .bytes = l->at + NLA_HDRLEN };
	size_t whole = NLA_ALIGN((size_t)head.nla_len);
	if (whole > l->left)
		whole = l->left;
	l->at += whole;
	l->left -= whole;
	return true;
}

struct nd_nlmsg_attr nd_nlmsg_find(struct nd_nlmsg_list l, uint16_t type)
{
	struct nd_nlmsg_attr attr;

	while (nd_nlmsg_next(&l, &attr)) {
		if (attr.type == type)
			return attr;
	}
	return (struct nd_nlmsg_attr){ .type = type };
}

const void *nd_nlmsg_fixed(const struct nlmsghdr *h, uint16_t type, size_t n)
{
	bool fits = h->nlmsg_type == type && h->nlmsg_len >= NLMSG_HDRLEN + n;

	return fits ? (const char *)h + NLMSG_HDRLEN : NULL;
}

uint32_t nd_nlmsg_u32(struct nd_nlmsg_attr attr, uint32_t otherwise)
{
	uint32_t value;

	if (!attr.bytes || attr.n != sizeof value)
		return otherwise;
	memcpy(&value, attr.bytes, sizeof value);
	return value;
}

uint32_t nd_nlmsg_be32(struct nd_nlmsg_attr attr, uint32_t otherwise)
{
	return ntohl(nd_nlmsg_u32(attr, htonl(otherwise)));
}

uint64_t nd_nlmsg_be64(struct nd_nlmsg_attr attr, uint64_t otherwise)
{
	uint64_t wire;

	if (!attr.bytes || attr.n != sizeof wire)
		return otherwise;
	memcpy(&wire, attr.bytes, sizeof wire);
	return be64toh(wire);
}

const char *nd_nlmsg_text(struct nd_nlmsg_attr attr)
{
	if (!attr.bytes || !memchr(attr.bytes, '\0', attr.n))
		return NULL;
	return (const char *)attr.bytes;
}
