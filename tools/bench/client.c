/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/client.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/err.h"
#include "io/clock.h"
#include "io/thread.h"
#include "wire/type.h"

struct client {
	struct nd_plan *plan;
	struct nd_thread *thread;
	struct nd_style_client s;
	struct nd_helper helper;
};

struct nd_clients {
	unsigned started;
	struct client client[];
};

static struct nd_question_options question_options(const struct nd_plan *plan)
{
	return (struct nd_question_options){
		.edns_bytes = plan->resolv.edns0 ? plan->style->edns : plan->style->edns_always,
		.ad = plan->resolv.trust_ad,
	};
}

static struct nd_outcome ask_candidate(struct client *c, const struct nd_name_buf *name)
{
	const struct nd_plan *plan = c->plan;
	struct nd_name view = nd_name_view(name->bytes);
	size_t n = plan->resolv.no_aaaa && plan->style->no_aaaa ? 1 : 2;

	nd_question_init(&c->s.q[0], view, ND_TYPE_A, question_options(plan));
	nd_question_init(&c->s.q[1], view, ND_TYPE_AAAA, question_options(plan));
	c->s.lookups++;
	return plan->style->ask(&c->s, n);
}

static bool is_nxdomain(struct nd_outcome how)
{
	return how.kind == ND_OUTCOME_RCODE && how.code == ND_RCODE_NXDOMAIN;
}

/* Tries the candidates in order. Of several failures, returns the first that is not NXDOMAIN. */
static struct nd_outcome look_up_host(struct client *c)
{
	const struct nd_search *s = &c->plan->search;
	struct nd_outcome failed = { ND_OUTCOME_RCODE, ND_RCODE_NXDOMAIN };

	for (unsigned at = 0; at < s->n;) {
		struct nd_outcome how = ask_candidate(c, &s->name[at]);
		if (how.kind == ND_OUTCOME_OK || how.kind == ND_OUTCOME_STOPPED)
			return how;
		if (is_nxdomain(failed))
			failed = how;
		at = nd_search_next(s, at, c->plan->style->next(how));
	}
	return failed;
}

static struct nd_outcome look_up(struct client *c, uint64_t ticket)
{
	const struct nd_queries *qs = &c->plan->queries;

	if (qs->n > 0) {
		const struct nd_queries_row *row = &qs->row[ticket % qs->n];
		nd_question_init(&c->s.q[0], nd_name_view(row->name.bytes), row->type,
				 question_options(c->plan));
		c->s.lookups++;
		return c->plan->style->ask(&c->s, 1);
	}
	if (c->plan->search.n == 0) /* style system */
		return c->plan->style->ask(&c->s, 0);
	return look_up_host(c);
}

/* When lookup number `ticket` starts: by the rate, or now. */
static uint64_t start_time(const struct nd_plan *plan, uint64_t ticket)
{
	if (plan->rate == 0)
		return nd_clock_now_ns();
	/* Whole seconds separately: the product would overflow in long runs. */
	return plan->start_ns + ND_S(ticket / plan->rate) + ND_S(ticket % plan->rate) / plan->rate;
}

static void work(void *arg)
{
	struct client *c = arg;
	struct nd_plan *plan = c->plan;

	for (;;) {
		uint64_t ticket = atomic_fetch_add(&plan->begun, 1);
		uint64_t began = start_time(plan, ticket);
		if (began >= plan->end_ns || (plan->lookups && ticket >= plan->lookups))
			break;
		if (plan->rate && nd_channel_sleep(&c->s.ch, began) < 0)
			break;
		if (atomic_load(&plan->closing))
			break;
		struct nd_outcome how = look_up(c, ticket);
		nd_stats_add(plan->stats, how, nd_clock_now_ns() - began);
		/* Nothing was sent: at most a thousand of these per second and client. */
		if (how.kind == ND_OUTCOME_ERRNO)
			nd_channel_sleep(&c->s.ch, nd_clock_now_ns() + ND_NS_PER_MS);
	}
	atomic_fetch_sub(&plan->running, 1);
}

static int start_client(struct nd_plan *plan, struct client *c)
{
	c->plan = plan;
	c->s = (struct nd_style_client){
		.ch = { plan->stop_fd, plan->stats },
		.resolv = &plan->resolv,
		.host = plan->host,
		.one_at_a_time = plan->resolv.single_request,
		.reopen = plan->resolv.single_request_reopen,
	};
	if (plan->style->helper) {
		int err = nd_helper_start(&c->helper);
		if (err)
			return err;
		c->s.helper = &c->helper;
	}
	atomic_fetch_add(&plan->running, 1);
	int err = nd_thread_start("client", work, c, &c->thread);
	if (err) {
		atomic_fetch_sub(&plan->running, 1);
		if (plan->style->helper)
			nd_helper_stop(&c->helper);
	}
	return err;
}

int nd_clients_start(struct nd_plan *plan, struct nd_clients **out)
{
	struct nd_clients *cs = calloc(1, sizeof *cs + plan->clients * sizeof *cs->client);
	int err = 0;

	if (!cs)
		return -ENOMEM;
	for (; cs->started < plan->clients; cs->started++) {
		err = start_client(plan, &cs->client[cs->started]);
		if (err)
			break;
	}
	if (err) {
		plan->closing = true;
		uint64_t one = 1;
		if (write(plan->stop_fd, &one, sizeof one) < 0)
			ND_ASSERT(errno == EAGAIN);
		nd_clients_join(cs);
		return err;
	}
	*out = cs;
	return 0;
}

void nd_clients_join(struct nd_clients *cs)
{
	for (unsigned i = 0; i < cs->started; i++) {
		nd_thread_join(cs->client[i].thread);
		if (cs->client[i].plan->style->helper)
			nd_helper_stop(&cs->client[i].helper);
	}
	free(cs);
}
