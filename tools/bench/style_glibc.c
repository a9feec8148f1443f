/* SPDX-License-Identifier: Apache-2.0 */
/* glibc: sends A and AAAA at once from one socket, tries the servers in turn, the whole list
 * `attempts` times. `parallel` does the same, but two threads send, and it never falls back after a
 * stall. */
#include "tools/bench/style.h"

#include <errno.h>
#include <unistd.h>
#include "io/clock.h"
#include "wire/type.h"

enum { BAD_RCODE = -EAGAIN }; /* an error response: try the next server */

struct lookup {
	struct nd_style_client *c;
	size_t n;
	int fd[ND_RESOLV_SERVERS]; /* per server, kept until the lookup ends; -1: none */
};

static void close_socket(struct lookup *a, unsigned ns)
{
	if (a->fd[ns] >= 0)
		close(a->fd[ns]);
	a->fd[ns] = -1;
}

static int get_socket(struct lookup *a, unsigned ns)
{
	if (a->fd[ns] < 0)
		a->fd[ns] = nd_channel_connect(&a->c->ch, &a->c->resolv->server[ns]);
	return a->fd[ns];
}

struct second {
	struct nd_style_client *c;
	int fd, err;
};

static void send_second(void *arg)
{
	struct second *s = arg;

	nd_helper_meet(s->c->helper);
	s->err = nd_channel_send(&s->c->ch, s->fd, &s->c->q[1], NULL);
}

static int send_both(struct lookup *a, int fd)
{
	struct nd_style_client *c = a->c;
	struct second s = { .c = c, .fd = fd };
	int err;

	if (a->n == 1)
		return nd_channel_send(&c->ch, fd, &c->q[0], NULL);
	if (!c->helper) {
		err = nd_channel_send(&c->ch, fd, &c->q[0], NULL);
		return err ? err : nd_channel_send(&c->ch, fd, &c->q[1], NULL);
	}
	nd_helper_run(c->helper, send_second, &s);
	nd_helper_meet(c->helper);
	err = nd_channel_send(&c->ch, fd, &c->q[0], NULL);
	nd_helper_wait(c->helper);
	return err ? err : s.err;
}

static int ask_tcp(struct lookup *a, unsigned ns, uint64_t deadline)
{
	for (size_t i = 0; i < a->n; i++)
		nd_question_reset(&a->c->q[i], false);
	return nd_channel_tcp(&a->c->ch, &a->c->resolv->server[ns], a->c->q, a->n, deadline);
}

/* One at a time: sends the second question after the first is answered; from its own socket with
 * `reopen`. */
static int send_next(struct lookup *a, unsigned ns, size_t i)
{
	if (a->c->reopen)
		close_socket(a, ns);
	int fd = get_socket(a, ns);
	return fd < 0 ? fd : nd_channel_send(&a->c->ch, fd, &a->c->q[i], NULL);
}

/* Sends both questions once, in the client's current mode. */
static int ask_once(struct lookup *a, unsigned ns, uint64_t timeout_ns)
{
	struct nd_style_client *c = a->c;
	uint64_t deadline = nd_clock_now_ns() + timeout_ns;
	size_t sent = c->one_at_a_time || c->reopen ? 1 : a->n;

	for (size_t i = 0; i < a->n; i++)
		nd_question_reset(&c->q[i], false);
	int fd = get_socket(a, ns);
	if (fd < 0)
		return fd;
	int err = sent == 1 ? nd_channel_send(&c->ch, fd, &c->q[0], NULL) : send_both(a, fd);
	for (size_t got = 0; !err && got < a->n;) {
		if (got == sent)
			err = send_next(a, ns, sent++);
		int i = err ? err
			    : nd_channel_wait(&c->ch, a->fd[ns], c->q, sent, deadline, NULL, NULL);
		if (i < 0)
			return i;
		if (c->q[i].truncated)
			return ask_tcp(a, ns, deadline + timeout_ns);
		got++;
	}
	return err;
}

static bool some_answered(const struct lookup *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->c->q[i].answered)
			return true;
	return false;
}

/* resolv.conf(5), single-request: some servers, or the network before them, lose the second of two
 * questions from one port. A client that sees this asks one at a time from then on, and if that
 * does not help, from two sockets. False: there is no further fallback. */
static bool fall_back(struct lookup *a, unsigned ns)
{
	if (a->c->reopen)
		return false;
	nd_stats_count(&a->c->ch.stats->fallbacks);
	if (a->c->one_at_a_time) {
		a->c->reopen = true;
		close_socket(a, ns);
	}
	a->c->one_at_a_time = true;
	return true;
}

static int ask_server(struct lookup *a, unsigned ns, uint64_t timeout_ns)
{
	for (;;) {
		int err = ask_once(a, ns, timeout_ns);
		if (err == -ETIMEDOUT && !a->c->helper && a->n == 2 && some_answered(a)) {
			if (fall_back(a, ns))
				continue;
			err = 0; /* one of two answers is enough */
		}
		if (err)
			return err;
		for (size_t i = 0; i < a->n; i++)
			if (a->c->q[i].answered && nd_style_is_usable(&a->c->q[i]))
				return 0;
		return BAD_RCODE;
	}
}

/* Doubles for each further server, then divided by the number of servers. */
static uint64_t timeout_of(const struct nd_resolv *r, unsigned ns)
{
	unsigned s = r->timeout_s << ns;

	if (ns > 0)
		s /= r->servers;
	return ND_S(s ? s : 1);
}

static int ask_all(struct lookup *a)
{
	const struct nd_resolv *r = a->c->resolv;
	unsigned first = r->rotate ? a->c->lookups % r->servers : 0;
	int err = -ETIMEDOUT;

	for (unsigned i = 0; i < r->attempts * r->servers; i++) {
		unsigned ns = (first + i) % r->servers;
		uint64_t timeout_ns = timeout_of(r, ns);
		if (r->use_vc)
			err = ask_tcp(a, ns, nd_clock_now_ns() + timeout_ns);
		else
			err = ask_server(a, ns, timeout_ns);
		if (err == 0 || err == -ECANCELED)
			return err;
		if (err != -ETIMEDOUT) /* answered or failed: no late answer is expected */
			close_socket(a, ns);
	}
	return err;
}

static struct nd_outcome ask(struct nd_style_client *c, size_t n)
{
	struct lookup a = { .c = c, .n = n, .fd = { -1, -1, -1 } };
	int err = ask_all(&a);

	for (unsigned ns = 0; ns < ND_RESOLV_SERVERS; ns++)
		close_socket(&a, ns);
	return err == 0 || err == BAD_RCODE ? nd_style_outcome(c->q, n) : nd_style_failed(err);
}

/* SERVFAIL and NXDOMAIN continue the search list; a timeout or a refusal ends it. */
static enum nd_style_next next(struct nd_outcome how)
{
	if (how.kind == ND_OUTCOME_NODATA)
		return ND_STYLE_TRY;
	if (how.kind == ND_OUTCOME_RCODE)
		return how.code == ND_RCODE_NXDOMAIN || how.code == ND_RCODE_SERVFAIL
			       ? ND_STYLE_TRY
			       : ND_STYLE_LAST;
	return how.kind == ND_OUTCOME_TIMEOUT ? ND_STYLE_LAST : ND_STYLE_STOP;
}

const struct nd_style nd_style_glibc = {
	.name = "glibc",
	.help = "A and AAAA at once from one socket; one at a time after a stall",
	.search_dotted = true,
	.no_aaaa = true,
	.edns = 1200,
	.timeout_max_s = 30,
	.attempts_max = 5,
	.ask = ask,
	.next = next,
};

const struct nd_style nd_style_parallel = {
	.name = "parallel",
	.help = "A and AAAA from one socket by two threads, always: the worst case",
	.helper = true,
	.search_dotted = true,
	.no_aaaa = true,
	.edns = 1200,
	.timeout_max_s = 30,
	.attempts_max = 5,
	.ask = ask,
	.next = next,
};
