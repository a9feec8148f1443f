/* SPDX-License-Identifier: Apache-2.0 */
#include "support/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/log.h"
#include "base/rcu.h"
#include "io/http1.h"
#include "wire/rr.h"
#include "wire/text.h"
#include "wire/type.h"

static void keep_reply(struct nd_worker *w, struct nd_query *q)
{
	struct nd_rig *r = w->server;

	r->replies++;
	r->len = q->ans.w.pos;
	memcpy(r->bytes, q->ans.w.base, r->len);
	if (nd_msg_parse_response(&r->msg, r->bytes, r->len, &r->name))
		fail_msg("a malformed reply");
}

static void serve(struct nd_rig *r, const char *corefile)
{
	struct nd_gen *old = r->gen, *g;

	r->diag = (struct nd_diag){ 0 };
	if (nd_gen_from_text(&r->process, "Corefile", corefile, &g, &r->diag) ||
	    nd_gen_start(g, &r->diag))
		fail_msg("the Corefile does not serve: %s", r->diag.text);
	if (nd_worker_adopt(&r->worker, g))
		fail_msg("the worker does not adopt it");
	r->gen = r->process.gen = g;
	nd_gen_serving(g);
	if (old) {
		nd_gen_stop(old);
		if (nd_gen_unref(old))
			nd_gen_free(old);
		else if (r->old)
			fail_msg("two replaced configurations are in use");
		else
			r->old = old;
	}
}

static void capture(void *ctx, const char *text, size_t n)
{
	struct nd_rig *r = ctx;

	if (n >= sizeof r->log - r->log_len)
		n = sizeof r->log - r->log_len - 1;
	memcpy(r->log + r->log_len, text, n);
	r->log_len += n;
}

void nd_rig_open(struct nd_rig *r, const char *corefile)
{
	memset(r, 0, sizeof *r);
	nd_log_set_sink(capture, r);
	nd_rcu_register();
	r->loop = nd_loop_new();
	nd_process_init(&r->process, r->loop);
	r->process.default_port = 1053;
	r->process.version = "1.15.0";
	if (!r->loop || nd_worker_init(&r->worker, 0, r->loop, 64))
		fail_msg("no worker");
	nd_origin_init(&r->origin, NULL);
	r->peer = nd_addr_from(AF_INET, (const uint8_t[]){ 127, 0, 0, 1 }, 4000);
	r->worker.server = r;
	r->worker.send = keep_reply;
	r->worker.flush = nd_worker_flushed;
	serve(r, corefile);
}

void nd_rig_reload(struct nd_rig *r, const char *corefile)
{
	serve(r, corefile);
}

void nd_rig_close(struct nd_rig *r)
{
	nd_gen_stop(r->gen);
	nd_worker_leave(&r->worker);
	if (r->old)
		nd_gen_free(r->old);
	if (nd_gen_unref(r->gen))
		nd_gen_free(r->gen);
	else
		fail_msg("the configuration is still in use");
	nd_worker_clear(&r->worker);
	nd_process_clear(&r->process);
	nd_rcu_barrier();
	nd_rcu_unregister();
	nd_loop_free(r->loop);
	nd_log_flush();
	nd_log_set_sink(NULL, NULL);
}

const char *nd_rig_refuse(struct nd_rig *r, const char *corefile)
{
	struct nd_gen *g;

	r->diag = (struct nd_diag){ 0 };
	if (nd_gen_from_text(&r->process, "Corefile", corefile, &g, &r->diag) == 0) {
		nd_gen_free(g);
		fail_msg("accepted: %s", corefile);
	}
	return r->diag.text;
}

const char *nd_rig_metrics(struct nd_rig *r)
{
	struct nd_buf b;

	nd_buf_init(&b, sizeof r->page - 1);
	nd_metric_page(r->gen, &b);
	assert_int_equal(b.err, 0);
	memcpy(r->page, nd_buf_string(&b), b.len + 1);
	nd_buf_clear(&b);
	return r->page;
}

const char *nd_rig_log(struct nd_rig *r)
{
	nd_log_flush();
	memcpy(r->lines, r->log, r->log_len);
	r->lines[r->log_len] = '\0';
	r->log_len = 0;
	return r->lines;
}

uint16_t nd_rig_free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int tcp, udp, err;

	do {
		at.sin_port = 0;
		tcp = socket(AF_INET, SOCK_STREAM, 0);
		udp = socket(AF_INET, SOCK_DGRAM, 0);
		assert_true(tcp >= 0 && udp >= 0);
		err = bind(tcp, (struct sockaddr *)&at, sizeof at);
		assert_int_equal(getsockname(tcp, (struct sockaddr *)&at, &len), 0);
		if (!err)
			err = bind(udp, (struct sockaddr *)&at, sizeof at);
		close(tcp);
		close(udp);
	} while (err);
	return ntohs(at.sin_port);
}

static void on_response(void *ctx, int status, const char *body, size_t n)
{
	struct nd_rig *r = ctx;

	r->status = status > 0 ? status : 0;
	n = n < sizeof r->page ? n : sizeof r->page - 1;
	if (n)
		memcpy(r->page, body, n);
	r->page[n] = '\0';
	nd_loop_stop(r->loop);
}

int nd_rig_get(struct nd_rig *r, uint16_t port, const char *path)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	struct nd_addr at = nd_addr_from(AF_INET, loopback, port);

	r->status = 0;
	if (nd_http1_get(r->loop, &at, path, 2 * (uint64_t)ND_NS_PER_S, on_response, r) == 0)
		nd_loop_run(r->loop);
	return r->status;
}

size_t nd_rig_question(uint8_t *out, const char *name, uint16_t type, uint16_t flags, uint16_t edns)
{
	struct nd_name_buf buf;
	struct nd_name n;
	struct nd_writer w = nd_writer_over(out, 512);

	if (nd_name_parse(name, false, &buf, &n))
		fail_msg("invalid name %s", name);
	nd_writer_u16(&w, 4660);
	nd_writer_u16(&w, flags);
	nd_writer_u16(&w, 1);
	nd_writer_u32(&w, 0);
	nd_writer_u16(&w, edns != 0);
	nd_writer_bytes(&w, n.wire, n.len);
	nd_writer_u16(&w, type);
	nd_writer_u16(&w, ND_CLASS_IN);
	if (edns)
		nd_writer_bytes(&w,
				(uint8_t[]){ 0, 0, 41, (uint8_t)(edns >> 8), (uint8_t)edns, 0, 0, 0,
					     0, 0, 0 },
				11);
	return w.pos;
}

bool nd_rig_send(struct nd_rig *r, const void *bytes, size_t n, enum nd_proto proto)
{
	struct nd_client client = { .peer = r->peer, .proto = proto, .origin = &r->origin };
	unsigned before = r->replies;

	nd_loop_update(r->loop);
	r->worker.now_ns = nd_loop_now_ns(r->loop) + r->ahead_ns;
	nd_chain_start(nd_query_new(&r->worker, &r->gen->endpoints[0], &client), bytes, n);
	nd_worker_flushed(&r->worker);
	return r->replies != before;
}

bool nd_rig_ask(struct nd_rig *r, const char *name, uint16_t type, uint16_t flags, uint16_t edns)
{
	uint8_t bytes[512];
	size_t n = nd_rig_question(bytes, name, type, flags, edns);

	return nd_rig_send(r, bytes, n, ND_PROTO_UDP);
}

bool nd_rig_record(struct nd_rig *r, unsigned i, struct nd_rr *rr)
{
	struct nd_rr_iter it = nd_rr_iter_over(&r->msg);

	for (unsigned k = 0; nd_rr_next(&it, rr); k++)
		if (k == i)
			return true;
	return false;
}

static size_t put_record(const struct nd_rig *r, const struct nd_rr *rr, char *text, size_t cap)
{
	static const char *const sections[] = { "AN", "NS", "AR" };
	struct nd_reader at = nd_reader_over(r->bytes, r->len);
	char owner_text[ND_NAME_TEXT_MAX], type[ND_NUMBER_TEXT_MAX], data[2048];
	struct nd_name_buf buf;
	struct nd_name owner;
	uint8_t rdata[2048];

	at.pos += rr->owner;
	assert_int_equal(nd_name_read(&at, false, &buf, &owner), 0);
	nd_name_format(owner, owner_text);
	int n = nd_rr_expand_rdata(r->bytes, r->len, rr->rdata, rr->rdata_len, rr->type, rdata,
				   sizeof rdata);
	assert_true(n >= 0);
	nd_text_format_rdata(rr->type, rdata, (size_t)n, data, sizeof data);
	int len = snprintf(text, cap, "; %s %s %u %s %s", sections[rr->section], owner_text,
			   rr->ttl, nd_type_text(rr->type, type), data);
	assert_in_range(len, 0, cap - 1);
	return (size_t)len;
}

const char *nd_rig_text(struct nd_rig *r)
{
	char rcode[ND_NUMBER_TEXT_MAX];
	struct nd_rr rr;
	size_t n = (size_t)snprintf(r->text, sizeof r->text, "%s%s%s",
				    nd_type_rcode_text((uint16_t)nd_rig_rcode(r), rcode),
				    r->msg.flags & ND_FLAG_AA ? " aa" : "",
				    r->msg.flags & ND_FLAG_TC ? " tc" : "");

	for (unsigned i = 0; nd_rig_record(r, i, &rr); i++)
		if (rr.type != ND_TYPE_OPT)
			n += put_record(r, &rr, r->text + n, sizeof r->text - n);
	return r->text;
}

unsigned nd_rig_rcode(const struct nd_rig *r)
{
	return nd_msg_rcode(&r->msg);
}

static void stop_loop(struct nd_timer *t)
{
	nd_loop_stop(ND_CONTAINER(t, struct nd_rig, timer)->loop);
}

void nd_rig_run(struct nd_rig *r, uint64_t ms)
{
	nd_timer_start(r->loop, &r->timer, ms * ND_NS_PER_MS, stop_loop);
	nd_loop_run(r->loop);
	nd_timer_stop(&r->timer);
}
