/* SPDX-License-Identifier: Apache-2.0 */
#include "node/nft.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "node/netlink.h"
#include "node/nft_batch.h"
#include "node/nft_expr.h"
#include "node/nft_flows.h"
#include "node/nft_stay.h"

enum {
	ADDRS_MAX = 64,
	BEFORE_RAW = -301, /* before conntrack (-200), and before others' rules in `raw` (-300) */
};

struct nd_nft {
	struct nd_netlink nl;
	char table[64]; /* "": nothing was put */
	/* The addresses that are intercepted, as far as this process knows. */
	struct nd_addr served[ADDRS_MAX];
	size_t nserved;
	uint16_t port;
	struct nd_nft_exempt exempt;
	struct nd_nft_features features;
	bool probed;
};

enum chain { PREROUTING, OUTPUT };

static const struct nd_nft_chain chains[] = {
	[PREROUTING] = { "prerouting", "filter", NF_INET_PRE_ROUTING, BEFORE_RAW },
	[OUTPUT] = { "output", "filter", NF_INET_LOCAL_OUT, BEFORE_RAW },
};

/* What happens to the traffic of an address. */
enum stage {
	LEARN, /* new TCP connections are exempted: soon the rules of SERVE come */
	SERVE,
	DRAIN, /* like LEARN, but the TCP connections that we have continue */
};

/* The rules of an address, in this order. The health port belongs to no Service, so both directions
 * can be untracked: probes get through when the connection table is full. `socket` in output is the
 * sender's. */
static const struct shape {
	enum chain chain;
	uint8_t proto;
	enum nd_nft_end end;
	unsigned stages; /* bits: 1 << enum stage */
	bool health;     /* else the DNS port */
	bool socket;     /* only while one receives the packet */
	bool unowned;    /* the same, in a table that remains after our death */
	bool add;        /* exempts the connection; else untracked */
	bool flow;       /* only if the connection is not exempted */
} shapes[] = {
	{ PREROUTING, IPPROTO_TCP, ND_NFT_TO, 1 << LEARN | 1 << DRAIN, .add = true },
	{ PREROUTING, IPPROTO_TCP, ND_NFT_TO, 1 << SERVE | 1 << DRAIN, .unowned = true,
	  .flow = true },
	{ PREROUTING, IPPROTO_UDP, ND_NFT_TO, 1 << SERVE, .socket = true },
	{ OUTPUT, IPPROTO_TCP, ND_NFT_TO, 1 << LEARN | 1 << DRAIN, .add = true },
	{ OUTPUT, IPPROTO_TCP, ND_NFT_TO, 1 << SERVE | 1 << DRAIN, .flow = true },
	{ OUTPUT, IPPROTO_TCP, ND_NFT_FROM, 1 << SERVE | 1 << DRAIN },
	{ OUTPUT, IPPROTO_UDP, ND_NFT_TO, 1 << SERVE },
	{ OUTPUT, IPPROTO_UDP, ND_NFT_FROM, 1 << SERVE | 1 << DRAIN },
	{ OUTPUT, IPPROTO_TCP, ND_NFT_TO, 1 << SERVE | 1 << DRAIN, .health = true },
	{ OUTPUT, IPPROTO_TCP, ND_NFT_FROM, 1 << SERVE | 1 << DRAIN, .health = true },
};

int nd_nft_new(int fd, struct nd_nft **out, struct nd_diag *d)
{
	struct nd_nft *n = calloc(1, sizeof *n);
	int err = n ? nd_netlink_open(&n->nl, NETLINK_NETFILTER, fd) : -ENOMEM;

	if (err) {
		nd_diag_at(d, NULL, 0, "nftables: cannot open a netfilter netlink socket: %s%s",
			   nd_err_text(err),
			   err == -EPROTONOSUPPORT ? ": the kernel lacks CONFIG_NETFILTER_NETLINK"
						   : "");
		free(n);
		return err;
	}
	*out = n;
	return 0;
}

int nd_nft_fd(const struct nd_nft *n)
{
	return n->nl.sock.fd;
}

static bool is_served(const struct nd_nft *n, const struct nd_addr *a)
{
	for (size_t i = 0; i < n->nserved; i++) {
		if (nd_addr_equal(&n->served[i], a))
			return true;
	}
	return false;
}

/* TCP: the third packet of a handshake has no full socket, which only `transparent` finds. */
static void match_socket(struct nd_nft_expr *e, const struct nd_nft_features *f,
			 const struct shape *s)
{
	if (s->socket && (f->wildcard || f->socket))
		nd_nft_expr_socket(e, !f->wildcard);
	if (s->unowned && !f->owner && f->socket)
		nd_nft_expr_socket(e, true);
}

static void add_rule(struct nd_nft_batch *b, const struct nd_nft_config *c,
		     const struct nd_nft_features *f, const struct shape *s,
		     const struct nd_addr *a)
{
	size_t n;
	nd_addr_bytes(a, &n);
	uint8_t family = n == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	struct nd_nft_expr e;

	nd_nft_expr_init(&e, NFPROTO_INET, c->table, chains[s->chain].name);
	nd_nft_expr_addr(&e, s->end, a);
	nd_nft_expr_port(&e, s->end, s->proto, s->health ? c->health_port : c->port);
	if (s->add)
		nd_nft_expr_syn(&e);
	if (s->end == ND_NFT_TO) /* if the interface disappears, kube-proxy's rules apply */
		nd_nft_expr_local(&e);
	match_socket(&e, f, s);
	if (s->flow)
		nd_nft_expr_not_in(&e, family, nd_nft_flows_set(family));
	if (s->add)
		nd_nft_expr_add_to(&e, family, nd_nft_flows_set(family));
	else
		nd_nft_expr_notrack(&e);
	nd_nft_batch_rule(b, &e);
}

static void add_rules(struct nd_nft_batch *b, const struct nd_nft_config *c,
		      const struct nd_nft_features *f, enum stage stage, const struct nd_addr *a)
{
	for (size_t k = 0; k < ND_COUNT(shapes); k++) {
		if (shapes[k].stages & 1U << stage && (!shapes[k].health || c->health_port))
			add_rule(b, c, f, &shapes[k], a);
	}
}

static int check(const struct nd_nft_config *c, size_t table_max, struct nd_diag *d)
{
	if (c->naddrs > ADDRS_MAX) {
		nd_diag_at(d, NULL, 0,
			   "nftables: cannot intercept %zu addresses: at most %d are supported",
			   c->naddrs, ADDRS_MAX);
		return -E2BIG;
	}
	if (!*c->table || strlen(c->table) >= table_max) {
		char must[48];
		snprintf(must, sizeof must, "1 to %zu characters", table_max - 1);
		nd_diag_invalid(d, NULL, 0, "nftables: ", "table name", c->table, must);
		return -EINVAL;
	}
	return 0;
}

/* Whether we can use the name: a table without an owner is replaced, another process's is not. */
static int check_owner(struct nd_nft *n, const char *table, enum nd_nft_state *state,
		       struct nd_diag *d)
{
	int err = nd_nft_batch_find_table(&n->nl, table, state, d);

	if (err || *state != ND_NFT_FOREIGN)
		return err;
	nd_diag_at(d, NULL, 0,
		   "nftables table inet %s belongs to another process: only one agent can own it",
		   table);
	return -EBUSY;
}

/* The state in which our table is as it should be. */
static enum nd_nft_state state_of_ours(const struct nd_nft *n)
{
	return n->features.owner ? ND_NFT_OWNED : ND_NFT_UNOWNED;
}

/* What is there before a change. */
struct present {
	enum nd_nft_state own, stay;
	bool ours; /* this process made the table, so its chains and sets are those of this file */
};

static int look(struct nd_nft *n, const char *table, const char *stay_name, struct present *p,
		struct nd_diag *d)
{
	int err = check_owner(n, table, &p->own, d);

	if (!err)
		err = check_owner(n, stay_name, &p->stay, d);
	p->ours = p->own == state_of_ours(n) && *n->table;
	return err;
}

/* The owned table without rules. */
static void define_table(struct nd_nft_batch *b, const struct present *p, bool owned)
{
	if (p->ours) {
		nd_nft_batch_delete_rules(b);
		return;
	}
	if (p->own != ND_NFT_NONE)
		nd_nft_batch_delete_table(b);
	nd_nft_batch_table(b, owned);
	nd_nft_flows_define(b);
	for (size_t i = 0; i < ND_COUNT(chains); i++)
		nd_nft_batch_chain(b, &chains[i]);
}

/* Exempts the connections of the connection table. Without them all rules still serve. */
static void exempt(struct nd_nft *n, struct nd_nft_batch *b, const struct nd_nft_config *c)
{
	struct nd_nft_exempt *x = &n->exempt;

	x->err = nd_nft_flows_add(b, c->addrs, c->naddrs, c->port, &x->n, &x->beyond);
}

/* Sends one batch with the rules of this stage; LEARN is for addresses not served yet. */
static int send_stage(struct nd_nft *n, const struct nd_nft_config *c, enum stage stage,
		      const char *stay_name, const struct present *p, struct nd_diag *d)
{
	struct nd_nft_batch b;

	nd_nft_batch_init(&b, &n->nl, c->table);
	define_table(&b, p, n->features.owner);
	if (stage == SERVE)
		exempt(n, &b, c);
	for (size_t i = 0; i < c->naddrs; i++)
		add_rules(&b, c, &n->features,
			  stage == LEARN && is_served(n, &c->addrs[i]) ? SERVE : stage,
			  &c->addrs[i]);
	if (stage != LEARN && n->features.nat) {
		b.table = stay_name;
		nd_nft_stay_install(&b, p->stay, c->addrs, c->naddrs);
		b.table = c->table;
	}
	int err = nd_nft_batch_send(&b, "cannot install the rules", d);
	nd_nft_batch_clear(&b);
	if (!err)
		strcpy(n->table, c->table);
	return err;
}

/* Between the listing of connections and our first rules for an address another one could begin. So
 * the packet path notes them first. Not if the table is a predecessor's, which intercepts. */
static bool must_learn(const struct nd_nft *n, const struct nd_nft_config *c,
		       const struct present *p)
{
	bool all = true;

	for (size_t i = 0; i < c->naddrs; i++)
		all = all && is_served(n, &c->addrs[i]);
	return !c->draining && !all && (p->ours || p->own != ND_NFT_OWNED);
}

static int probe(struct nd_nft *n, const char *table, struct nd_diag *d)
{
	int err = n->probed ? 0 : nd_nft_probe(&n->nl, table, &n->features, d);

	n->probed = !err;
	return err;
}

int nd_nft_install(struct nd_nft *n, const struct nd_nft_config *c, struct nd_diag *d)
{
	char stay_name[ND_NFT_STAY_NAME_MAX];
	struct present p;
	int err = check(c, sizeof n->table, d);

	nd_nft_stay_name(c->table, stay_name);
	if (!err && *n->table && strcmp(n->table, c->table) != 0)
		err = nd_nft_remove(n, d);
	if (!err)
		err = probe(n, c->table, d);
	if (!err)
		err = look(n, c->table, stay_name, &p, d);
	if (err)
		return err;
	if (!p.ours)
		n->nserved = 0;
	if (must_learn(n, c, &p)) {
		err = send_stage(n, c, LEARN, stay_name, &p, d);
		p.own = state_of_ours(n);
		p.ours = true;
	}
	if (!err)
		err = send_stage(n, c, c->draining ? DRAIN : SERVE, stay_name, &p, d);
	if (err)
		return err;
	n->port = c->port;
	n->nserved = c->draining ? 0 : c->naddrs;
	memcpy(n->served, c->addrs, n->nserved * sizeof *c->addrs);
	return 0;
}

const struct nd_nft_features *nd_nft_features(const struct nd_nft *n)
{
	return &n->features;
}

const struct nd_nft_exempt *nd_nft_exempted(const struct nd_nft *n)
{
	return &n->exempt;
}

int nd_nft_check(struct nd_nft *n, bool *missing, struct nd_diag *d)
{
	enum nd_nft_state own = state_of_ours(n), stay = ND_NFT_UNOWNED;
	char stay_name[ND_NFT_STAY_NAME_MAX];
	int err = 0;

	nd_nft_stay_name(n->table, stay_name);
	if (*n->table)
		err = nd_nft_batch_find_table(&n->nl, n->table, &own, d);
	if (*n->table && !err)
		err = nd_nft_batch_find_table(&n->nl, stay_name, &stay, d);
	if (!err)
		*missing = own != state_of_ours(n) || (n->features.nat && stay == ND_NFT_NONE);
	if (!err && *n->table && own == state_of_ours(n) && n->exempt.n)
		err = nd_nft_flows_prune(&n->nl, n->table, n->port, &n->exempt.n, d);
	return err;
}

/* Removes the table that intercepts, and the one that stays if `all`. */
static int remove_tables(struct nd_nft *n, bool all, struct nd_diag *d)
{
	enum nd_nft_state own, stay;
	char stay_name[ND_NFT_STAY_NAME_MAX];
	struct nd_nft_batch b;

	nd_nft_stay_name(n->table, stay_name);
	int err = nd_nft_batch_find_table(&n->nl, n->table, &own, d);
	if (!err)
		err = nd_nft_batch_find_table(&n->nl, stay_name, &stay, d);
	if (err)
		return err;
	nd_nft_batch_init(&b, &n->nl, n->table);
	if (own == state_of_ours(n))
		nd_nft_batch_delete_table(&b);
	b.table = stay_name;
	if (all && stay == ND_NFT_UNOWNED)
		nd_nft_batch_delete_table(&b);
	if (b.changes)
		err = nd_nft_batch_send(&b, "cannot remove it", d);
	nd_nft_batch_clear(&b);
	return err;
}

int nd_nft_remove(struct nd_nft *n, struct nd_diag *d)
{
	int err = *n->table ? remove_tables(n, true, d) : 0;

	if (!err) {
		*n->table = '\0';
		n->nserved = 0;
	}
	return err;
}

void nd_nft_free(struct nd_nft *n)
{
	struct nd_diag ignored = { .set = false };

	if (!n)
		return;
	if (*n->table && !n->features.owner)
		remove_tables(n, false, &ignored);
	nd_netlink_close(&n->nl);
	free(n);
}
