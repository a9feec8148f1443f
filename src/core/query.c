/* SPDX-License-Identifier: Apache-2.0 */
#include "core/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/parts.h"

const char *const nd_query_proto_text[] = { "udp", "tcp", "tls", "https", "quic", "grpc" };

void *nd_query_alloc(struct nd_query *q, size_t n)
{
	n = (n + 15) & ~(size_t)15;
	if (n <= sizeof q->slot.memory - q->run.memory_used) {
		void *p = q->slot.memory + q->run.memory_used;
		q->run.memory_used += (uint32_t)n;
		return memset(p, 0, n);
	}
	void *p = nd_query_slot_alloc(q, n);
	return p ? memset(p, 0, n) : NULL;
}

/* Where the pointer to the n-th state of the chain is. NULL: out of memory. */
static void **find_state(struct nd_query *q, unsigned n)
{
	if (ND_LIKELY(n < ND_QUERY_STATES_INLINE))
		return &q->slot.state[n];
	if (!q->run.more_states)
		q->run.more_states = nd_query_alloc(q, (q->run.chain->nstates -
							ND_QUERY_STATES_INLINE) *
							       sizeof *q->run.more_states);
	return q->run.more_states ? &q->run.more_states[n - ND_QUERY_STATES_INLINE] : NULL;
}

void *nd_query_state(struct nd_query *q)
{
	unsigned i = q->run.at - 1u;
	const struct nd_link *l = &q->run.chain->link[i];
	void **state = find_state(q, l->state);

	if (!state)
		return NULL;
	if (!(q->run.state_set >> i & 1)) {
		*state = nd_query_alloc(q, l->plugin->query_size);
		if (*state)
			q->run.state_set |= (uint64_t)1 << i;
	}
	return *state;
}

void *nd_query_worker_state(const struct nd_query *q)
{
	return q->slot.gen->state[q->run.chain->link[q->run.at - 1].index];
}

const char *nd_query_printf(struct nd_query *q, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n < 0)
		return format;
	if ((size_t)n >= sizeof text)
		n = sizeof text - 1;
	char *p = nd_query_alloc(q, (size_t)n + 1);
	return p ? memcpy(p, text, (size_t)n) : format;
}

void nd_query_want_reply(struct nd_query *q)
{
	q->run.want_reply |= (uint64_t)1 << (q->run.at - 1);
}

void nd_query_want_done(struct nd_query *q)
{
	q->run.want_done |= (uint64_t)1 << (q->run.at - 1);
}

enum nd_verdict nd_query_fail(struct nd_query *q, uint16_t rcode, const char *why)
{
	nd_answer_reset(q);
	q->rcode = rcode;
	q->error = why;
	q->failed = true;
	return ND_DONE;
}

void nd_query_mark_overload(struct nd_query *q)
{
	for (; q; q = q->run.parent)
		q->overload = true;
}

uint16_t nd_query_limit(const struct nd_query *q)
{
	if (q->client.proto != ND_PROTO_UDP)
		return ND_MSG_MAX;
	if (!q->msg.edns.present || q->msg.edns.udp_size < 512)
		return 512;
	return q->msg.edns.udp_size;
}

const struct nd_plugin *nd_query_next_plugin(const struct nd_query *q)
{
	return q->run.at < q->run.chain->len ? q->run.chain->link[q->run.at].plugin : NULL;
}

struct nd_name nd_query_name_asked(const struct nd_query *q)
{
	if (q->renamed)
		return q->msg.qname;
	struct nd_name name = q->msg.qname;
	name.wire = q->msg.base + ND_MSG_HEADER;
	return name;
}

void nd_query_rename(struct nd_query *q, struct nd_name name, uint16_t qtype)
{
	q->msg.qname = nd_name_copy(name, &q->slot.name_buf);
	nd_name_lower(q->slot.name_buf.bytes, name.len);
	q->msg.qtype = qtype;
	q->renamed = true;
	nd_answer_reset(q);
}

void nd_query_keep(const struct nd_query *q, struct nd_query_asked *asked)
{
	nd_name_copy(q->msg.qname, &asked->name);
	asked->len = q->msg.qname.len;
	asked->labels = q->msg.qname.labels;
	asked->qtype = q->msg.qtype;
	asked->qclass = q->msg.qclass;
	asked->renamed = q->renamed;
}

void nd_query_restore(struct nd_query *q, const struct nd_query_asked *asked)
{
	struct nd_name name = { asked->name.bytes, asked->len, asked->labels };

	q->msg.qname = nd_name_copy(name, &q->slot.name_buf);
	q->msg.qtype = asked->qtype;
	q->msg.qclass = asked->qclass;
	q->renamed = asked->renamed; /* false: the letters are the request's */
	nd_answer_reset(q);
}
