/* SPDX-License-Identifier: Apache-2.0 */
/* Go's resolver: A and AAAA each in its own goroutine and from its own sockets; each tries the
 * servers in turn, `attempts` times, with a new socket and ID per try. */
#include "tools/bench/style.h"

#include <errno.h>
#include <unistd.h>
#include "io/clock.h"

enum { BAD_RCODE = -EAGAIN };

static int ask_udp(struct nd_style_client *c, const struct nd_addr *server, struct nd_question *q,
		   uint64_t deadline)
{
	int fd = nd_channel_connect(&c->ch, server);

	if (fd < 0)
		return fd;
	int err = nd_channel_send(&c->ch, fd, q, NULL);
	if (!err)
		err = nd_channel_wait(&c->ch, fd, q, 1, deadline, NULL, NULL);
	close(fd);
	return err < 0 ? err : 0;
}

static int ask_server(struct nd_style_client *c, const struct nd_addr *server,
		      struct nd_question *q)
{
	uint64_t timeout_ns = ND_S(c->resolv->timeout_s);

	nd_question_reset(q, true);
	if (!c->resolv->use_vc) {
		int err = ask_udp(c, server, q, nd_clock_now_ns() + timeout_ns);
		if (err || !q->truncated)
			return err;
		nd_question_reset(q, true);
	}
	return nd_channel_tcp(&c->ch, server, q, 1, nd_clock_now_ns() + timeout_ns);
}

static int ask_one(struct nd_style_client *c, struct nd_question *q)
{
	const struct nd_resolv *r = c->resolv;
	unsigned first = r->rotate ? c->lookups % r->servers : 0;
	int err = -ETIMEDOUT;

	for (unsigned i = 0; i < r->attempts * r->servers; i++) {
		err = ask_server(c, &r->server[(first + i) % r->servers], q);
		if (err == 0 && (!nd_style_is_usable(q) || (q->lame && q->records == 0)))
			err = BAD_RCODE;
		if (err == 0 || err == -ECANCELED)
			return err;
	}
	return err;
}

struct second {
	struct nd_style_client *c;
	int err;
};

static void ask_second(void *arg)
{
	struct second *s = arg;

	s->err = ask_one(s->c, &s->c->q[1]);
}

static bool found(const struct nd_question *q, int err)
{
	return err == 0 && q->rcode == 0 && q->records > 0;
}

static struct nd_outcome ask(struct nd_style_client *c, size_t n)
{
	bool parallel = n == 2 && !c->one_at_a_time && !c->reopen;
	struct second s = { .c = c };

	if (parallel)
		nd_helper_run(c->helper, ask_second, &s);
	int err = ask_one(c, &c->q[0]);
	if (parallel)
		nd_helper_wait(c->helper);
	else if (n == 2 && err != -ECANCELED)
		ask_second(&s);
	if (err == -ECANCELED || (n == 2 && s.err == -ECANCELED))
		return nd_style_failed(-ECANCELED);
	/* Addresses of one family are enough. */
	if (found(&c->q[0], err) || (n == 2 && found(&c->q[1], s.err)))
		return (struct nd_outcome){ ND_OUTCOME_OK, 0 };
	if (err == 0 && n == 2)
		err = s.err;
	return err == 0 || err == BAD_RCODE ? nd_style_outcome(c->q, n) : nd_style_failed(err);
}

static enum nd_style_next next(struct nd_outcome how)
{
	return how.kind == ND_OUTCOME_STOPPED ? ND_STYLE_STOP : ND_STYLE_TRY;
}

const struct nd_style nd_style_go = {
	.name = "go",
	.help = "A and AAAA in parallel, each from its own socket",
	.helper = true,
	.search_dotted = true,
	.edns = 1232,
	.edns_always = 1232,
	.ask = ask,
	.next = next,
};
