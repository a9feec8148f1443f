/* SPDX-License-Identifier: Apache-2.0 */
/* transfer - outgoing zone transfers: AXFR, and IXFR answered with the whole zone (CoreDNS's
 * transfer). */
#include <string.h>
#include "base/log.h"
#include "core/gen.h"
#include "core/offer.h"
#include "core/query.h"
#include "plugin/transfer/notify.h"

enum {
	/* A message is sent before it grows beyond these; the rest is room for the OPT record. */
	MESSAGE_MAX = 65000,
	RECORDS_MAX = 4000,
	WALKS_MAX = 4096, /* steps of a walk per turn, if they give few records */
};

/* One directive. */
struct outgoing {
	struct outgoing *next;
	struct nd_name *zones;
	size_t nzones;
	struct nd_addr *to;
	size_t nto;
	bool any; /* `to *` */
	bool has_source;
	struct nd_addr source;
};

struct source {
	const struct nd_offer_zone *zone;
	const void *self;
};

struct transfer {
	struct outgoing *outgoing, **last;
	struct source *from; /* plugins of the block that have zones, in order */
	size_t nfrom;
	struct nd_notify notify;
};

struct state {
	const struct source *from; /* NULL: the transfer has not started */
	struct nd_offer_soa soa;
	struct nd_offer_cursor at;
	uint64_t records;
	unsigned parts; /* messages sent in this turn */
	int err;
};

/* --- the records --- */

static void send_part(struct nd_query *q, struct state *st)
{
	nd_query_send_part(q);
	st->parts++;
}

static void put(struct nd_query *q, struct state *st, const struct nd_offer_record *r)
{
	size_t need = r->owner.len + 10u + r->n;

	if (q->ans.n && (q->ans.w.pos + need > MESSAGE_MAX || q->ans.n >= RECORDS_MAX))
		send_part(q, st);
	q->ans.flags |= ND_FLAG_AA;
	q->ans.w.exact = true; /* the zone's case, whatever the query's is */
	if (!st->err)
		st->err = nd_answer_rr(q, ND_SECTION_ANSWER, r->owner, r->type, ND_CLASS_IN, r->ttl,
				       r->rdata, r->n);
	st->records++;
}

struct putting {
	struct nd_query *q;
	struct state *st;
};

static void on_record(void *ctx, const struct nd_offer_record *r)
{
	struct putting *p = ctx;

	put(p->q, p->st, r);
}

/* A message was sent: the client has to receive it first. */
static bool is_full(void *ctx)
{
	const struct putting *p = ctx;

	return p->st->parts > 0;
}

static void put_soa(struct nd_query *q, struct state *st)
{
	struct nd_offer_record r = { .owner = q->msg.qname,
				     .type = ND_TYPE_SOA,
				     .ttl = st->soa.ttl,
				     .rdata = st->soa.rdata,
				     .n = st->soa.n };

	put(q, st, &r);
}

static void log_transfer(const struct nd_query *q, const struct state *st, bool whole)
{
	char zone[ND_NAME_TEXT_MAX], client[ND_ADDR_TEXT_MAX];

	nd_name_format(q->msg.qname, zone);
	nd_addr_format_ip(&q->client.peer, client);
	if (whole)
		nd_log_info(
			"transfer",
			"Outgoing transfer of %llu records of zone \"%s\" to %s for %u SOA serial",
			(unsigned long long)st->records, zone, client, st->soa.serial);
	else
		nd_log_info("transfer",
			    "Outgoing noop, incremental transfer for up to date zone \"%s\" to %s "
			    "for %u SOA serial",
			    zone, client, st->soa.serial);
}

/* The client has received a part of the zone at most. */
static void log_early_end(const struct nd_query *q, const struct state *st, const char *why)
{
	char zone[ND_NAME_TEXT_MAX], client[ND_ADDR_TEXT_MAX];

	nd_name_format(q->msg.qname, zone);
	nd_addr_format_ip(&q->client.peer, client);
	nd_log_warning("transfer",
		       "Outgoing transfer of zone \"%s\" to %s ended early after %llu records: %s",
		       zone, client, (unsigned long long)st->records, why);
}

/* The walk is over. */
static void release(struct state *st)
{
	if (st->from->zone->release)
		st->from->zone->release(&st->at);
	st->from = NULL;
}

/* Adds records until a message was sent, and continues when the client has received it. */
static enum nd_verdict send_next(struct nd_query *q, struct state *st)
{
	struct putting p = { .q = q, .st = st };
	struct nd_offer_records to = { .put = on_record, .full = is_full, .ctx = &p };
	bool more = true;

	st->parts = 0;
	for (unsigned n = 0; more && !st->parts && !st->err; n++) {
		more = st->from->zone->walk(st->from->self, q, q->msg.qname, &st->at, &to);
		if (n >= WALKS_MAX && more && q->ans.n)
			send_part(q, st);
	}
	if (more && !st->err)
		return nd_query_drain(q);
	release(st);
	put_soa(q, st);
	if (st->err) {
		log_early_end(q, st, "a record does not fit in a message");
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "a record does not fit in a message");
	}
	log_transfer(q, st, true);
	return ND_DONE;
}

/* --- access --- */

static const struct outgoing *find_outgoing(const struct transfer *t, struct nd_name zone)
{
	const struct nd_name *best = NULL;
	const struct outgoing *found = NULL;

	for (const struct outgoing *o = t->outgoing; o; o = o->next) {
		const struct nd_name *z = nd_setup_zone_match(o->zones, o->nzones, zone);
		if (!z || (best && z->len <= best->len))
			continue;
		best = z;
		found = o;
	}
	return found;
}

static bool may_have(const struct outgoing *o, const struct nd_addr *client)
{
	size_t n, tn;
	const uint8_t *ip = nd_addr_bytes(client, &n);

	for (size_t i = 0; i < o->nto; i++) {
		const uint8_t *to = nd_addr_bytes(&o->to[i], &tn);
		if (tn == n && memcmp(to, ip, n) == 0)
			return true;
	}
	return o->any;
}

/* Reads the serial in the SOA of an IXFR's authority section (RFC 1995 section 3). False: none. */
static bool read_serial(const struct nd_query *q, uint32_t *serial)
{
	struct nd_rr_iter it = nd_rr_iter_over(&q->msg);
	struct nd_rr rr;
	uint8_t rdata[2 * ND_NAME_MAX + 20];

	if (q->msg.count[2] != 1)
		return false;
	while (nd_rr_next(&it, &rr)) {
		if (rr.section != ND_SECTION_AUTHORITY)
			continue;
		int n = nd_rr_expand_rdata(q->msg.base, q->msg.len, rr.rdata, rr.rdata_len, rr.type,
					   rdata, sizeof rdata);
		if (rr.type != ND_TYPE_SOA || n < 20)
			return false;
		*serial = nd_reader_peek32(rdata + n - 20);
		return true;
	}
	return false;
}

static const struct source *find_source(const struct transfer *t, struct nd_name zone,
					struct nd_offer_soa *soa)
{
	for (size_t i = 0; i < t->nfrom; i++)
		if (t->from[i].zone->soa(t->from[i].self, zone, soa))
			return &t->from[i];
	return NULL;
}

static enum nd_verdict begin(const struct transfer *t, struct nd_query *q)
{
	struct state *st = nd_query_state(q);
	uint32_t serial = 0;

	if (!st)
		return nd_query_fail(q, ND_RCODE_SERVFAIL, "out of memory");
	if (st->from) /* the previous messages were received */
		return send_next(q, st);
	if (q->msg.qtype == ND_TYPE_IXFR && !read_serial(q, &serial))
		return nd_query_fail(q, ND_RCODE_SERVFAIL, NULL);
	const struct source *from = find_source(t, q->msg.qname, &st->soa);
	if (!from)
		return ND_NEXT;
	if (serial && from->zone->current(serial, st->soa.serial)) {
		put_soa(q, st);
		q->ans.flags = 0; /* as in CoreDNS, not even AA */
		log_transfer(q, st, false);
		return ND_DONE;
	}
	if (from->zone->hold && !from->zone->hold(from->self, q->msg.qname, &st->at, &st->soa))
		return ND_NEXT;
	st->from = from;
	put_soa(q, st);
	return send_next(q, st);
}

static enum nd_verdict query(const void *self, struct nd_query *q)
{
	const struct transfer *t = self;

	if (q->msg.qtype != ND_TYPE_AXFR && q->msg.qtype != ND_TYPE_IXFR)
		return ND_NEXT;
	if (q->client.proto == ND_PROTO_UDP || q->depth)
		return nd_query_fail(q, ND_RCODE_REFUSED, NULL);
	const struct outgoing *o = find_outgoing(t, q->msg.qname);
	if (!o)
		return ND_NEXT;
	if (!may_have(o, &q->client.peer)) {
		q->rcode = ND_RCODE_REFUSED;
		return ND_DONE;
	}
	return begin(t, q);
}

/* Client gone, too slow, or the server is stopping. */
static void cancel(const void *self, struct nd_query_ref ref)
{
	struct nd_query *q = nd_query_find(ref);
	struct state *st = q ? nd_query_state(q) : NULL;

	(void)self;
	if (!st || !st->from)
		return;
	log_early_end(q, st, "the client did not read it, or closed the connection");
	release(st);
}

/* --- setup --- */

static int read_to(struct outgoing *o, const struct nd_conf_line *line, struct nd_setup *s)
{
	if (line->nargs == 0)
		return nd_setup_error(s, line, "to requires addresses, or *");
	struct nd_addr *to = nd_arena_array(s->arena, o->nto + line->nargs, sizeof *to);
	if (!to)
		return ND_ELIMIT;
	if (o->nto)
		memcpy(to, o->to, o->nto * sizeof *to);
	o->to = to;
	for (size_t i = 0; i < line->nargs; i++) {
		if (strcmp(line->args[i], "*") == 0)
			o->any = true;
		else if (nd_addr_parse(line->args[i], 53, &o->to[o->nto]))
			return nd_setup_invalid(s, line, "address", line->args[i],
						"an IP address, with or without a port, or *");
		else
			o->nto++;
	}
	return 0;
}

/* The source address of NOTIFY. */
static int read_source(struct outgoing *o, const struct nd_conf_line *line, struct nd_setup *s)
{
	int err = nd_settings_args(line, s->plugin->name, 1, 1, s->diag);

	if (err)
		return err;
	if (o->has_source)
		return nd_setup_error(s, line, "source is given twice; give one ADDRESS");
	if (nd_addr_parse_ip(line->args[0], 0, &o->source))
		return nd_setup_invalid(s, line, "source address", line->args[0], "an IP address");
	o->has_source = true;
	return 0;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct transfer *t = self;
	struct outgoing *o = nd_arena_alloc(s->arena, sizeof *o);
	int err = 0;

	if (!o)
		return ND_ELIMIT;
	if (!t->last)
		t->last = &t->outgoing;
	*t->last = o;
	t->last = &o->next;
	err = nd_setup_zones(s, d->args, d->nargs, &o->zones, &o->nzones);
	for (size_t i = 0; i < d->nblock && !err; i++) {
		const struct nd_conf_line *line = &d->block[i];
		if (strcmp(line->name, "to") == 0)
			err = read_to(o, line, s);
		else if (strcmp(line->name, "source") == 0)
			err = read_source(o, line, s);
		else
			err = nd_setup_error(s, line,
					     "unknown property \"%s\": must be one of to, source",
					     line->name);
	}
	if (!err && !o->nto && !o->any)
		err = nd_setup_error(s, NULL, "'to' is required; give addresses, or *");
	return err;
}

/* All plugins of the block are set up already. */
static int start(void *self, struct nd_setup *s)
{
	struct transfer *t = self;

	nd_notify_init(&t->notify, s->loop);
	t->from = nd_arena_array(s->arena, s->gen->ninstances, sizeof *t->from);
	if (!t->from)
		return ND_ELIMIT;
	for (size_t i = 0; i < s->gen->ninstances; i++) {
		const struct nd_instance *in = &s->gen->instances[i];
		const struct nd_offer *offer = in->plugin->offer;
		if (in->block == s->block && offer && offer->zone)
			t->from[t->nfrom++] = (struct source){ .zone = offer->zone,
							       .self = in->self };
	}
	return 0;
}

/* A zone has changed: its secondaries are notified, except those of `to *`. */
static void notify(void *self, struct nd_name zone)
{
	struct transfer *t = self;
	const struct outgoing *o = find_outgoing(t, zone);

	for (size_t i = 0; o && i < o->nto; i++)
		nd_notify_send(&t->notify, zone, &o->to[i], o->has_source ? &o->source : NULL);
}

static void stop(void *self)
{
	struct transfer *t = self;

	nd_notify_clear(&t->notify);
}

static const struct nd_offer offer = { .notify = notify };

const struct nd_plugin nd_plugin_transfer = {
	.name = "transfer",
	.repeat = ND_REPEAT_MERGE,
	.self_size = sizeof(struct transfer),
	.query_size = sizeof(struct state),
	.offer = &offer,
	.setup = setup,
	.start = start,
	.stop = stop,
	.clear = stop,
	.query = query,
	.cancel = cancel,
};
