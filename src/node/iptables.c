/* SPDX-License-Identifier: Apache-2.0 */
#include "node/iptables.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <netinet/in.h>
#include <string.h>
#include "base/err.h"
#include "io/file.h"
#include "node/iptables_rule.h"
#include "node/nft_batch.h"
#include "node/nft_expr.h"

enum {
	ADDRS_MAX = 64,
	ROUND_MAX =
		1000, /* deletions per batch; NodeLocal DNSCache used to add a set every minute */
	ROUNDS = 16,
	MESSAGE = 256,
};

/* The chains that NodeLocal DNSCache's rules are in. */
enum place { RAW_PREROUTING, RAW_OUTPUT, FILTER_INPUT, FILTER_OUTPUT };

static const struct {
	const char *table, *chain;
	enum nd_nft_end accept; /* in `filter`: queries in INPUT, responses in OUTPUT */
} places[] = {
	[RAW_PREROUTING] = { "raw", "PREROUTING" },
	[RAW_OUTPUT] = { "raw", "OUTPUT" },
	[FILTER_INPUT] = { "filter", "INPUT", ND_NFT_TO },
	[FILTER_OUTPUT] = { "filter", "OUTPUT", ND_NFT_FROM },
};

static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };

struct pass {
	const struct nd_iptables_config *config;
	struct nd_iptables_result *result;
	struct nd_netlink nl;
	struct nd_nft_batch batch;
	uint8_t family;
	bool accepts; /* keep and add ACCEPT rules */
	/* Of the current chain: */
	enum place place;
	bool exists;
	bool found[ADDRS_MAX][ND_COUNT(protos)];
};

static bool is_filter(enum place p)
{
	return p == FILTER_INPUT || p == FILTER_OUTPUT;
}

static bool same_address(const struct nd_addr *a, const uint8_t *bytes, size_t n)
{
	size_t len;
	const uint8_t *mine = nd_addr_bytes(a, &len);

	return len == n && memcmp(mine, bytes, n) == 0;
}

/* Whether this end of the rule is one of our addresses and ports, and the other end is any; sets
 * *which to the address's index. */
static bool is_ours(const struct pass *p, const struct nd_iptables_rule *r, enum nd_nft_end end,
		    size_t *which)
{
	const struct nd_iptables_config *c = p->config;
	bool to = end == ND_NFT_TO;
	uint16_t port = to ? r->dest_port : r->source_port;
	bool health = c->health_port && port == c->health_port && r->proto == IPPROTO_TCP &&
		      p->place == RAW_OUTPUT;

	if ((to ? r->nsource : r->ndest) || (to ? r->source_port : r->dest_port))
		return false;
	if (port != c->port && !health)
		return false;
	for (size_t i = 0; i < c->naddrs; i++) {
		if (same_address(&c->addrs[i], to ? r->dest : r->source,
				 to ? r->ndest : r->nsource)) {
			*which = i;
			return true;
		}
	}
	return false;
}

/* Whether to remove the rule. The first ACCEPT of each kind is kept if they are wanted. */
static bool must_remove(struct pass *p, const struct nd_iptables_rule *r)
{
	size_t which, proto = r->proto == protos[1];
	bool filter = is_filter(p->place);

	if (r->verdict != (filter ? ND_IPTABLES_ACCEPT : ND_IPTABLES_NOTRACK) ||
	    (r->proto != IPPROTO_TCP && r->proto != IPPROTO_UDP))
		return false;
	if (filter && !is_ours(p, r, places[p->place].accept, &which))
		return false;
	if (!filter && !is_ours(p, r, ND_NFT_TO, &which) &&
	    (p->place != RAW_OUTPUT || !is_ours(p, r, ND_NFT_FROM, &which)))
		return false;
	if (filter && p->accepts && !p->found[which][proto]) {
		p->found[which][proto] = true;
		return false;
	}
	return true;
}

/* Kernels before 4.9 return the rules of all chains. */
static bool is_in_place(const struct pass *p, const struct nd_iptables_rule *r)
{
	return strcmp(r->table, places[p->place].table) == 0 &&
	       strcmp(r->chain, places[p->place].chain) == 0;
}

static int on_rule(const struct nlmsghdr *h, void *ctx)
{
	const uint16_t type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE;
	struct nd_iptables_rule r;
	struct pass *p = ctx;

	if (!nd_nlmsg_fixed(h, type, sizeof(struct nfgenmsg)))
		return -EBADMSG;
	if (p->batch.changes < ROUND_MAX && nd_iptables_rule_read(h, &r) && is_in_place(p, &r) &&
	    must_remove(p, &r)) {
		nd_nft_batch_delete_rule(&p->batch, r.table, r.chain, r.handle);
		p->result->removed++;
	}
	return 0;
}

static int on_chain(const struct nlmsghdr *h, void *ctx)
{
	struct pass *p = ctx;

	(void)h;
	p->exists = true;
	return 0;
}

/* Queries the current chain, or its rules. */
static int query_place(struct pass *p, uint16_t type, uint16_t flags, uint16_t table,
		       uint16_t chain, nd_netlink_on *on)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE];
	struct nd_nlmsg m;

	nd_nft_batch_query(&m, buf, sizeof buf, type, flags, p->family);
	nd_nlmsg_put_text(&m, table, places[p->place].table);
	nd_nlmsg_put_text(&m, chain, places[p->place].chain);
	int err = nd_netlink_request(&p->nl, &m, on, p);
	return err == -ENOENT ? 0 : err;
}

static int find_rules(struct pass *p)
{
	memset(p->found, 0, sizeof p->found);
	p->exists = false;
	int err = query_place(p, NFT_MSG_GETCHAIN, 0, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, on_chain);
	if (err || !p->exists)
		return err;
	return query_place(p, NFT_MSG_GETRULE, NLM_F_DUMP, NFTA_RULE_TABLE, NFTA_RULE_CHAIN,
			   on_rule);
}

/* Uses iptables' own extensions for port and comment: every version of iptables-nft reads them. */
static void add_accept(struct pass *p, const struct nd_addr *a, uint8_t proto)
{
	static const struct xt_comment_info comment = { "nodens: allow DNS traffic" };
	enum nd_nft_end end = places[p->place].accept;
	uint16_t port = p->config->port, none = 0, any = UINT16_MAX;
	bool to = end == ND_NFT_TO;
	struct nd_nft_expr e;

	nd_nft_expr_init(&e, p->family, places[p->place].table, places[p->place].chain);
	e.compat = proto;
	nd_nft_expr_proto(&e, proto);
	nd_nft_expr_addr(&e, end, a);
	uint16_t from[2] = { to ? none : port, to ? any : port };
	uint16_t dest[2] = { to ? port : none, to ? port : any };
	if (proto == IPPROTO_UDP) {
		struct xt_udp udp = { .spts = { from[0], from[1] }, .dpts = { dest[0], dest[1] } };
		nd_nft_expr_match(&e, "udp", &udp, sizeof udp);
	} else {
		struct xt_tcp tcp = { .spts = { from[0], from[1] }, .dpts = { dest[0], dest[1] } };
		nd_nft_expr_match(&e, "tcp", &tcp, sizeof tcp);
	}
	nd_nft_expr_match(&e, "comment", &comment, sizeof comment);
	nd_nft_expr_counter(&e);
	nd_nft_expr_accept(&e);
	nd_nft_batch_insert_rule(&p->batch, &e);
	p->result->added++;
}

static void add_accepts(struct pass *p)
{
	for (size_t i = 0; i < p->config->naddrs; i++) {
		const struct nd_addr *a = &p->config->addrs[i];
		size_t n;
		nd_addr_bytes(a, &n);
		if (n != (p->family == NFPROTO_IPV4 ? 4 : 16))
			continue;
		for (size_t k = 0; k < ND_COUNT(protos); k++) {
			if (!p->found[i][k])
				add_accept(p, a, protos[k]);
		}
	}
}

/* Processes one family in one batch. *more: there are more rules to remove than a batch takes. */
static int run_family(struct pass *p, bool *more, struct nd_diag *d)
{
	struct nd_iptables_result before = *p->result;
	int err = 0;

	nd_nft_batch_init(&p->batch, &p->nl,
			  p->family == NFPROTO_IPV4 ? "ip raw and filter" : "ip6 raw and filter");
	p->batch.family = p->family;
	for (p->place = RAW_PREROUTING; !err && p->place <= FILTER_OUTPUT; p->place++) {
		err = find_rules(p);
		if (!err && p->exists && p->accepts && is_filter(p->place))
			add_accepts(p);
	}
	*more = p->batch.changes >= ROUND_MAX;
	if (err)
		nd_diag_at(d, NULL, 0,
			   "nftables tables %s: cannot list the rules of NodeLocal DNSCache: %s",
			   p->batch.table, nd_err_text(err));
	else if (p->batch.changes)
		err = nd_nft_batch_send(&p->batch, "cannot replace the rules of NodeLocal DNSCache",
					d);
	nd_nft_batch_clear(&p->batch);
	if (err)
		*p->result = before;
	return err;
}

/* A batch fails with ENOENT if another process removes the same rules at the same time: retry. */
static int run_families(struct pass *p, struct nd_diag *d)
{
	static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	int err = 0;

	for (size_t i = 0; !err && i < ND_COUNT(families); i++) {
		bool more = true;
		p->family = families[i];
		for (int k = 0; k < ROUNDS && (more || err == -ENOENT); k++) {
			struct nd_diag this = { .set = false };
			err = run_family(p, &more, &this);
			if (err && (err != -ENOENT || k == ROUNDS - 1))
				nd_diag_at(d, NULL, 0, "%s", this.text);
			if (err && err != -ENOENT)
				return err;
		}
	}
	return err;
}

static bool has_raw(const char *path)
{
	struct nd_buf b;

	nd_buf_init(&b, 4096);
	bool has = nd_file_read(path, &b) == 0 && strstr(nd_buf_string(&b), "raw");
	nd_buf_clear(&b);
	return has;
}

static int run_pass(const struct nd_iptables_config *c, bool accepts,
		    struct nd_iptables_result *result, struct nd_diag *d)
{
	struct pass p = { .config = c, .result = result, .accepts = accepts };

	*result = (struct nd_iptables_result){ 0 };
	if (c->naddrs > ADDRS_MAX) {
		nd_diag_at(d, NULL, 0, "nftables: %zu addresses given: at most %d are supported",
			   c->naddrs, ADDRS_MAX);
		return -E2BIG;
	}
	result->has_legacy_raw = has_raw("/proc/net/ip_tables_names") ||
				 has_raw("/proc/net/ip6_tables_names");
	int err = nd_netlink_open(&p.nl, NETLINK_NETFILTER, -1);
	if (err) {
		nd_diag_at(d, NULL, 0, "nftables: cannot open a netfilter netlink socket: %s",
			   nd_err_text(err));
		return err;
	}
	err = run_families(&p, d);
	nd_netlink_close(&p.nl);
	return err;
}

int nd_iptables_install(const struct nd_iptables_config *c, struct nd_iptables_result *result,
			struct nd_diag *d)
{
	return run_pass(c, true, result, d);
}

int nd_iptables_remove(const struct nd_iptables_config *c, struct nd_iptables_result *result,
		       struct nd_diag *d)
{
	return run_pass(c, false, result, d);
}
