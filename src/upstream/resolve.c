/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/resolve.h"

#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/time.h"
#include "io/lookup.h"
#include "io/loop.h"
#include "io/random.h"
#include "io/udp.h"
#include "upstream/reply.h"
#include "wire/msg.h"
#include "wire/rr.h"
#include "wire/type.h"
#include "wire/writer.h"

enum { RESEND_MS = 500, QUERY_MAX = ND_MSG_HEADER + ND_NAME_MAX + 4, QUERIES = 2 };

struct question {
	uint8_t bytes[QUERY_MAX];
	size_t n;
	uint16_t qtype;
	bool answered;
};

/* A lookup by one resolver. */
struct lookup {
	struct nd_loop *loop;
	struct nd_name name;
	uint16_t port;
	struct nd_udp *udp;
	struct nd_timer resend, end;
	struct question question[QUERIES];
	struct nd_resolve_result *out;
};

static void add_address(struct nd_resolve_result *out, int family, const void *bytes, uint16_t port)
{
	if (out->n < ND_RESOLVE_ADDRS_MAX)
		out->addr[out->n++] = nd_addr_from(family, bytes, port);
}

/* --- a resolver --- */

static void stop_when_answered(struct lookup *l)
{
	if (l->question[0].answered && l->question[1].answered)
		nd_loop_stop(l->loop);
}

/* The addresses among the answers, aliases followed or not: as in CoreDNS, all of them. */
static void take_answer(struct lookup *l, struct question *q, const struct nd_msg *m)
{
	struct nd_rr_iter iter = nd_rr_iter_over(m);
	struct nd_rr rr;

	q->answered = true;
	while (nd_rr_next(&iter, &rr)) {
		const uint8_t *rdata = m->base + rr.rdata;
		if (rr.section != ND_SECTION_ANSWER || rr.type != q->qtype)
			continue;
		if (rr.type == ND_TYPE_A && rr.rdata_len == 4)
			add_address(l->out, AF_INET, rdata, l->port);
		else if (rr.type == ND_TYPE_AAAA && rr.rdata_len == 16)
			add_address(l->out, AF_INET6, rdata, l->port);
	}
	stop_when_answered(l);
}

static void take_datagram(struct lookup *l, const struct nd_datagram *d)
{
	for (unsigned i = 0; i < QUERIES && d->len >= ND_MSG_HEADER; i++) {
		struct question *q = &l->question[i];
		const struct nd_reply_query asked = { .bytes = q->bytes,
						      .name = l->name,
						      .qtype = q->qtype,
						      .qclass = ND_CLASS_IN,
						      .limit = UINT16_MAX };
		struct nd_reply r;
		if (q->answered || memcmp(q->bytes, d->bytes, 2) != 0)
			continue;
		if (nd_reply_read(&r, &asked, d->bytes, d->len, d->cut) == ND_REPLY_ANSWER)
			take_answer(l, q, &r.msg);
	}
}

static void on_batch(void *ctx, struct nd_udp *u, struct nd_datagram *d, size_t n)
{
	(void)u;

	for (size_t i = 0; i < n; i++)
		take_datagram(ctx, &d[i]);
}

static void send_unanswered(struct nd_timer *t)
{
	struct lookup *l = ND_CONTAINER(t, struct lookup, resend);

	for (unsigned i = 0; i < QUERIES; i++) {
		struct question *q = &l->question[i];
		struct nd_datagram d = { .bytes = q->bytes, .len = (uint32_t)q->n };
		if (!q->answered)
			nd_udp_send(l->udp, &d, 1);
	}
	nd_timer_start(l->loop, &l->resend, ND_MS(RESEND_MS), send_unanswered);
}

static void on_end(struct nd_timer *t)
{
	nd_loop_stop(ND_CONTAINER(t, struct lookup, end)->loop);
}

static void write_question(struct question *q, struct nd_name name, uint16_t qtype)
{
	struct nd_writer w = nd_writer_over(q->bytes, sizeof q->bytes);

	nd_writer_u16(&w, (uint16_t)nd_random_u32());
	nd_writer_u16(&w, ND_FLAG_RD);
	nd_writer_u16(&w, 1);
	nd_writer_bytes(&w, "\0\0\0\0\0\0", 6);
	nd_writer_bytes(&w, name.wire, name.len);
	nd_writer_u16(&w, qtype);
	nd_writer_u16(&w, ND_CLASS_IN);
	q->n = w.pos;
	q->qtype = qtype;
}

/* Errors by ICMP are ignored: the time ends soon. */
static void ask_resolver(struct lookup *l, const struct nd_addr *resolver)
{
	struct nd_udp_options o = { .datagram_bytes = ND_MSG_MAX };
	struct nd_udp_handler h = { .ctx = l, .on_batch = on_batch };
	int err = nd_udp_connect(l->loop, resolver, NULL, &o, &h, &l->udp);
	char text[ND_ADDR_TEXT_MAX];

	nd_addr_format(resolver, text);
	if (err) {
		snprintf(l->out->error, ND_RESOLVE_TEXT_MAX, "%s: %s", text, nd_err_text(err));
		return;
	}
	write_question(&l->question[0], l->name, ND_TYPE_A);
	write_question(&l->question[1], l->name, ND_TYPE_AAAA);
	l->question[0].answered = l->question[1].answered = false;
	nd_timer_start(l->loop, &l->resend, 0, send_unanswered);
	nd_timer_start(l->loop, &l->end, ND_MS(ND_RESOLVE_SERVER_MS), on_end);
	nd_loop_run(l->loop);
	if (!l->out->n)
		snprintf(l->out->error, ND_RESOLVE_TEXT_MAX, "%s: %s", text,
			 l->question[0].answered && l->question[1].answered ? "no addresses"
									    : "i/o timeout");
	nd_timer_stop(&l->resend);
	nd_timer_stop(&l->end);
	nd_udp_close(l->udp);
}

static void ask_resolvers(struct nd_loop *loop, const char *name, uint16_t port,
			  const struct nd_addr *resolver, size_t n, struct nd_resolve_result *out)
{
	struct lookup l = { .loop = loop, .port = port, .out = out };
	struct nd_name_buf buf;

	if (nd_name_parse(name, true, &buf, &l.name)) {
		snprintf(out->error, sizeof out->error, "invalid domain name");
		return;
	}
	for (size_t i = 0; i < n && !out->n; i++)
		ask_resolver(&l, &resolver[i]);
}

/* --- the system --- */

struct system_lookup {
	struct nd_loop *loop;
	struct nd_lookup *lookup; /* NULL: ended */
	struct nd_timer end;
	struct nd_resolve_result *out;
};

static void on_system_answer(void *ctx, const struct nd_lookup_result *r)
{
	struct system_lookup *l = ctx;

	l->lookup = NULL;
	if (r->failed)
		snprintf(l->out->error, ND_RESOLVE_TEXT_MAX, "%s", r->failed);
	for (size_t i = 0; !r->failed && i < r->n && l->out->n < ND_RESOLVE_ADDRS_MAX; i++)
		l->out->addr[l->out->n++] = r->addrs[i];
	nd_loop_stop(l->loop);
}

static void on_system_end(struct nd_timer *t)
{
	struct system_lookup *l = ND_CONTAINER(t, struct system_lookup, end);

	snprintf(l->out->error, ND_RESOLVE_TEXT_MAX, "i/o timeout");
	nd_loop_stop(l->loop);
}

static void ask_system_for(struct nd_loop *loop, const char *name, uint16_t port,
			   struct nd_resolve_result *out)
{
	struct system_lookup l = { .loop = loop, .out = out };
	int err = nd_lookup_start(loop, name, port, on_system_answer, &l, &l.lookup);

	if (err) {
		snprintf(out->error, sizeof out->error, "%s", nd_err_text(err));
		return;
	}
	nd_timer_start(loop, &l.end, ND_MS(ND_RESOLVE_SYSTEM_MS) / 2, on_system_end);
	nd_loop_run(loop);
	nd_timer_stop(&l.end);
	nd_lookup_cancel(l.lookup);
}

/* With the last dot no search domain is appended; but /etc/hosts has names without it. */
static void ask_system(struct nd_loop *loop, const char *name, uint16_t port,
		       struct nd_resolve_result *out)
{
	char absolute[ND_NAME_TEXT_MAX + 1];
	size_t n = strlen(name);

	snprintf(absolute, sizeof absolute, "%s%s", name, n && name[n - 1] == '.' ? "" : ".");
	ask_system_for(loop, absolute, port, out);
	if (out->n == 0)
		ask_system_for(loop, name, port, out);
}

void nd_resolve_host(const char *name, uint16_t port, const struct nd_addr *resolver,
		     size_t nresolvers, struct nd_resolve_result *out)
{
	struct nd_loop *loop = nd_loop_new();

	*out = (struct nd_resolve_result){ .error = "out of memory or descriptors" };
	if (!loop)
		return;
	if (nresolvers)
		ask_resolvers(loop, name, port, resolver, nresolvers, out);
	else
		ask_system(loop, name, port, out);
	nd_loop_free(loop);
}
