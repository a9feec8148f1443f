/* SPDX-License-Identifier: Apache-2.0 */
#include "support/h2peer.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"

struct nd_h2peer {
	nghttp2_session *session;
	struct nd_h2peer_transport transport;
	struct nd_h2peer_tally *tally;
	bool close;
};

struct stream {
	char method[16], path[256];
	struct nd_buf body;
	size_t n, at;
	bool echo, hang, trailers, open;
};

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t n,
			 uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct nd_h2peer *p = ctx;
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);
	size_t left;
	(void)source;

	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	left = s->n - s->at;
	if (!left && s->hang)
		return NGHTTP2_ERR_DEFERRED;
	n = n < left ? n : left;
	for (size_t i = 0; i < n; i++)
		to[i] = s->echo ? (uint8_t)s->body.data[s->at + i] : nd_h2peer_byte(s->at + i);
	s->at += n;
	p->tally->sent += n;
	if (n == left && !s->hang) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (s->trailers) {
			nghttp2_nv nv = { (uint8_t *)"x-after", (uint8_t *)"1", 7, 1, 0 };
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			nghttp2_submit_trailer(session, id, &nv, 1);
		}
	}
	return (ssize_t)n;
}

static nghttp2_nv pair(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), 0 };
}

static void respond(struct nd_h2peer *p, int32_t id, struct stream *s, const char *extra)
{
	nghttp2_data_provider body = { .read_callback = read_body };
	nghttp2_nv nv[] = { pair(":status", "200"), pair("x-method", s->method),
			    pair("x-extra", extra) };

	nghttp2_submit_response(p->session, id, nv, ND_COUNT(nv), &body);
}

static bool is(const struct stream *s, const char *path, size_t *n)
{
	size_t len = strlen(path);

	if (strncmp(s->path, path, len) != 0)
		return false;
	if (n)
		*n = strtoul(s->path + len, NULL, 10);
	return true;
}

static void do_request(struct nd_h2peer *p, int32_t id, struct stream *s)
{
	nghttp2_session *session = p->session;
	char *extra = NULL;
	size_t n;

	p->tally->requests++;
	if (is(s, "/bytes/", &s->n)) {
		respond(p, id, s, "");
	} else if (is(s, "/echo", NULL)) {
		s->echo = true;
		s->n = s->body.len;
		respond(p, id, s, "");
	} else if (is(s, "/hang", NULL) || is(s, "/reset", NULL) || is(s, "/cut", NULL)) {
		s->n = 3;
		s->hang = true;
		respond(p, id, s, "");
		if (is(s, "/cut", NULL))
			p->close = true;
	} else if (is(s, "/refuse", NULL) && p->tally->refused++ == 0) {
		nghttp2_submit_rst_stream(session, 0, id, NGHTTP2_REFUSED_STREAM);
	} else if (is(s, "/turned-away", NULL) && p->tally->turned_away++ == 0) {
		nghttp2_submit_goaway(session, 0, 0, NGHTTP2_NO_ERROR, NULL, 0);
	} else if (is(s, "/goaway/", &s->n)) {
		nghttp2_submit_goaway(session, 0, id, NGHTTP2_NO_ERROR, NULL, 0);
		respond(p, id, s, "");
	} else if (is(s, "/early", NULL)) {
		nghttp2_nv nv = pair(":status", "103");
		nghttp2_submit_headers(session, 0, id, NULL, &nv, 1, NULL);
		s->trailers = true;
		respond(p, id, s, "");
	} else if (is(s, "/silent", NULL)) {
		return;
	} else if (is(s, "/head/", &n)) {
		extra = malloc(n + 1);
		memset(extra, 'x', n);
		extra[n] = '\0';
		respond(p, id, s, extra);
	} else {
		respond(p, id, s, "");
	}
	free(extra);
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *f, void *ctx)
{
	struct nd_h2peer *p = ctx;
	struct stream *s;

	if (f->hd.type != NGHTTP2_HEADERS || f->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = calloc(1, sizeof *s);
	nd_buf_init(&s->body, 16 << 20);
	nghttp2_session_set_stream_user_data(session, f->hd.stream_id, s);
	if (++p->tally->now > p->tally->most)
		p->tally->most = p->tally->now;
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name,
		     size_t nname, const uint8_t *value, size_t nvalue, uint8_t flags, void *ctx)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);
	(void)nname;
	(void)flags;
	(void)ctx;

	if (s && strcmp((const char *)name, ":method") == 0)
		snprintf(s->method, sizeof s->method, "%.*s", (int)nvalue, value);
	if (s && strcmp((const char *)name, ":path") == 0)
		snprintf(s->path, sizeof s->path, "%.*s", (int)nvalue, value);
	return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
		    size_t n, void *ctx)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);
	(void)flags;
	(void)ctx;

	if (s)
		nd_buf_add(&s->body, bytes, n);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *f, void *ctx)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);

	if (s && (f->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
	    (f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA))
		do_request(ctx, f->hd.stream_id, s);
	if (f->hd.type == NGHTTP2_RST_STREAM)
		((struct nd_h2peer *)ctx)->tally->resets++;
	return 0;
}

/* The three bytes were sent: now the stream or the connection ends. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *f, void *ctx)
{
	struct stream *s = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);
	(void)ctx;

	if (s && f->hd.type == NGHTTP2_DATA && s->at == 3 && is(s, "/reset", NULL))
		nghttp2_submit_rst_stream(session, 0, f->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
	return 0;
}

static void free_stream(struct stream *s)
{
	nd_buf_clear(&s->body);
	free(s);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
	struct nd_h2peer *p = ctx;
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);
	(void)code;

	if (s) {
		p->tally->now--;
		free_stream(s);
		nghttp2_session_set_stream_user_data(session, id, NULL);
	}
	return 0;
}

static void pump(struct nd_h2peer *p)
{
	const uint8_t *bytes;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(p->session, &bytes)) > 0)
		p->transport.write(p->transport.ctx, bytes, (size_t)n);
}

struct nd_h2peer *nd_h2peer_new(const struct nd_h2peer_transport *transport,
				struct nd_h2peer_tally *tally)
{
	struct nd_h2peer *p = calloc(1, sizeof *p);
	nghttp2_session_callbacks *calls;
	nghttp2_settings_entry max = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
				       tally->max_streams };

	ND_ASSERT(p && nghttp2_session_callbacks_new(&calls) == 0);
	p->transport = *transport;
	p->tally = tally;
	nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
	ND_ASSERT(nghttp2_session_server_new(&p->session, calls, p) == 0);
	nghttp2_session_callbacks_del(calls);
	nghttp2_submit_settings(p->session, 0, &max, tally->max_streams ? 1 : 0);
	pump(p);
	return p;
}

void nd_h2peer_free(struct nd_h2peer *p)
{
	/* Frees the streams that are still open; the ids of a client's streams are odd. */
	for (int32_t id = 1; id <= nghttp2_session_get_last_proc_stream_id(p->session); id += 2) {
		struct stream *s = nghttp2_session_get_stream_user_data(p->session, id);
		if (s) {
			p->tally->now--;
			free_stream(s);
		}
	}
	nghttp2_session_del(p->session);
	free(p);
}

bool nd_h2peer_feed(struct nd_h2peer *p, const uint8_t *bytes, size_t n)
{
	ssize_t ret = nghttp2_session_mem_recv(p->session, bytes, n);

	pump(p);
	if (p->close || ret < 0) {
		p->transport.close(p->transport.ctx);
		return false;
	}
	return true;
}
