/* SPDX-License-Identifier: Apache-2.0 */
#include "node/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "io/file.h"

enum {
	MESSAGE = 256,
	/* CTA_FILTER: the parts of a tuple that are compared; not in the kernel's headers. */
	FILTER_ORIG_FLAGS = 1,
	FILTER_REPLY_FLAGS = 2,
	BY_PROTOCOL = 1 << 3,
	BY_DEST_PORT = 1 << 5,
};

static int read_number(const char *path, uint64_t *out)
{
	struct nd_buf b;
	char *end;

	nd_buf_init(&b, 64);
	int err = nd_file_read(path, &b);
	uint64_t value = strtoull(nd_buf_string(&b), &end, 10);
	if (!err && end == nd_buf_string(&b))
		err = ND_EFORMAT;
	nd_buf_clear(&b);
	if (!err)
		*out = value;
	return err;
}

int nd_conntrack_usage(uint64_t *entries, uint64_t *limit)
{
	uint64_t n;
	int err = read_number("/proc/sys/net/netfilter/nf_conntrack_count", &n);

	if (!err)
		err = read_number("/proc/sys/net/netfilter/nf_conntrack_max", limit);
	if (!err)
		*entries = n;
	return err;
}

/* An entry of the table. */
struct entry {
	struct nd_conntrack_flow flow;
	uint16_t dest_port;
	bool open;  /* not closed, nor waiting for late packets */
	bool moved; /* redirected by a DNAT */
};

static uint16_t read_port(struct nd_nlmsg_attr attr)
{
	uint16_t wire;

	if (attr.n != sizeof wire)
		return 0;
	memcpy(&wire, attr.bytes, sizeof wire);
	return ntohs(wire);
}

static uint8_t read_byte(struct nd_nlmsg_attr attr)
{
	return attr.n == 1 ? *attr.bytes : 0;
}

/* The client's tuple. False: not TCP, or no such family. */
static bool read_tuple(struct nd_nlmsg_list tuple, uint8_t family, struct entry *e)
{
	bool four = family == AF_INET;
	struct nd_nlmsg_list ip = nd_nlmsg_inside(nd_nlmsg_find(tuple, CTA_TUPLE_IP));
	struct nd_nlmsg_list proto = nd_nlmsg_inside(nd_nlmsg_find(tuple, CTA_TUPLE_PROTO));
	struct nd_nlmsg_attr from = nd_nlmsg_find(ip, four ? CTA_IP_V4_SRC : CTA_IP_V6_SRC);
	struct nd_nlmsg_attr to = nd_nlmsg_find(ip, four ? CTA_IP_V4_DST : CTA_IP_V6_DST);

	e->flow.n = four ? 4 : 16;
	if (from.n != e->flow.n || to.n != e->flow.n ||
	    read_byte(nd_nlmsg_find(proto, CTA_PROTO_NUM)) != IPPROTO_TCP)
		return false;
	memcpy(e->flow.source, from.bytes, from.n);
	memcpy(e->flow.dest, to.bytes, to.n);
	e->flow.port = read_port(nd_nlmsg_find(proto, CTA_PROTO_SRC_PORT));
	e->dest_port = read_port(nd_nlmsg_find(proto, CTA_PROTO_DST_PORT));
	return true;
}

/* 0, -EBADMSG, or -ENOENT: not a TCP connection. */
static int read_entry(const struct nlmsghdr *h, struct entry *e)
{
	const uint16_t type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	const struct nfgenmsg *head = nd_nlmsg_fixed(h, type, sizeof *head);

	if (!head)
		return -EBADMSG;
	struct nd_nlmsg_list attrs = nd_nlmsg_attrs(h, sizeof *head);
	*e = (struct entry){ .open = false };
	if (!read_tuple(nd_nlmsg_inside(nd_nlmsg_find(attrs, CTA_TUPLE_ORIG)), head->nfgen_family,
			e))
		return -ENOENT;
	struct nd_nlmsg_list info = nd_nlmsg_inside(nd_nlmsg_find(attrs, CTA_PROTOINFO));
	struct nd_nlmsg_list tcp = nd_nlmsg_inside(nd_nlmsg_find(info, CTA_PROTOINFO_TCP));
	e->open = read_byte(nd_nlmsg_find(tcp, CTA_PROTOINFO_TCP_STATE)) < TCP_CONNTRACK_TIME_WAIT;
	e->moved = nd_nlmsg_be32(nd_nlmsg_find(attrs, CTA_STATUS), 0) & IPS_DST_NAT;
	return 0;
}

struct listing {
	const struct nd_addr *addrs;
	size_t naddrs, max;
	uint16_t port;
	uint8_t n; /* length of the addresses */
	struct nd_conntrack_flows *out;
};

static bool is_ours(const struct listing *l, const struct entry *e)
{
	for (size_t i = 0; i < l->naddrs; i++) {
		size_t n;
		const uint8_t *bytes = nd_addr_bytes(&l->addrs[i], &n);
		if (n == e->flow.n && memcmp(bytes, e->flow.dest, n) == 0)
			return true;
	}
	return false;
}

static int on_listed(const struct nlmsghdr *h, void *ctx)
{
	struct listing *l = ctx;
	struct nd_conntrack_flows *out = l->out;
	struct entry e;
	int err = read_entry(h, &e);

	if (err == -ENOENT)
		return 0;
	if (err || !e.open || !e.moved || e.flow.n != l->n || e.dest_port != l->port ||
	    !is_ours(l, &e))
		return err;
	if (out->n >= l->max) {
		out->beyond++;
		return 0;
	}
	struct nd_conntrack_flow *grown = nd_array_grow(out->list, &out->cap, out->n + 1,
							sizeof *grown);
	if (!grown)
		return -ENOMEM;
	out->list = grown;
	out->list[out->n++] = e.flow;
	return 0;
}

static void begin(struct nd_nlmsg *m, void *buf, size_t n, uint16_t flags, uint8_t family)
{
	const struct nfgenmsg head = { .nfgen_family = family };

	nd_nlmsg_begin(m, buf, n, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, flags, &head,
		       sizeof head);
}

static void put_proto(struct nd_nlmsg *m, uint16_t source, uint16_t dest)
{
	const uint8_t tcp = IPPROTO_TCP;
	const uint16_t from = htons(source), to = htons(dest);
	size_t at = nd_nlmsg_open(m, CTA_TUPLE_PROTO);

	nd_nlmsg_put(m, CTA_PROTO_NUM, &tcp, sizeof tcp);
	nd_nlmsg_put(m, CTA_PROTO_SRC_PORT, &from, sizeof from);
	nd_nlmsg_put(m, CTA_PROTO_DST_PORT, &to, sizeof to);
	nd_nlmsg_close(m, at);
}

/* The kernel lists TCP entries of the port only (Linux 5.8), which matters in a table with 262,144
 * entries; older ones list all. */
static void put_filter(struct nd_nlmsg *m, uint16_t port)
{
	size_t at = nd_nlmsg_open(m, CTA_TUPLE_ORIG);

	put_proto(m, 0, port);
	nd_nlmsg_close(m, at);
	at = nd_nlmsg_open(m, CTA_FILTER);
	nd_nlmsg_put_u32(m, FILTER_ORIG_FLAGS, BY_PROTOCOL | BY_DEST_PORT);
	nd_nlmsg_put_u32(m, FILTER_REPLY_FLAGS, 0);
	nd_nlmsg_close(m, at);
}

int nd_conntrack_list(struct nd_netlink *nl, uint8_t family, const struct nd_addr *addrs,
		      size_t naddrs, uint16_t port, size_t max, struct nd_conntrack_flows *out)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE];
	struct listing l = { .addrs = addrs,
			     .naddrs = naddrs,
			     .max = max,
			     .port = port,
			     .n = family == AF_INET ? 4 : 16,
			     .out = out };
	struct nd_nlmsg m;

	begin(&m, buf, sizeof buf, NLM_F_DUMP, family);
	put_filter(&m, port);
	return nd_netlink_request(nl, &m, on_listed, &l);
}

static int on_found(const struct nlmsghdr *h, void *ctx)
{
	struct entry *e = ctx;

	return read_entry(h, e);
}

int nd_conntrack_find(struct nd_netlink *nl, const struct nd_conntrack_flow *f, uint16_t port,
		      bool *out)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE];
	bool four = f->n == 4;
	struct entry e = { .open = false };
	struct nd_nlmsg m;

	begin(&m, buf, sizeof buf, 0, four ? AF_INET : AF_INET6);
	size_t at = nd_nlmsg_open(&m, CTA_TUPLE_ORIG);
	size_t ip = nd_nlmsg_open(&m, CTA_TUPLE_IP);
	nd_nlmsg_put(&m, four ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, f->source, f->n);
	nd_nlmsg_put(&m, four ? CTA_IP_V4_DST : CTA_IP_V6_DST, f->dest, f->n);
	nd_nlmsg_close(&m, ip);
	put_proto(&m, f->port, port);
	nd_nlmsg_close(&m, at);
	int err = nd_netlink_request(nl, &m, on_found, &e);
	if (err && err != -ENOENT)
		return err;
	*out = !err && e.open;
	return 0;
}
