/* SPDX-License-Identifier: Apache-2.0 */
/* musl: sends both questions to all servers at once from one socket; resends unanswered ones every
 * timeout/attempts; the timeout is for the whole lookup. */
#include "tools/bench/style.h"

#include <errno.h>
#include <unistd.h>
#include "io/clock.h"
#include "wire/type.h"

struct lookup {
	struct nd_style_client *c;
	size_t n;
	int fd;
	struct nd_addr server[ND_RESOLV_SERVERS]; /* in the socket's family */
	unsigned retries;  /* immediate retries after SERVFAIL that are left in this round */
	unsigned servfail; /* SERVFAIL responses in total */
	int send_err;      /* the last -errno of sending */
};

static struct nd_addr as_mapped(const struct nd_addr *a)
{
	uint8_t bytes[16] = { [10] = 0xff, [11] = 0xff };
	size_t n;
	const uint8_t *v4 = nd_addr_bytes(a, &n);

	if (a->sa.sa_family == AF_INET6)
		return *a;
	for (size_t i = 0; i < 4; i++)
		bytes[12 + i] = v4[i];
	return nd_addr_from(AF_INET6, bytes, nd_addr_port(a));
}

static int open_lookup(struct lookup *a)
{
	const struct nd_resolv *r = a->c->resolv;
	int family = AF_INET;

	for (unsigned i = 0; i < r->servers; i++)
		if (r->server[i].sa.sa_family == AF_INET6)
			family = AF_INET6;
	for (unsigned i = 0; i < r->servers; i++)
		a->server[i] = family == AF_INET6 ? as_mapped(&r->server[i]) : r->server[i];
	a->fd = nd_channel_open(&a->c->ch, family);
	return a->fd < 0 ? a->fd : 0;
}

static void send_all(struct lookup *a)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->c->q[i].answered)
			continue;
		for (unsigned s = 0; s < a->c->resolv->servers; s++) {
			int err = nd_channel_send(&a->c->ch, a->fd, &a->c->q[i], &a->server[s]);
			if (err)
				a->send_err = err;
		}
	}
	a->retries = 2 * (unsigned)a->n;
}

/* Handles a response: accepts it, retries over TCP, or waits for another. 0 or -errno. */
static int handle_response(struct lookup *a, struct nd_question *q, unsigned from, uint64_t end)
{
	if (q->truncated) {
		nd_question_reset(q, false);
		return nd_channel_tcp(&a->c->ch, &a->server[from], q, 1, end);
	}
	if (nd_style_is_usable(q))
		return 0;
	/* Another server may answer; a failing one is asked again a few times. */
	q->answered = false;
	if (q->rcode == ND_RCODE_SERVFAIL) {
		a->servfail++;
		if (a->retries && a->retries--)
			nd_channel_send(&a->c->ch, a->fd, q, &a->server[from]);
	}
	return 0;
}

static bool all_answered(const struct lookup *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (!a->c->q[i].answered)
			return false;
	return true;
}

static int ask_all(struct lookup *a)
{
	const struct nd_resolv *r = a->c->resolv;
	const struct nd_channel_peers peers = { a->server, r->servers };
	uint64_t now = nd_clock_now_ns(), next = now;
	uint64_t end = now + ND_S(r->timeout_s);
	uint64_t interval = (end - now) / r->attempts;

	while (!all_answered(a)) {
		unsigned from = 0;
		now = nd_clock_now_ns();
		if (now >= end)
			return -ETIMEDOUT;
		if (now >= next) {
			send_all(a);
			next = now + interval;
		}
		int i = nd_channel_wait(&a->c->ch, a->fd, a->c->q, a->n, next < end ? next : end,
					&peers, &from);
		if (i < 0 && i != -ETIMEDOUT)
			return i;
		if (i >= 0) {
			int err = handle_response(a, &a->c->q[i], from, end);
			if (err && err != -ETIMEDOUT)
				return err;
		}
	}
	return 0;
}

static struct nd_outcome ask(struct nd_style_client *c, size_t n)
{
	struct lookup a = { .c = c, .n = n, .fd = -1 };
	int err = open_lookup(&a);

	for (size_t i = 0; i < n; i++)
		nd_question_reset(&c->q[i], false);
	if (!err)
		err = ask_all(&a);
	if (a.fd >= 0)
		close(a.fd);
	if (err == -ETIMEDOUT && a.servfail)
		return (struct nd_outcome){ ND_OUTCOME_RCODE, ND_RCODE_SERVFAIL };
	if (err == -ETIMEDOUT && a.send_err)
		return nd_style_failed(a.send_err);
	return err ? nd_style_failed(err) : nd_style_outcome(c->q, n);
}

/* Only NXDOMAIN continues the search list. */
static enum nd_style_next next(struct nd_outcome how)
{
	return how.kind == ND_OUTCOME_RCODE && how.code == ND_RCODE_NXDOMAIN ? ND_STYLE_TRY
									     : ND_STYLE_STOP;
}

const struct nd_style nd_style_musl = {
	.name = "musl",
	.help = "A and AAAA at once to all servers from one socket; one timeout in total",
	.timeout_max_s = 60,
	.attempts_max = 10,
	.ask = ask,
	.next = next,
};
