/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/ascii.h"
#include "base/err.h"

struct nd_addr nd_addr_from(int family, const void *bytes, uint16_t port)
{
	struct nd_addr a = { .len = 0 };

	if (family == AF_INET) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
		memcpy(&a.in.sin_addr, bytes, 4);
		a.len = sizeof a.in;
	} else {
		memset(&a.in6, 0, sizeof a.in6);
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
		memcpy(&a.in6.sin6_addr, bytes, 16);
		a.len = sizeof a.in6;
	}
	return a;
}

int nd_addr_parse_ip(const char *text, uint16_t port, struct nd_addr *out)
{
	char plain[INET6_ADDRSTRLEN + 1];
	uint8_t bytes[16];
	const char *scope = strchr(text, '%');
	size_t n = scope ? (size_t)(scope - text) : strlen(text);

	if (n >= sizeof plain)
		return ND_EFORMAT;
	memcpy(plain, text, n);
	plain[n] = '\0';
	if (!scope && inet_pton(AF_INET, plain, bytes) == 1) {
		*out = nd_addr_from(AF_INET, bytes, port);
		return 0;
	}
	if (inet_pton(AF_INET6, plain, bytes) != 1)
		return ND_EFORMAT;
	struct nd_addr a = nd_addr_from(AF_INET6, bytes, port);
	if (scope) {
		char *end;
		unsigned long id = if_nametoindex(scope + 1);
		if (!id) {
			id = strtoul(scope + 1, &end, 10);
			if (end == scope + 1 || *end)
				return ND_EFORMAT;
		}
		a.in6.sin6_scope_id = (uint32_t)id;
	}
	*out = a;
	return 0;
}

static int parse_port(const char *text, uint16_t *port)
{
	char *end;

	if (!nd_ascii_is_digit(*text))
		return ND_EFORMAT;
	unsigned long n = strtoul(text, &end, 10);
	if (*end || n > 65535)
		return ND_EFORMAT;
	*port = (uint16_t)n;
	return 0;
}

int nd_addr_parse(const char *text, uint16_t port, struct nd_addr *out)
{
	char host[ND_ADDR_TEXT_MAX];
	const char *colon = strrchr(text, ':');

	if (text[0] == '[') {
		const char *close = strchr(text, ']');
		if (!close || (size_t)(close - text) >= sizeof host)
			return ND_EFORMAT;
		if (close[1] && (close[1] != ':' || parse_port(close + 2, &port)))
			return ND_EFORMAT;
		memcpy(host, text + 1, (size_t)(close - text) - 1);
		host[close - text - 1] = '\0';
		return nd_addr_parse_ip(host, port, out);
	}
	if (colon && strchr(text, ':') == colon) { /* one colon: host and port, IPv4 */
		if ((size_t)(colon - text) >= sizeof host || parse_port(colon + 1, &port))
			return ND_EFORMAT;
		memcpy(host, text, (size_t)(colon - text));
		host[colon - text] = '\0';
		return nd_addr_parse_ip(host, port, out);
	}
	return nd_addr_parse_ip(text, port, out);
}

size_t nd_addr_format_ip(const struct nd_addr *a, char text[ND_ADDR_TEXT_MAX])
{
	if (a->len == 0) {
		text[0] = '\0';
		return 0;
	}
	if (a->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &a->in.sin_addr, text, ND_ADDR_TEXT_MAX);
	else
		inet_ntop(AF_INET6, &a->in6.sin6_addr, text, ND_ADDR_TEXT_MAX);
	return strlen(text);
}

size_t nd_addr_format(const struct nd_addr *a, char text[ND_ADDR_TEXT_MAX])
{
	char ip[ND_ADDR_TEXT_MAX];

	nd_addr_format_ip(a, ip);
	bool six = a->len && a->sa.sa_family == AF_INET6;
	int n = snprintf(text, ND_ADDR_TEXT_MAX, six ? "[%.46s]:%u" : "%.46s:%u", ip,
			 nd_addr_port(a));
	return (size_t)n;
}

uint16_t nd_addr_port(const struct nd_addr *a)
{
	if (a->len == 0)
		return 0;
	return ntohs(a->sa.sa_family == AF_INET ? a->in.sin_port : a->in6.sin6_port);
}

void nd_addr_set_port(struct nd_addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET)
		a->in.sin_port = htons(port);
	else
		a->in6.sin6_port = htons(port);
}

const uint8_t *nd_addr_bytes(const struct nd_addr *a, size_t *n)
{
	if (a->sa.sa_family == AF_INET) {
		*n = 4;
		return (const uint8_t *)&a->in.sin_addr;
	}
	const uint8_t *six = a->in6.sin6_addr.s6_addr;
	if (IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) {
		*n = 4;
		return six + 12;
	}
	*n = 16;
	return six;
}

bool nd_addr_equal(const struct nd_addr *a, const struct nd_addr *b)
{
	if (a->len != b->len || a->len == 0)
		return a->len == b->len;
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_port == b->in.sin_port &&
		       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return a->in6.sin6_port == b->in6.sin6_port &&
	       a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
	       memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0;
}

bool nd_addr_same_ip(const struct nd_addr *a, const struct nd_addr *b)
{
	size_t na, nb;
	const uint8_t *ba = nd_addr_bytes(a, &na), *bb = nd_addr_bytes(b, &nb);

	return na == nb && memcmp(ba, bb, na) == 0;
}

bool nd_addr_is_any(const struct nd_addr *a)
{
	static const uint8_t zero[16];
	size_t n;
	const uint8_t *bytes = nd_addr_bytes(a, &n);
	return memcmp(bytes, zero, n) == 0;
}

bool nd_addr_is_loopback(const struct nd_addr *a)
{
	size_t n;
	const uint8_t *bytes = nd_addr_bytes(a, &n);
	return n == 4 ? bytes[0] == 127 : IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

/* Clears all bits after the first `bits`. */
static void mask(uint8_t *bytes, size_t len, size_t bits)
{
	for (size_t i = 0; i < len; i++) {
		size_t left = bits > 8 * i ? bits - 8 * i : 0;
		if (left < 8)
			bytes[i] &= (uint8_t)(0xff00 >> left);
	}
}

int nd_cidr_parse(const char *text, struct nd_cidr *out)
{
	char ip[ND_ADDR_TEXT_MAX];
	struct nd_addr a;
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	uint16_t bits;

	if (n >= sizeof ip)
		return ND_EFORMAT;
	memcpy(ip, text, n);
	ip[n] = '\0';
	if (strchr(ip, '%') || nd_addr_parse_ip(ip, 0, &a))
		return ND_EFORMAT;

	struct nd_cidr c = { .len = a.sa.sa_family == AF_INET ? 4 : 16 };
	if (slash && parse_port(slash + 1, &bits))
		return ND_EFORMAT;
	if (!slash)
		bits = 8u * c.len;
	if (bits > 8u * c.len)
		return ND_EFORMAT;
	c.bits = (uint8_t)bits;
	memcpy(c.bytes, c.len == 4 ? (const void *)&a.in.sin_addr : (const void *)&a.in6.sin6_addr,
	       c.len);
	mask(c.bytes, c.len, bits);
	*out = c;
	return 0;
}

bool nd_cidr_has(const struct nd_cidr *net, const struct nd_addr *a)
{
	uint8_t bytes[16];
	size_t n;
	const uint8_t *p = nd_addr_bytes(a, &n);

	if (n != net->len)
		return false;
	memcpy(bytes, p, n);
	mask(bytes, n, net->bits);
	return memcmp(bytes, net->bytes, n) == 0;
}
