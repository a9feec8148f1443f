/* SPDX-License-Identifier: Apache-2.0 */
#include "authority/primary.h"

#include <errno.h>
#include <string.h>
#include "base/err.h"
#include "base/time.h"
#include "io/loop.h"
#include "io/random.h"
#include "io/tcp.h"
#include "wire/type.h"
#include "wire/writer.h"

enum { FRAME_HEAD = 2, INPUT_MAX = FRAME_HEAD + ND_MSG_MAX };

void nd_primary_stop(struct nd_primary *p)
{
	nd_timer_stop(&p->timer);
	nd_buf_clear(&p->input);
	if (p->tcp)
		nd_tcp_abort(p->tcp);
	p->tcp = NULL;
}

static void end(struct nd_primary *p, int err, const char *why)
{
	struct nd_primary_handler h = p->h;

	nd_primary_stop(p);
	h.on_end(h.ctx, err, why ? why : nd_err_text(err));
}

static void on_time(struct nd_timer *t)
{
	end(ND_CONTAINER(t, struct nd_primary, timer), ND_ETIME, NULL);
}

/* The time for the next message starts. */
static void wait_more(struct nd_primary *p)
{
	uint64_t now = nd_loop_now_ns(p->loop);
	uint64_t left = p->until_ns > now ? p->until_ns - now : 0;
	uint64_t silent = ND_S(ND_PRIMARY_SILENT_S);

	nd_timer_start(p->loop, &p->timer, left < silent ? left : silent, on_time);
}

static void send_question(struct nd_primary *p)
{
	uint8_t q[ND_MSG_HEADER + ND_NAME_MAX + 4];
	struct nd_writer w = nd_writer_over(q, sizeof q);

	nd_writer_u16(&w, p->id);
	nd_writer_u16(&w, 0);
	nd_writer_u16(&w, 1);
	nd_writer_bytes(&w, "\0\0\0\0\0\0", 6);
	nd_writer_bytes(&w, p->name.wire, p->name.len);
	nd_writer_u16(&w, p->type);
	nd_writer_u16(&w, ND_CLASS_IN);
	int err = nd_tcp_write_frame(p->tcp, q, (uint16_t)w.pos);
	if (err)
		end(p, err, NULL);
}

static void on_open(void *ctx, struct nd_tcp *c, int err)
{
	struct nd_primary *p = ctx;

	(void)c;
	if (!err) {
		wait_more(p);
		send_question(p);
		return;
	}
	p->tcp = NULL; /* closed already */
	end(p, err, NULL);
}

/* 1: more messages follow; 0: the last; or an error. The question may be left out after the first
 * message (RFC 5936 section 2.2.1). */
static int take_message(struct nd_primary *p, const uint8_t *bytes, size_t n, const char **why)
{
	struct nd_name_buf buf;
	struct nd_msg m;

	*why = "malformed message";
	if (nd_msg_parse_response(&m, bytes, n, &buf))
		return ND_EFORMAT;
	*why = "it answers another question";
	if (!(m.flags & ND_FLAG_QR) || m.id != p->id)
		return ND_EFORMAT;
	if (m.qname.len && (!nd_name_equal(m.qname, p->name) || m.qtype != p->type))
		return ND_EFORMAT;
	if (nd_msg_rcode(&m) != ND_RCODE_NOERROR) {
		static char text[ND_NUMBER_TEXT_MAX];
		*why = nd_type_rcode_text((uint16_t)nd_msg_rcode(&m), text);
		return ND_EFORMAT;
	}
	*why = "message without records";
	if (m.count[1] == 0)
		return ND_EFORMAT;
	*why = NULL;
	return p->h.on_message(p->h.ctx, &m, why);
}

/* Takes the whole messages of the input. */
static void take_messages(struct nd_primary *p)
{
	const char *why = NULL;
	int got = 1;

	while (got == 1 && p->input.len >= FRAME_HEAD) {
		const uint8_t *at = (const uint8_t *)p->input.data;
		size_t n = (size_t)at[0] << 8 | at[1];
		if (p->input.len - FRAME_HEAD < n)
			return;
		got = take_message(p, at + FRAME_HEAD, n, &why);
		if (got == 1) {
			nd_buf_drop(&p->input, FRAME_HEAD + n);
			wait_more(p);
		}
	}
	if (got != 1)
		end(p, got, why);
}

static void on_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct nd_primary *p = ctx;

	while (n && p->tcp == c) {
		size_t room = INPUT_MAX - p->input.len, part = n < room ? n : room;
		if (nd_buf_add(&p->input, bytes, part)) {
			end(p, -ENOMEM, NULL);
			return;
		}
		bytes += part;
		n -= part;
		take_messages(p);
	}
}

static void on_close(void *ctx, struct nd_tcp *c, int err)
{
	struct nd_primary *p = ctx;

	(void)c;
	p->tcp = NULL;
	end(p, err ? err : ND_ECLOSED, NULL);
}

void nd_primary_ask(struct nd_primary *p, struct nd_loop *loop, const struct nd_addr *to,
		    struct nd_name name, uint16_t type, const struct nd_primary_handler *h)
{
	struct nd_tcp_handler th = {
		.ctx = p, .on_open = on_open, .on_data = on_data, .on_close = on_close
	};

	p->h = *h;
	p->loop = loop;
	p->name = nd_name_copy(name, &p->name_buf);
	p->type = type;
	p->id = (uint16_t)nd_random_u32();
	p->until_ns = nd_loop_now_ns(loop) + ND_S(ND_PRIMARY_TOTAL_S);
	nd_buf_init(&p->input, INPUT_MAX);
	p->tcp = NULL;
	wait_more(p);
	if (nd_tcp_connect(loop, to, NULL, &th, &p->tcp)) {
		p->tcp = NULL;
		nd_timer_start(loop, &p->timer, 0, on_time); /* reported in the next turn */
	}
}
