/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/rcu.h"
#include "io/thread.h"
#include "server/worker.h"

/* How long parked queries may take after lameduck, and how often they are counted. */
#define DRAIN_NS ND_S(5)
#define DRAIN_POLL_NS ND_MS(20)

/* Requests of the control thread, run on the worker's thread. */
enum op {
	OP_PREPARE, /* open the sockets of a generation */
	OP_ABANDON, /* close them again */
	OP_ADOPT,   /* serve with the generation */
	OP_OPEN,    /* prepare and adopt */
	OP_DRAIN,   /* accept no more queries */
	OP_COUNT,   /* returns the number of parked queries */
	OP_STATS,
	OP_CLOSE, /* end parked queries, close everything, end the loop */
};

/* A worker and its thread. */
struct slot {
	struct nd_server_worker w;
	struct nd_server *server;
	struct nd_loop *loop;
	struct nd_thread *thread; /* NULL: the worker runs on the control loop */
	struct nd_wake *wake;
	pthread_mutex_t lock; /* guards the members below */
	pthread_cond_t done;
	bool pending; /* op was requested and has not run yet */
	enum op op;
	struct nd_gen *gen;
	int result;
	char label[ND_SERVER_LABEL_MAX]; /* the address that OP_PREPARE failed on */
	struct nd_process_stats stats;
};

/* A replaced generation that workers still use. */
struct retired {
	struct nd_list link;
	struct nd_gen *gen;
};

struct nd_server {
	struct nd_process process;
	struct nd_loop *loop;
	struct nd_server_options options;
	struct slot *slots;
	uint16_t nslots;
	struct nd_wake *released; /* the last worker has released a generation */
	struct nd_list retired;   /* struct retired */
	struct nd_timer timer;    /* lameduck, then drain */
	uint64_t drain_until_ns;
	int status;
	bool stopping;
	bool at_once; /* waiting queries get no time */
};

/* --- requests to workers --- */

/* For the first generation: prepare and adopt in one request, so no query arrives on an open socket
 * without a generation. */
static int open_first(struct slot *s, struct nd_gen *gen)
{
	int err = nd_server_worker_prepare(&s->w, gen, s->label);

	return err ? err : nd_server_worker_adopt(&s->w, gen);
}

static int do_op(struct slot *s, enum op op, struct nd_gen *gen)
{
	switch (op) {
	case OP_PREPARE: return nd_server_worker_prepare(&s->w, gen, s->label);
	case OP_ABANDON: nd_server_worker_abandon(&s->w); return 0;
	case OP_ADOPT: return nd_server_worker_adopt(&s->w, gen);
	case OP_OPEN: return open_first(s, gen);
	case OP_DRAIN: nd_server_worker_drain(&s->w); return 0;
	case OP_COUNT: return (int)nd_worker_waiting(&s->w.core);
	case OP_STATS: nd_server_worker_stats(&s->w, &s->stats); return 0;
	case OP_CLOSE: nd_server_worker_close(&s->w); return 0;
	}
	return 0;
}

static void on_request(void *ctx)
{
	struct slot *s = ctx;

	pthread_mutex_lock(&s->lock);
	if (s->pending) {
		s->result = do_op(s, s->op, s->gen);
		s->pending = false;
		if (s->op == OP_CLOSE)
			nd_loop_stop(s->loop);
		pthread_cond_signal(&s->done);
	}
	pthread_mutex_unlock(&s->lock);
}

/* Runs op on the worker's thread, and waits for the result. */
static int request(struct slot *s, enum op op, struct nd_gen *gen)
{
	if (!s->thread)
		return do_op(s, op, gen);
	pthread_mutex_lock(&s->lock);
	s->op = op;
	s->gen = gen;
	s->pending = true;
	nd_wake_send(s->wake);
	while (s->pending)
		pthread_cond_wait(&s->done, &s->lock);
	int result = s->result;
	pthread_mutex_unlock(&s->lock);
	return result;
}

static void run_worker(void *arg)
{
	struct slot *s = arg;

	nd_rcu_register();
	nd_loop_run(s->loop);
	nd_rcu_unregister();
}

/* --- generations --- */

/* Frees retired generations that no worker uses. */
static void on_released(void *ctx)
{
	struct nd_server *s = ctx;

	ND_LIST_EACH(&s->retired, it) {
		struct retired *r = ND_LIST_ENTRY(it, struct retired, link);
		if (atomic_load_explicit(&r->gen->workers, memory_order_acquire))
			continue;
		nd_list_del(&r->link);
		nd_gen_free(r->gen);
		free(r);
	}
}

static void on_gen_left(struct nd_process *p)
{
	struct nd_server *s = p->server;

	nd_wake_send(s->released);
}

/* Drops the control thread's reference. The generation is freed here or once the last worker has
 * released it. */
static void retire(struct nd_server *s, struct nd_gen *g)
{
	if (!g)
		return;
	nd_gen_stop(g);
	if (nd_gen_unref(g)) {
		nd_gen_free(g);
		return;
	}
	struct retired *r = malloc(sizeof *r);
	if (!r)
		return; /* leaks the generation: it may still be in use */
	r->gen = g;
	nd_list_add(&s->retired, &r->link);
	on_released(s);
}

static int open_all(struct nd_server *s, enum op op, struct nd_gen *g, struct nd_diag *d)
{
	for (uint16_t i = 0; i < s->nslots; i++) {
		int err = request(&s->slots[i], op, g);
		if (!err)
			continue;
		nd_diag_at(d, NULL, 0, "can't listen on %s: %s", s->slots[i].label,
			   nd_err_text(err));
		for (uint16_t k = 0; k <= i; k++)
			request(&s->slots[k], OP_ABANDON, NULL);
		return err;
	}
	return 0;
}

static int adopt_all(struct nd_server *s, struct nd_gen *g, struct nd_diag *d)
{
	for (uint16_t i = 0; i < s->nslots; i++) {
		int err = request(&s->slots[i], OP_ADOPT, g);
		if (!err)
			continue;
		nd_diag_at(d, NULL, 0, "can't activate the configuration: %s", nd_err_text(err));
		/* Workers that have adopted it return to the old one. */
		for (uint16_t k = 0; s->process.gen && k < i; k++) {
			request(&s->slots[k], OP_PREPARE, s->process.gen);
			request(&s->slots[k], OP_ADOPT, s->process.gen);
		}
		for (uint16_t k = i; k < s->nslots; k++)
			request(&s->slots[k], OP_ABANDON, NULL);
		return err;
	}
	return 0;
}

/* Activates g, or frees it and changes nothing else. */
static int activate(struct nd_server *s, struct nd_gen *g, struct nd_diag *d)
{
	struct nd_gen *old = s->process.gen;
	int err = nd_gen_start(g, d);

	if (!err)
		err = open_all(s, old ? OP_PREPARE : OP_OPEN, g, d);
	if (!err && old)
		err = adopt_all(s, g, d);
	if (err) {
		retire(s, g);
		return err;
	}
	s->process.gen = g;
	retire(s, old);
	nd_gen_serving(g);
	return 0;
}

/* Warnings about the Corefile, one per line. */
static void log_warnings(const char *warnings)
{
	while (*warnings) {
		size_t n = strcspn(warnings, "\n");
		nd_log_warning(NULL, "%.*s", (int)n, warnings);
		warnings += n + (warnings[n] == '\n');
	}
}

int nd_server_load(struct nd_server *s, struct nd_diag *d)
{
	struct nd_gen *g;
	int err = nd_gen_new(&s->process, s->options.corefile, &g, d);

	if (err)
		return err;
	log_warnings(g->conf.warnings);
	return activate(s, g, d);
}

int nd_server_load_text(struct nd_server *s, const char *text, struct nd_diag *d)
{
	struct nd_gen *g;
	int err = nd_gen_from_text(&s->process, "Corefile", text, &g, d);

	return err ? err : activate(s, g, d);
}

int nd_server_check_text(struct nd_server *s, const char *text, struct nd_diag *d)
{
	struct nd_gen *g;
	const char *file = s->options.corefile ? s->options.corefile : "Corefile";
	int err = nd_gen_from_text(&s->process, file, text, &g, d);

	if (!err)
		nd_gen_free(g);
	return err;
}

int nd_server_reload(struct nd_server *s, struct nd_diag *d)
{
	if (s->stopping)
		return ND_ECLOSED;
	return nd_server_load(s, d);
}

static void on_reload(struct nd_process *p)
{
	struct nd_server *s = p->server;
	struct nd_diag d = { 0 };

	nd_log_info(NULL, "Reloading");
	if (nd_server_reload(s, &d)) {
		nd_log_error(NULL, "Reload failed, keeping the old configuration: %s", d.text);
		return;
	}
	nd_log_info(NULL, "Reloading complete");
}

static void stats(struct nd_process *p, struct nd_process_stats *out)
{
	struct nd_server *s = p->server;

	*out = (struct nd_process_stats){ .log_dropped = nd_log_dropped() };
	for (uint16_t i = 0; i < s->nslots; i++) {
		const struct nd_process_stats *one = &s->slots[i].stats;
		request(&s->slots[i], OP_STATS, NULL);
		out->udp_overflowed += one->udp_overflowed;
		out->udp_unsent += one->udp_unsent;
		out->shed += one->shed;
		out->timed_out += one->timed_out;
		out->sub_refused += one->sub_refused;
		out->waiting += one->waiting;
		out->tcp_connections += one->tcp_connections;
		out->tcp_evicted += one->tcp_evicted;
		out->tcp_refused += one->tcp_refused;
		out->tcp_unread += one->tcp_unread;
		if (!out->udp_buffer_bytes || one->udp_buffer_bytes < out->udp_buffer_bytes)
			out->udp_buffer_bytes = one->udp_buffer_bytes;
	}
}

static void fatal(struct nd_process *p, const char *why)
{
	struct nd_server *s = p->server;

	nd_log_write(ND_LOG_FATAL, NULL, "%s", why);
	s->at_once = true;
	nd_server_stop(s, 1);
}

/* --- start and shutdown --- */

/* A worker's share of the queries that may wait. */
static uint32_t max_roots(const struct nd_server *s)
{
	uint32_t share = ND_SERVER_PARKED_MAX / s->nslots;

	if (s->options.parked_max)
		return s->options.parked_max;
	return share > ND_SERVER_PARKED_MIN ? share : ND_SERVER_PARKED_MIN;
}

static int start_worker(struct nd_server *s, struct slot *t, uint16_t id)
{
	char name[16];

	t->server = s;
	t->loop = s->options.threads ? nd_loop_new() : s->loop;
	if (!t->loop)
		return -ENOMEM;
	int err = nd_server_worker_init(&t->w, id, t->loop, s->options.fds, max_roots(s));
	if (s->options.udp_max)
		t->w.core.udp_max = s->options.udp_max;
	if (err || !s->options.threads)
		return err;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->done, NULL);
	t->wake = nd_wake_new(t->loop, on_request, t);
	if (!t->wake)
		return -ENOMEM;
	snprintf(name, sizeof name, "worker-%u", id);
	return nd_thread_start(name, run_worker, t, &t->thread);
}

int nd_server_new(struct nd_loop *loop, const struct nd_server_options *o, struct nd_server **out)
{
	struct nd_server *s = calloc(1, sizeof *s);
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->options = *o;
	nd_list_init(&s->retired);
	nd_process_init(&s->process, loop);
	s->process.default_port = o->port;
	s->process.exact = o->exact;
	s->process.nexact = o->nexact;
	s->process.version = o->version;
	s->process.source = o->source;
	s->process.server = s;
	s->process.reload = on_reload;
	s->process.fatal = fatal;
	s->process.isolate = o->isolate;
	s->process.serve_stale = o->serve_stale;
	s->process.gen_left = on_gen_left;
	s->process.stats = stats;
	s->nslots = o->workers ? o->workers : (uint16_t)nd_thread_cpus();
	s->process.nworkers = s->nslots;
	s->slots = calloc(s->nslots, sizeof *s->slots);
	s->released = nd_wake_new(loop, on_released, s);
	if (!s->slots || !s->released)
		err = -ENOMEM;
	for (uint16_t i = 0; !err && i < s->nslots; i++)
		err = start_worker(s, &s->slots[i], i);
	if (err) {
		nd_server_free(s);
		return err;
	}
	*out = s;
	return 0;
}

static void finish(struct nd_server *s)
{
	for (uint16_t i = 0; i < s->nslots; i++) {
		struct slot *t = &s->slots[i];
		request(t, OP_CLOSE, NULL);
		if (t->thread)
			nd_thread_join(t->thread);
		t->thread = NULL;
	}
	struct nd_gen *g = s->process.gen;
	s->process.gen = NULL;
	retire(s, g);
	on_released(s);
	if (s->options.on_end)
		s->options.on_end(s->options.ctx, s->status);
}

static void on_drain(struct nd_timer *t)
{
	struct nd_server *s = ND_CONTAINER(t, struct nd_server, timer);
	int waiting = 0;

	for (uint16_t i = 0; i < s->nslots; i++)
		waiting += request(&s->slots[i], OP_COUNT, NULL);
	if (waiting && nd_loop_now_ns(s->loop) < s->drain_until_ns) {
		nd_timer_start(s->loop, &s->timer, DRAIN_POLL_NS, on_drain);
		return;
	}
	finish(s);
}

static void on_lameduck_over(struct nd_timer *t)
{
	struct nd_server *s = ND_CONTAINER(t, struct nd_server, timer);

	for (uint16_t i = 0; i < s->nslots; i++)
		request(&s->slots[i], OP_DRAIN, NULL);
	s->drain_until_ns = nd_loop_now_ns(s->loop) + (s->at_once ? 0 : DRAIN_NS);
	nd_timer_start(s->loop, &s->timer, 0, on_drain);
}

void nd_server_stop(struct nd_server *s, int status)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->process.stopping = true;
	s->status = status;
	struct nd_gen *g = s->process.gen;
	uint64_t lameduck = g && status == 0 ? (uint64_t)g->lameduck_ns : 0;
	if (g)
		nd_gen_stop(g);
	if (lameduck)
		nd_log_info("health", "Going into lameduck mode for %gs", (double)lameduck / 1e9);
	nd_timer_start(s->loop, &s->timer, lameduck, on_lameduck_over);
}

void nd_server_free(struct nd_server *s)
{
	if (!s)
		return;
	nd_timer_stop(&s->timer);
	for (uint16_t i = 0; s->slots && i < s->nslots; i++) {
		struct slot *t = &s->slots[i];
		if (t->thread) {
			request(t, OP_CLOSE, NULL);
			nd_thread_join(t->thread);
		}
		if (t->wake)
			nd_wake_free(t->wake);
		if (t->loop)
			nd_server_worker_clear(&t->w);
		if (t->loop && t->loop != s->loop)
			nd_loop_free(t->loop);
	}
	if (s->process.gen)
		retire(s, s->process.gen);
	on_released(s);
	if (s->released)
		nd_wake_free(s->released);
	free(s->slots);
	nd_process_clear(&s->process);
	free(s);
}

struct nd_process *nd_server_process(struct nd_server *s)
{
	return &s->process;
}

static int compare_sites(const void *a, const void *b)
{
	const struct nd_site *const *x = a, *const *y = b;

	return strcmp((*x)->zone_text, (*y)->zone_text);
}

/* As in CoreDNS the zones of an address are sorted. */
static void print_sites(const struct nd_endpoint *e, struct nd_buf *out)
{
	const struct nd_site **sites = malloc(e->nsites * sizeof *sites);
	char ip[ND_ADDR_TEXT_MAX];
	size_t n = 0;

	if (!sites)
		return;
	for (size_t i = 0; i < e->nsites; i++)
		if (!e->sites[i]->repeats)
			sites[n++] = e->sites[i];
	qsort(sites, n, sizeof *sites, compare_sites);
	nd_addr_format_ip(&e->addr, ip);
	for (size_t i = 0; i < n; i++)
		nd_buf_printf(out, "%s:%u%s%s\n", sites[i]->zone_text, nd_addr_port(&e->addr),
			      e->wildcard ? "" : " on ", e->wildcard ? "" : ip);
	free(sites);
}

void nd_server_banner(struct nd_server *s, struct nd_buf *out)
{
	const struct nd_gen *g = s->process.gen;

	for (size_t i = 0; g && i < g->nendpoints; i++)
		print_sites(&g->endpoints[i], out);
}
