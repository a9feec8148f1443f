/* SPDX-License-Identifier: Apache-2.0 */
/* health - /health returns OK while the process runs, lameduck included; requests it itself once a
 * second (CoreDNS's health). */
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "core/gen.h"
#include "io/clock.h"
#include "io/http1.h"

enum { NBUCKETS = 5, FAILURES = NBUCKETS + 2, SUM_NS = NBUCKETS + 1, CELLS = NBUCKETS + 3 };

static const double buckets[NBUCKETS] = { 0.00025, 0.0025, 0.025, 0.25, 2.5 };

extern const struct nd_plugin nd_plugin_health;

/* Outlives a generation, which may end during a request of the self-check. */
struct check {
	struct nd_addr addr;
	struct nd_loop *loop;
	struct nd_timer timer;
	uint64_t sent_ns;
	bool busy, ended;
	nd_metric_cell cell[CELLS];
};

struct health {
	int64_t lameduck_ns;
	const char *address;
	struct check *check;
};

static const struct nd_setting settings[] = {
	{ "lameduck", ND_SET_DURATION, offsetof(struct health, lameduck_ns), 0, INT64_MAX, 0,
	  "time to keep serving after SIGTERM" },
	{ 0 },
};

static void handle(void *self, const struct nd_http1_request *req, struct nd_http1_response *res)
{
	(void)self;
	(void)req;
	nd_buf_text(&res->body, "OK");
}

/* --- the self-check --- */

static void on_second(struct nd_timer *t);

static void on_answer(void *ctx, int status, const char *body, size_t n)
{
	struct check *c = ctx;
	uint64_t ns = nd_clock_now_ns() - c->sent_ns;
	unsigned i = 0;

	(void)body;
	(void)n;
	c->busy = false;
	if (c->ended) {
		free(c);
		return;
	}
	while (i < NBUCKETS && (double)ns / 1e9 > buckets[i])
		i++;
	nd_metric_add(&c->cell[i], 1);
	nd_metric_add(&c->cell[SUM_NS], ns);
	if (status <= 0) {
		nd_metric_add(&c->cell[FAILURES], 1);
		nd_log_warning("health", "Local health request failed: %s", nd_err_text(status));
	} else if (ns > ND_NS_PER_S) {
		nd_log_warning("health", "Local health request took more than 1s: %gs",
			       (double)ns / 1e9);
	}
	nd_timer_start(c->loop, &c->timer, ND_NS_PER_S, on_second);
}

static void on_second(struct nd_timer *t)
{
	struct check *c = ND_CONTAINER(t, struct check, timer);

	c->sent_ns = nd_clock_now_ns();
	c->busy = true;
	if (nd_http1_get(c->loop, &c->addr, "/health", ND_S(3), on_answer, c))
		on_answer(c, -1, NULL, 0);
}

static void *make_check(void *ctx)
{
	struct check *c = calloc(1, sizeof *c);

	(void)ctx;
	return c;
}

static void unmake_check(void *object)
{
	struct check *c = object;

	nd_timer_stop(&c->timer);
	c->ended = true;
	if (!c->busy)
		free(c);
}

/* --- setting up --- */

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct health *h = self;
	int err = nd_settings_args(d, "health", 0, 1, s->diag);

	if (!err)
		err = nd_setup_settings(s, NULL, false);
	if (err)
		return err;
	h->address = d->nargs ? d->args[0] : ":8080";
	err = nd_setup_http(s, h->address, "/health", handle, h, false);
	if (err)
		return err;
	nd_setup_lameduck(s, h->lameduck_ns);
	h->check = nd_setup_share(s, "health", h->address, strlen(h->address), make_check, NULL,
				  unmake_check);
	return h->check ? 0 : ND_ELIMIT;
}

static void collect(void *ctx, struct nd_metric_out *out)
{
	static const struct nd_metric_family
		duration = ND_HISTOGRAM("coredns_health_request_duration_seconds",
					"Histogram of the time (in seconds) each request took.",
					NULL, buckets),
		failures = ND_COUNTER("coredns_health_request_failures_total",
				      "The number of times the health check failed.", NULL);
	const struct health *h = ctx;
	uint64_t n[NBUCKETS + 1];

	for (size_t i = 0; i <= NBUCKETS; i++)
		n[i] = nd_metric_get(&h->check->cell[i]);
	nd_metric_emit_histogram(out, &duration, NULL, n,
				 (double)nd_metric_get(&h->check->cell[SUM_NS]) / 1e9);
	nd_metric_emit(out, &failures, NULL, (double)nd_metric_get(&h->check->cell[FAILURES]));
}

/* Blocks with the same address share its check: the first of them reports the counts. */
static bool reports(const struct health *h, const struct nd_gen *g)
{
	for (size_t i = 0; i < g->ninstances; i++) {
		const struct nd_instance *in = &g->instances[i];
		if (in->plugin == &nd_plugin_health &&
		    ((const struct health *)in->self)->check == h->check)
			return in->self == h;
	}
	return false;
}

static int start(void *self, struct nd_setup *s)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	struct health *h = self;
	struct check *c = h->check;

	if (reports(h, s->gen))
		nd_setup_collect(s, collect, h);
	if (c->loop)
		return 0; /* running since before a reload */
	c->loop = s->loop;
	/* A wildcard address is requested over the loopback address. */
	if (nd_addr_parse(h->address, 0, &c->addr) || nd_addr_is_any(&c->addr))
		c->addr = nd_addr_from(AF_INET, loopback,
				       (uint16_t)strtoul(strrchr(h->address, ':') + 1, NULL, 10));
	nd_timer_start(c->loop, &c->timer, ND_NS_PER_S, on_second);
	return 0;
}

const struct nd_plugin nd_plugin_health = {
	.name = "health",
	.repeat = ND_REPEAT_REFUSE,
	.self_size = sizeof(struct health),
	.settings = settings,
	.setup = setup,
	.start = start,
};
