/* SPDX-License-Identifier: Apache-2.0 */
#include "node/link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "node/netlink.h"

enum { TRIES = 5, MESSAGE = 512, UNWANTED_MAX = 1000 };

struct link {
	struct nd_netlink nl;
	const char *name;
	unsigned int index; /* 0: it does not exist */
	char kind[16];      /* "": not virtual */
	unsigned int ports; /* links that have it as their master */
};

static int on_link(const struct nlmsghdr *h, void *ctx)
{
	const struct ifinfomsg *info = nd_nlmsg_fixed(h, RTM_NEWLINK, sizeof *info);
	struct link *l = ctx;

	if (!info)
		return -EBADMSG;
	l->index = (unsigned int)info->ifi_index;
	struct nd_nlmsg_attr about = nd_nlmsg_find(nd_nlmsg_attrs(h, sizeof *info), IFLA_LINKINFO);
	struct nd_nlmsg_attr kind = nd_nlmsg_find(nd_nlmsg_inside(about), IFLA_INFO_KIND);
	if (kind.n)
		snprintf(l->kind, sizeof l->kind, "%.*s", (int)kind.n, (const char *)kind.bytes);
	return 0;
}

static int on_port(const struct nlmsghdr *h, void *ctx)
{
	const struct ifinfomsg *info = nd_nlmsg_fixed(h, RTM_NEWLINK, sizeof *info);
	struct link *l = ctx;

	if (!info)
		return -EBADMSG;
	struct nd_nlmsg_attr master = nd_nlmsg_find(nd_nlmsg_attrs(h, sizeof *info), IFLA_MASTER);
	l->ports += nd_nlmsg_u32(master, 0) == l->index;
	return 0;
}

/* Fills in index, kind and ports. */
static int read_link(struct link *l)
{
	const struct ifinfomsg any = { .ifi_family = AF_UNSPEC };
	_Alignas(struct nlmsghdr) char buf[MESSAGE];
	struct nd_nlmsg m;

	l->index = l->ports = 0;
	memset(l->kind, 0, sizeof l->kind);
	nd_nlmsg_begin(&m, buf, sizeof buf, RTM_GETLINK, 0, &any, sizeof any);
	nd_nlmsg_put_text(&m, IFLA_IFNAME, l->name);
	int err = nd_netlink_request(&l->nl, &m, on_link, l);
	if (err)
		return err == -ENODEV ? 0 : err;

	nd_nlmsg_begin(&m, buf, sizeof buf, RTM_GETLINK, NLM_F_DUMP, &any, sizeof any);
	nd_nlmsg_put_u32(&m, IFLA_MASTER, l->index);
	return nd_netlink_request(&l->nl, &m, on_port, l);
}

/* Whether an existing link of that name may be ours or NodeLocal DNSCache's. */
static int check_kind(const struct link *l, struct nd_diag *d)
{
	if (!l->index || ((!strcmp(l->kind, "dummy") || !strcmp(l->kind, "bridge")) && !l->ports))
		return 0;
	if (l->ports)
		nd_diag_at(d, NULL, 0,
			   "interface %s is a %s with %u ports and was not created by the agent: "
			   "choose another -interfacename",
			   l->name, l->kind, l->ports);
	else
		nd_diag_at(d, NULL, 0,
			   "interface %s exists and is %s%s, not dummy or bridge: choose another "
			   "-interfacename",
			   l->name, *l->kind ? "of kind " : "not virtual", l->kind);
	return -EEXIST;
}

static int create_link(struct link *l, const char *kind)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	_Alignas(struct nlmsghdr) char buf[MESSAGE];
	struct nd_nlmsg m;

	nd_nlmsg_begin(&m, buf, sizeof buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info,
		       sizeof info);
	nd_nlmsg_put_text(&m, IFLA_IFNAME, l->name);
	size_t about = nd_nlmsg_open(&m, IFLA_LINKINFO);
	nd_nlmsg_put_text(&m, IFLA_INFO_KIND, kind);
	nd_nlmsg_close(&m, about);
	return nd_netlink_request(&l->nl, &m, NULL, NULL);
}

/* Retries if another process creates or removes the link at the same time, like a predecessor that
 * is exiting. */
static int ensure_link(struct link *l, bool *changed, struct nd_diag *d)
{
	int err = 0;

	for (int i = 0; i < TRIES; i++) {
		err = read_link(l);
		if (err || l->index)
			break;
		err = create_link(l, "dummy");
		if (err == -EOPNOTSUPP) /* "unknown device type" */
			err = create_link(l, "bridge");
		if (err && err != -EEXIST)
			break;
		*changed |= !err;
	}
	if (!err && !l->index)
		err = -EAGAIN;
	if (err) {
		nd_diag_at(d, NULL, 0, "interface %s: cannot create a dummy or a bridge: %s%s",
			   l->name, nd_err_text(err),
			   err == -EPERM ? ": CAP_NET_ADMIN is required" : "");
		return err;
	}
	return check_kind(l, d);
}

static int change_address(struct link *l, uint16_t type, uint16_t flags, int family, uint8_t prefix,
			  const uint8_t *bytes, size_t n)
{
	const struct ifaddrmsg head = { .ifa_family = (uint8_t)family,
					.ifa_prefixlen = prefix,
					.ifa_index = l->index,
					.ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0 };
	_Alignas(struct nlmsghdr) char buf[MESSAGE];
	struct nd_nlmsg m;

	nd_nlmsg_begin(&m, buf, sizeof buf, type, flags, &head, sizeof head);
	nd_nlmsg_put(&m, IFA_LOCAL, bytes, n);
	nd_nlmsg_put(&m, IFA_ADDRESS, bytes, n);
	return nd_netlink_request(&l->nl, &m, NULL, NULL);
}

/* The first address that must be removed; nothing can be changed during a dump. */
struct unwanted {
	const struct link *link;
	const struct nd_link_config *config;
	bool found;
	int family;
	uint8_t prefix;
	uint8_t bytes[16];
	size_t n;
};

static bool is_wanted(const struct nd_link_config *c, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < c->naddrs; i++) {
		size_t len;
		const uint8_t *mine = nd_addr_bytes(&c->addrs[i], &len);
		if (len == n && !memcmp(mine, bytes, n))
			return true;
	}
	return false;
}

/* A wanted address that is unusable is removed and added again: another prefix length would put
 * neighbouring addresses into the local table, and a tentative IPv6 address (NodeLocal DNSCache's,
 * on a link that is down) cannot be bound. */
static bool is_stray(const struct unwanted *s, const struct ifaddrmsg *m, uint32_t flags,
		     const uint8_t *bytes, size_t n)
{
	if (m->ifa_family == AF_INET6 && m->ifa_scope == RT_SCOPE_LINK &&
	    !is_wanted(s->config, bytes, n))
		return false; /* added by the kernel when the link was set up */
	if (m->ifa_prefixlen != 8 * n || flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
		return true;
	return !is_wanted(s->config, bytes, n);
}

static int on_address(const struct nlmsghdr *h, void *ctx)
{
	const struct ifaddrmsg *m = nd_nlmsg_fixed(h, RTM_NEWADDR, sizeof *m);
	struct unwanted *s = ctx;

	if (!m)
		return -EBADMSG;
	if (s->found || m->ifa_index != s->link->index ||
	    (m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return 0;
	struct nd_nlmsg_list attrs = nd_nlmsg_attrs(h, sizeof *m);
	uint32_t flags = nd_nlmsg_u32(nd_nlmsg_find(attrs, IFA_FLAGS), m->ifa_flags);
	struct nd_nlmsg_attr own = nd_nlmsg_find(attrs, IFA_LOCAL);
	if (!own.bytes)
		own = nd_nlmsg_find(attrs, IFA_ADDRESS);
	size_t n = m->ifa_family == AF_INET ? 4 : 16;
	if (!own.bytes || own.n != n || !is_stray(s, m, flags, own.bytes, n))
		return 0;
	s->found = true;
	s->family = m->ifa_family;
	s->prefix = m->ifa_prefixlen;
	s->n = n;
	memcpy(s->bytes, own.bytes, n);
	return 0;
}

static int find_unwanted(struct link *l, struct unwanted *s)
{
	const struct ifaddrmsg any = { .ifa_family = AF_UNSPEC };
	int err = -EINTR;

	/* EINTR: addresses changed during the dump. */
	for (int i = 0; i < TRIES && err == -EINTR; i++) {
		_Alignas(struct nlmsghdr) char buf[MESSAGE];
		struct nd_nlmsg m;
		nd_nlmsg_begin(&m, buf, sizeof buf, RTM_GETADDR, NLM_F_DUMP, &any, sizeof any);
		s->found = false;
		err = nd_netlink_request(&l->nl, &m, on_address, s);
	}
	return err;
}

static int remove_unwanted(struct link *l, const struct nd_link_config *c, bool *changed)
{
	struct unwanted s = { .link = l, .config = c };

	for (int i = 0; i < UNWANTED_MAX; i++) {
		int err = find_unwanted(l, &s);
		if (err || !s.found)
			return err;
		err = change_address(l, RTM_DELADDR, 0, s.family, s.prefix, s.bytes, s.n);
		if (err && err != -EADDRNOTAVAIL)
			return err;
		*changed = true;
	}
	return -EAGAIN; /* another process keeps adding them */
}

static int add_address(struct link *l, const struct nd_addr *a, bool *changed, struct nd_diag *d)
{
	char text[ND_ADDR_TEXT_MAX];
	size_t n;
	const uint8_t *bytes = nd_addr_bytes(a, &n);
	int err = change_address(l, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
				 n == 4 ? AF_INET : AF_INET6, (uint8_t)(8 * n), bytes, n);

	*changed |= !err;
	if (!err || err == -EEXIST)
		return 0;
	nd_addr_format_ip(a, text);
	nd_diag_at(d, NULL, 0, "interface %s: cannot add address %s: %s%s", l->name, text,
		   nd_err_text(err),
		   err == -EACCES  ? ": IPv6 is disabled (sysctl net.ipv6.conf.*.disable_ipv6)"
		   : err == -EPERM ? ": CAP_NET_ADMIN is required"
				   : "");
	return err;
}

static int open_link(struct link *l, const char *name, struct nd_diag *d)
{
	*l = (struct link){ .name = name, .nl.sock.fd = -1 };
	if (!*name || strlen(name) >= IFNAMSIZ) {
		nd_diag_invalid(d, NULL, 0, "-interfacename: ", "interface name", name,
				"1 to 15 characters");
		return -EINVAL;
	}
	int err = nd_netlink_open(&l->nl, NETLINK_ROUTE, -1);
	if (err)
		nd_diag_at(d, NULL, 0, "interface %s: cannot open a routing netlink socket: %s",
			   name, nd_err_text(err));
	return err;
}

int nd_link_up(const struct nd_link_config *c, bool *changed, struct nd_diag *d)
{
	struct link l;
	bool any = false;
	int err = open_link(&l, c->name, d);

	if (!err)
		err = ensure_link(&l, &any, d);
	if (!err && (err = remove_unwanted(&l, c, &any)))
		nd_diag_at(d, NULL, 0, "interface %s: cannot remove unwanted addresses: %s",
			   c->name, nd_err_text(err));
	for (size_t i = 0; !err && i < c->naddrs; i++)
		err = add_address(&l, &c->addrs[i], &any, d);
	if (!err && changed)
		*changed = any;
	nd_netlink_close(&l.nl);
	return err;
}

static int delete_link(struct link *l)
{
	const struct ifinfomsg info = { .ifi_index = (int)l->index };
	_Alignas(struct nlmsghdr) char buf[MESSAGE];
	struct nd_nlmsg m;

	nd_nlmsg_begin(&m, buf, sizeof buf, RTM_DELLINK, 0, &info, sizeof info);
	int err = nd_netlink_request(&l->nl, &m, NULL, NULL);
	return err == -ENODEV ? 0 : err; /* already removed */
}

int nd_link_down(const char *name, struct nd_diag *d)
{
	struct link l;
	int err = open_link(&l, name, d);

	if (!err && !(err = read_link(&l)) && l.index && !(err = check_kind(&l, d)))
		err = delete_link(&l);
	if (err)
		nd_diag_at(d, NULL, 0, "interface %s: cannot remove it: %s", name,
			   nd_err_text(err));
	nd_netlink_close(&l.nl);
	return err;
}
