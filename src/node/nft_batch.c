/* SPDX-License-Identifier: Apache-2.0 */
#include "node/nft_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include "base/err.h"

enum {
	MESSAGE_MAX = 4096,
	BATCH_MAX = 1 << 20,
	NAMES_MAX = 1 << 20,
	ELEMENTS_MAX = 64, /* per message */
};

/* Starts a message in the batch; the caller adds attributes and calls end(). */
static struct nd_nlmsg start(struct nd_nft_batch *b, uint16_t type, uint16_t flags, uint8_t family,
			     uint16_t id)
{
	const struct nfgenmsg head = { .nfgen_family = family, .res_id = htons(id) };
	void *room = b->err ? NULL : nd_buf_room(&b->bytes, MESSAGE_MAX);
	struct nd_nlmsg m = { .err = b->err ? b->err : b->bytes.err };

	if (room)
		nd_nlmsg_begin(&m, room, MESSAGE_MAX, type, NLM_F_REQUEST | flags, &head,
			       sizeof head);
	return m;
}

static struct nd_nlmsg begin(struct nd_nft_batch *b, uint16_t type, uint16_t flags)
{
	return start(b, NFNL_SUBSYS_NFTABLES << 8 | type, flags, b->family, 0);
}

/* Ends the message; `what` and `name` say what it changes. */
static void end(struct nd_nft_batch *b, struct nd_nlmsg *m, const char *what, const char *name)
{
	struct nlmsghdr *h = nd_nlmsg_header(m);

	if (!h) {
		b->err = b->err ? b->err : m->err;
		return;
	}
	h->nlmsg_seq = ++b->nl->seq;
	b->last = b->bytes.len;
	b->bytes.len += m->len;
	b->changes++;
	nd_buf_printf(&b->names, "%s%s\n", what, name);
}

void nd_nft_batch_init(struct nd_nft_batch *b, struct nd_netlink *nl, const char *table)
{
	*b = (struct nd_nft_batch){ .nl = nl, .family = NFPROTO_INET, .table = table };
	nd_buf_init(&b->bytes, BATCH_MAX);
	nd_buf_init(&b->names, NAMES_MAX);
	struct nd_nlmsg m = start(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	end(b, &m, "the batch", "");
	b->changes = 0;
}

void nd_nft_batch_clear(struct nd_nft_batch *b)
{
	nd_buf_clear(&b->bytes);
	nd_buf_clear(&b->names);
}

void nd_nft_batch_delete_table(struct nd_nft_batch *b)
{
	struct nd_nlmsg m = begin(b, NFT_MSG_DELTABLE, 0);

	nd_nlmsg_put_text(&m, NFTA_TABLE_NAME, b->table);
	end(b, &m, "the removal of table ", b->table);
}

void nd_nft_batch_table(struct nd_nft_batch *b, bool owned)
{
	struct nd_nlmsg m = begin(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);

	nd_nlmsg_put_text(&m, NFTA_TABLE_NAME, b->table);
	if (owned)
		nd_nlmsg_put_be32(&m, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	end(b, &m, "table ", b->table);
}

void nd_nft_batch_chain(struct nd_nft_batch *b, const struct nd_nft_chain *from)
{
	struct nd_nlmsg m = begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);

	nd_nlmsg_put_text(&m, NFTA_CHAIN_TABLE, b->table);
	nd_nlmsg_put_text(&m, NFTA_CHAIN_NAME, from->name);
	size_t hook = nd_nlmsg_open(&m, NFTA_CHAIN_HOOK);
	nd_nlmsg_put_be32(&m, NFTA_HOOK_HOOKNUM, from->hook);
	nd_nlmsg_put_be32(&m, NFTA_HOOK_PRIORITY, (uint32_t)from->priority);
	nd_nlmsg_close(&m, hook);
	nd_nlmsg_put_be32(&m, NFTA_CHAIN_POLICY, NF_ACCEPT);
	nd_nlmsg_put_text(&m, NFTA_CHAIN_TYPE, from->type);
	end(b, &m, "chain ", from->name);
}

void nd_nft_batch_set(struct nd_nft_batch *b, const char *name, uint8_t family, uint32_t max)
{
	/* The types by which nft(8) lists it: ipv4_addr or ipv6_addr, inet_service. */
	uint32_t address = family == NFPROTO_IPV4 ? 7 : 8, service = 13;
	struct nd_nlmsg m = begin(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);

	nd_nlmsg_put_text(&m, NFTA_SET_TABLE, b->table);
	nd_nlmsg_put_text(&m, NFTA_SET_NAME, name);
	nd_nlmsg_put_be32(&m, NFTA_SET_FLAGS, NFT_SET_EVAL);
	nd_nlmsg_put_be32(&m, NFTA_SET_KEY_TYPE, address << 12 | service << 6 | address);
	nd_nlmsg_put_be32(&m, NFTA_SET_KEY_LEN, family == NFPROTO_IPV4 ? 12 : 36);
	nd_nlmsg_put_be32(&m, NFTA_SET_ID, b->changes + 1);
	size_t about = nd_nlmsg_open(&m, NFTA_SET_DESC);
	nd_nlmsg_put_be32(&m, NFTA_SET_DESC_SIZE, max);
	nd_nlmsg_close(&m, about);
	end(b, &m, "set ", name);
}

static void put_element(struct nd_nlmsg *m, const struct nd_conntrack_flow *f)
{
	uint8_t key[36] = { 0 };

	memcpy(key, f->source, f->n);
	key[f->n] = (uint8_t)(f->port >> 8);
	key[f->n + 1] = (uint8_t)f->port;
	memcpy(key + f->n + 4, f->dest, f->n);
	size_t element = nd_nlmsg_open(m, NFTA_LIST_ELEM);
	size_t data = nd_nlmsg_open(m, NFTA_SET_ELEM_KEY);
	nd_nlmsg_put(m, NFTA_DATA_VALUE, key, 2 * (size_t)f->n + 4);
	nd_nlmsg_close(m, data);
	nd_nlmsg_close(m, element);
}

void nd_nft_batch_elements(struct nd_nft_batch *b, const char *set, bool add,
			   const struct nd_conntrack_flow *flows, size_t n)
{
	while (n) {
		size_t part = n < ELEMENTS_MAX ? n : ELEMENTS_MAX;
		struct nd_nlmsg m = begin(b, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
					  add ? NLM_F_CREATE : 0);
		nd_nlmsg_put_text(&m, NFTA_SET_ELEM_LIST_TABLE, b->table);
		nd_nlmsg_put_text(&m, NFTA_SET_ELEM_LIST_SET, set);
		size_t list = nd_nlmsg_open(&m, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (size_t i = 0; i < part; i++)
			put_element(&m, &flows[i]);
		nd_nlmsg_close(&m, list);
		end(b, &m, "elements of set ", set);
		flows += part;
		n -= part;
	}
}

void nd_nft_batch_delete_rules(struct nd_nft_batch *b)
{
	struct nd_nlmsg m = begin(b, NFT_MSG_DELRULE, 0);

	nd_nlmsg_put_text(&m, NFTA_RULE_TABLE, b->table);
	end(b, &m, "the removal of the rules of table ", b->table);
}

static void add_rule(struct nd_nft_batch *b, const struct nd_nft_expr *e, uint16_t flags)
{
	struct nd_nlmsg m = begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | flags);

	if (!b->err)
		b->err = e->list.err;
	nd_nlmsg_put_text(&m, NFTA_RULE_TABLE, e->table);
	nd_nlmsg_put_text(&m, NFTA_RULE_CHAIN, e->chain);
	nd_nlmsg_put(&m, NLA_F_NESTED | NFTA_RULE_EXPRESSIONS, e->list.bytes, e->list.len);
	if (e->compat) {
		size_t compat = nd_nlmsg_open(&m, NFTA_RULE_COMPAT);
		nd_nlmsg_put_be32(&m, NFTA_RULE_COMPAT_PROTO, e->compat);
		nd_nlmsg_put_be32(&m, NFTA_RULE_COMPAT_FLAGS, 0);
		nd_nlmsg_close(&m, compat);
	}
	end(b, &m, "rule ", e->text);
}

void nd_nft_batch_rule(struct nd_nft_batch *b, const struct nd_nft_expr *e)
{
	add_rule(b, e, NLM_F_APPEND);
}

void nd_nft_batch_insert_rule(struct nd_nft_batch *b, const struct nd_nft_expr *e)
{
	add_rule(b, e, 0);
}

void nd_nft_batch_delete_rule(struct nd_nft_batch *b, const char *table, const char *chain,
			      uint64_t handle)
{
	struct nd_nlmsg m = begin(b, NFT_MSG_DELRULE, 0);

	nd_nlmsg_put_text(&m, NFTA_RULE_TABLE, table);
	nd_nlmsg_put_text(&m, NFTA_RULE_CHAIN, chain);
	nd_nlmsg_put_be64(&m, NFTA_RULE_HANDLE, handle);
	end(b, &m, "the removal of a rule in chain ", chain);
}

/* The likely cause of a common error. */
static const char *explain(int err)
{
	switch (err) {
	case -EPERM: return ": CAP_NET_ADMIN is required, and no other process may own the table";
	case -EPROTONOSUPPORT:
	case -EINVAL:
		return ": the kernel lacks nf_tables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET)";
	case -EOPNOTSUPP: return ": owned tables require Linux 5.12";
	case -ENOENT:
		return ": the kernel lacks an nf_tables module (nft_ct, nft_socket, nft_fib_inet, "
		       "nft_masq, nft_chain_nat)";
	default: return "";
	}
}

/* What the message with this sequence number changes: "rule ip daddr ..."; "" without one. Requests
 * between the messages take numbers too. */
static const char *name_of(const struct nd_nft_batch *b, uint32_t seq, int *n)
{
	const char *name = nd_buf_string(&b->names);
	size_t at = 0;

	while (at < b->bytes.len) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)(b->bytes.data + at);
		if (h->nlmsg_seq == seq)
			break;
		at += h->nlmsg_len;
		name += strcspn(name, "\n");
		name += *name == '\n';
	}
	*n = (int)strcspn(name, "\n");
	while (*n && name[*n - 1] == ' ')
		--*n;
	return name;
}

static void report(const struct nd_nft_batch *b, const char *purpose, uint32_t at, int err,
		   struct nd_diag *d)
{
	int n;
	const char *name = name_of(b, at, &n);

	nd_diag_at(d, NULL, 0, "nftables table %s: %s: %.*s%s%s%s", b->table, purpose, n, name,
		   n ? ": " : "", nd_err_text(err), explain(err));
}

int nd_nft_batch_send(struct nd_nft_batch *b, const char *purpose, struct nd_diag *d)
{
	uint32_t at = b->nl->seq + 2; /* no message has it */
	size_t last = b->last;
	struct nd_nlmsg m = start(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);

	end(b, &m, "the batch", "");
	int err = b->err;
	if (!err) {
		/* The kernel reports errors for any message, but success only for this one. */
		((struct nlmsghdr *)(b->bytes.data + last))->nlmsg_flags |= NLM_F_ACK;
		err = nd_netlink_send_batch(b->nl, b->bytes.data, b->bytes.len, &at);
	}
	if (err)
		report(b, purpose, at, err, d);
	return err;
}

struct found {
	uint32_t port;
	enum nd_nft_state state;
};

static int on_table(const struct nlmsghdr *h, void *ctx)
{
	const uint16_t type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE;
	struct found *f = ctx;

	if (!nd_nlmsg_fixed(h, type, sizeof(struct nfgenmsg)))
		return -EBADMSG;
	struct nd_nlmsg_attr owner = nd_nlmsg_find(nd_nlmsg_attrs(h, sizeof(struct nfgenmsg)),
						   NFTA_TABLE_OWNER);
	f->state = !owner.bytes                         ? ND_NFT_UNOWNED
		   : nd_nlmsg_be32(owner, 0) == f->port ? ND_NFT_OWNED
							: ND_NFT_FOREIGN;
	return 0;
}

void nd_nft_batch_query(struct nd_nlmsg *m, void *memory, size_t n, uint16_t type, uint16_t flags,
			uint8_t family)
{
	const struct nfgenmsg head = { .nfgen_family = family };

	nd_nlmsg_begin(m, memory, n, NFNL_SUBSYS_NFTABLES << 8 | type, flags, &head, sizeof head);
}

int nd_nft_batch_find_table(struct nd_netlink *nl, const char *table, enum nd_nft_state *out,
			    struct nd_diag *d)
{
	struct found f = { .port = nl->sock.port, .state = ND_NFT_NONE };
	_Alignas(struct nlmsghdr) char buf[256];
	struct nd_nlmsg m;

	nd_nft_batch_query(&m, buf, sizeof buf, NFT_MSG_GETTABLE, 0, NFPROTO_INET);
	nd_nlmsg_put_text(&m, NFTA_TABLE_NAME, table);
	int err = nd_netlink_request(nl, &m, on_table, &f);
	if (err && err != -ENOENT) {
		nd_diag_at(d, NULL, 0, "nftables table inet %s: cannot query it: %s%s", table,
			   nd_err_text(err), explain(err));
		return err;
	}
	*out = f.state;
	return 0;
}
