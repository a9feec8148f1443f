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
#include "node/nft_stay.h"

enum {
	ADDRS_MAX = 64,
	RAW = -300, /* before conntrack (-200) */
	PIN = -105, /* before kube-proxy's DNAT (-100), whichever its mode */
};

struct nd_nft {
	struct nd_netlink nl;
	char table[64]; /* "": nothing was put */
};

enum chain { PREROUTING, OUTPUT, PIN_PREROUTING, PIN_OUTPUT };

static const struct nd_nft_chain chains[] = {
	[PREROUTING] = { "prerouting", "filter", NF_INET_PRE_ROUTING, RAW },
	[OUTPUT] = { "output", "filter", NF_INET_LOCAL_OUT, RAW },
	[PIN_PREROUTING] = { "pin-prerouting", "nat", NF_INET_PRE_ROUTING, PIN },
	[PIN_OUTPUT] = { "pin-output", "nat", NF_INET_LOCAL_OUT, PIN },
};

/* The rules of one address. TCP to the DNS port is never untracked: the third packet of a handshake
 * would match no socket of ours, and be redirected. The health port belongs to no Service, so both
 * directions can be untracked: probes get through when the connection table is full. `socket` does
 * not work in output. */
static const struct shape {
	enum chain chain;
	uint8_t proto;
	enum nd_nft_end end;
	bool health; /* else the DNS port */
	bool socket; /* only while one is bound to the address */
	bool pin;    /* else untracked */
} shapes[] = {
	{ PREROUTING, IPPROTO_UDP, ND_NFT_TO, .socket = true },
	{ OUTPUT, IPPROTO_UDP, ND_NFT_TO },
	{ OUTPUT, IPPROTO_UDP, ND_NFT_FROM },
	{ OUTPUT, IPPROTO_TCP, ND_NFT_TO, .health = true },
	{ OUTPUT, IPPROTO_TCP, ND_NFT_FROM, .health = true },
	{ PIN_PREROUTING, IPPROTO_TCP, ND_NFT_TO, .socket = true, .pin = true },
	{ PIN_OUTPUT, IPPROTO_TCP, ND_NFT_TO, .pin = true },
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

void nd_nft_free(struct nd_nft *n)
{
	if (!n)
		return;
	nd_netlink_close(&n->nl);
	free(n);
}

int nd_nft_fd(const struct nd_nft *n)
{
	return n->nl.sock.fd;
}

static bool applies(const struct nd_nft_config *c, const struct shape *s)
{
	if (s->health)
		return c->health_port != 0;
	return !c->draining || s->end == ND_NFT_FROM;
}

static void add_rule(struct nd_nft_batch *b, const struct nd_nft_config *c, const struct shape *s,
		     const struct nd_addr *a)
{
	struct nd_nft_expr e;

	nd_nft_expr_init(&e, NFPROTO_INET, c->table, chains[s->chain].name);
	nd_nft_expr_addr(&e, s->end, a);
	nd_nft_expr_port(&e, s->end, s->proto, s->health ? c->health_port : c->port);
	if (s->end == ND_NFT_TO) /* if the interface disappears, kube-proxy's rules apply */
		nd_nft_expr_local(&e);
	if (s->socket)
		nd_nft_expr_socket(&e);
	if (s->pin)
		nd_nft_expr_dnat(&e, a);
	else
		nd_nft_expr_notrack(&e);
	nd_nft_batch_rule(b, &e);
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

/* Adds the owned table, replacing an existing one. */
static void install_owned(struct nd_nft_batch *b, enum nd_nft_state there,
			  const struct nd_nft_config *c)
{
	if (there != ND_NFT_NONE)
		nd_nft_batch_delete_table(b);
	nd_nft_batch_table(b, true);
	for (size_t i = 0; i < ND_COUNT(chains); i++)
		nd_nft_batch_chain(b, &chains[i]);
	for (size_t i = 0; i < c->naddrs; i++) {
		for (size_t k = 0; k < ND_COUNT(shapes); k++) {
			if (applies(c, &shapes[k]))
				add_rule(b, c, &shapes[k], &c->addrs[i]);
		}
	}
}

int nd_nft_install(struct nd_nft *n, const struct nd_nft_config *c, struct nd_diag *d)
{
	enum nd_nft_state own, stay;
	char stay_name[ND_NFT_STAY_NAME_MAX];
	struct nd_nft_batch b;
	int err = check(c, sizeof n->table, d);

	nd_nft_stay_name(c->table, stay_name);
	if (!err && *n->table && strcmp(n->table, c->table) != 0)
		err = nd_nft_remove(n, d);
	if (!err)
		err = check_owner(n, c->table, &own, d);
	if (!err)
		err = check_owner(n, stay_name, &stay, d);
	if (err)
		return err;

	nd_nft_batch_init(&b, &n->nl, stay_name);
	nd_nft_stay_install(&b, stay, c->addrs, c->naddrs);
	b.table = c->table;
	install_owned(&b, own, c);
	err = nd_nft_batch_send(&b, "cannot install the rules", d);
	nd_nft_batch_clear(&b);
	if (!err)
		strcpy(n->table, c->table);
	return err;
}

int nd_nft_check(struct nd_nft *n, bool *missing, struct nd_diag *d)
{
	enum nd_nft_state own = ND_NFT_OWNED, stay = ND_NFT_UNOWNED;
	char stay_name[ND_NFT_STAY_NAME_MAX];
	int err = 0;

	nd_nft_stay_name(n->table, stay_name);
	if (*n->table)
		err = nd_nft_batch_find_table(&n->nl, n->table, &own, d);
	if (*n->table && !err)
		err = nd_nft_batch_find_table(&n->nl, stay_name, &stay, d);
	if (!err)
		*missing = own != ND_NFT_OWNED || stay == ND_NFT_NONE;
	return err;
}

int nd_nft_remove(struct nd_nft *n, struct nd_diag *d)
{
	enum nd_nft_state own, stay;
	char stay_name[ND_NFT_STAY_NAME_MAX];
	struct nd_nft_batch b;
	int err;

	if (!*n->table)
		return 0;
	nd_nft_stay_name(n->table, stay_name);
	err = nd_nft_batch_find_table(&n->nl, n->table, &own, d);
	if (!err)
		err = nd_nft_batch_find_table(&n->nl, stay_name, &stay, d);
	if (err)
		return err;
	nd_nft_batch_init(&b, &n->nl, n->table);
	if (own == ND_NFT_OWNED)
		nd_nft_batch_delete_table(&b);
	b.table = stay_name;
	if (stay == ND_NFT_UNOWNED)
		nd_nft_batch_delete_table(&b);
	if (own == ND_NFT_OWNED || stay == ND_NFT_UNOWNED)
		err = nd_nft_batch_send(&b, "cannot remove it", d);
	nd_nft_batch_clear(&b);
	if (!err)
		*n->table = '\0';
	return err;
}
