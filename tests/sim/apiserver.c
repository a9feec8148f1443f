/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/apiserver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/list.h"
#include "io/clock.h"
#include "io/tcp.h"
#include "sim/encode.h"
#include "sim/odd.h"
#include "sim/world.h"

enum { OUT_MAX = 16 << 20, REQUEST_MAX = 16 << 10, PIECE_MAX = 3000 };

struct sim_api {
	struct nd_loop *loop;
	struct nd_addr addr;
	struct nd_tcp_listener *listener; /* NULL: down */
	struct sim_cluster *cluster;
	struct sim_api_mood mood;
	struct nd_list conns;
	struct sim_api_counts counts;
	struct sim_odd_list endless[SIM_KINDS];
};

struct conn {
	struct nd_list link;
	struct sim_api *a;
	struct nd_tcp *tcp;
	struct nd_timer timer;
	struct nd_buf in, head, body; /* received; still to be written */
	bool answering, mute, raw;    /* raw: written without HTTP */
	/* the current response */
	bool pb, watching;
	enum nd_object_kind kind;
	uint32_t sent; /* watch: version of the last event */
	uint64_t ends_ns, bookmark_ns;
};

static const char *const paths[SIM_KINDS] = { "/api/v1/namespaces", "/api/v1/services",
					      "/apis/discovery.k8s.io/v1/endpointslices" };

static uint32_t draw(uint32_t below)
{
	return nd_world_random(ND_WORLD_CLIENTS, below);
}

static bool happens(uint32_t ppm)
{
	return ppm && draw(1000000) < ppm;
}

static void on_timer(struct nd_timer *t);

static void schedule(struct conn *c, uint64_t ns)
{
	nd_timer_stop(&c->timer);
	nd_timer_start(c->a->loop, &c->timer, ns, on_timer);
}

static uint64_t draw_pause(const struct conn *c)
{
	return ND_MS(draw(c->a->mood.slow_ms + 1));
}

static void free_conn(struct conn *c)
{
	nd_timer_stop(&c->timer);
	nd_tcp_close(c->tcp);
	nd_list_del(&c->link);
	nd_buf_clear(&c->in);
	nd_buf_clear(&c->head);
	nd_buf_clear(&c->body);
	free(c);
}

/* --- responses --- */

static const char *type_of(const struct conn *c, bool watch)
{
	return !c->pb  ? "application/json"
	       : watch ? "application/vnd.kubernetes.protobuf;stream=watch"
		       : "application/vnd.kubernetes.protobuf";
}

static void write_head(struct conn *c, int status, const char *type, int retry_after_s)
{
	nd_buf_printf(&c->head, "HTTP/1.1 %d X\r\nContent-Type: %s\r\n", status, type);
	if (retry_after_s)
		nd_buf_printf(&c->head, "Retry-After: %d\r\n", retry_after_s);
	nd_buf_text(&c->head, "Transfer-Encoding: chunked\r\n\r\n");
}

static void refuse(struct conn *c, const struct sim_status *s)
{
	bool header = s->retry_after_s && draw(2);

	c->a->counts.refused++;
	if (draw(4) == 0) { /* a proxy in between sends its own */
		write_head(c, s->code, "text/html", header ? s->retry_after_s : 0);
		nd_buf_text(&c->body, "<html>{no}");
		return;
	}
	write_head(c, s->code, type_of(c, false), header ? s->retry_after_s : 0);
	sim_encode_status(c->pb, s, &c->body);
}

static const struct sim_status expired = { 410, "Expired", "too old resource version", 0 };

static const struct sim_status *any_refusal(void)
{
	static const struct sim_status all[] = {
		{ 401, "Unauthorized", "no credentials", 0 },
		{ 403, "Forbidden", "forbidden", 0 },
		{ 404, "NotFound", "not found", 0 },
		{ 410, "Expired", "too old", 0 },
		{ 429, "TooManyRequests", "try again later", 2 },
		{ 500, "InternalError", "internal error", 0 },
		{ 503, "ServiceUnavailable", "not yet", 1 },
		{ 504, "Timeout", "timed out", 0 },
	};

	return &all[draw(sizeof all / sizeof *all)];
}

static void add_garbage(struct nd_buf *b)
{
	for (unsigned n = 1 + draw(300); n; n--) {
		uint8_t byte = (uint8_t)draw(256);
		nd_buf_add(b, &byte, 1);
	}
}

/* from: the version of a watch; 0: none. */
static void send_garbage(struct conn *c, bool watch, uint32_t from)
{
	c->a->counts.garbage++;
	switch (draw(4)) {
	case 0:
		c->raw = true;
		add_garbage(&c->body);
		break;
	case 1:
		write_head(c, 200, "text/html", 0);
		nd_buf_text(&c->body, "<html>log in first</html>");
		break;
	case 2: /* after a valid event */
		write_head(c, 200, type_of(c, watch), 0);
		sim_encode_bookmark(c->pb, c->kind, from, false, &c->body);
		add_garbage(&c->body);
		break;
	default: write_head(c, 200, type_of(c, watch), 0); add_garbage(&c->body);
	}
}

static void add_object(struct conn *c, const char *type, unsigned n, uint32_t written,
		       uint32_t version)
{
	struct sim_object s;

	sim_cluster_object(c->kind, n, written, &s);
	sim_encode_event(c->pb, type, &s, version, &c->body);
}

static void add_odd_event(struct conn *c)
{
	if (!happens(c->a->mood.odd_ppm))
		return;
	c->a->counts.odd++;
	sim_odd_event(c->pb, c->kind, &c->body);
}

/* The events since the last one sent. */
static void add_events(struct conn *c)
{
	const struct sim_cluster *cluster = c->a->cluster;

	while (c->sent < sim_cluster_version(cluster)) {
		const struct sim_change *change = sim_cluster_change(cluster, ++c->sent);
		if (change->kind != c->kind || happens(c->a->mood.lose_ppm))
			continue;
		add_odd_event(c);
		bool was = change->before && !sim_cluster_change(cluster, change->before)->gone;
		add_object(c,
			   change->gone ? "DELETED"
			   : was        ? "MODIFIED"
					: "ADDED",
			   change->n, change->gone ? change->before : c->sent, c->sent);
		c->a->counts.deletions += change->gone;
	}
}

static void open_watch(struct conn *c, uint32_t from)
{
	write_head(c, 200, type_of(c, true), 0);
	c->watching = true;
	c->sent = from;
	c->ends_ns = nd_world_now_ns() + ND_S(20 + draw(280));
	c->bookmark_ns = nd_world_now_ns() + ND_S(10 + draw(50));
}

/* A watch that begins with a list. */
static void send_stream(struct conn *c)
{
	uint32_t now = sim_cluster_version(c->a->cluster);

	c->a->counts.streams++;
	open_watch(c, now);
	for (unsigned n = 0; n < c->a->cluster->objects; n++) {
		uint32_t written = sim_cluster_at(c->a->cluster, c->kind, n, now);
		if (!written)
			continue;
		add_odd_event(c);
		add_object(c, "ADDED", n, written, written);
	}
	sim_encode_bookmark(c->pb, c->kind, now, true, &c->body);
}

static void add_page_item(struct conn *c, struct sim_page *page, unsigned n, uint32_t written)
{
	struct sim_object s;

	if (happens(c->a->mood.odd_ppm)) {
		c->a->counts.odd++;
		sim_odd_item(page);
	}
	sim_cluster_object(c->kind, n, written, &s);
	sim_encode_page_item(page, &s);
}

static void finish_page(struct conn *c, struct sim_page *page)
{
	write_head(c, 200, type_of(c, false), 0);
	sim_encode_page(page, &c->body);
	nd_buf_clear(&page->items);
}

static void send_endless_page(struct conn *c, const char *more)
{
	const struct sim_cluster *cluster = c->a->cluster;
	struct sim_page page = { .pb = c->pb, .kind = c->kind };
	char next[32];

	if (!c->a->mood.endless_ppm) {
		refuse(c, &expired);
		return;
	}
	c->a->counts.endless++;
	page.version = sim_cluster_version(cluster);
	page.more = next;
	nd_buf_init(&page.items, OUT_MAX);
	for (unsigned i = sim_odd_list_next(&c->a->endless[c->kind], more, next); i; i--) {
		unsigned n = draw(cluster->objects);
		uint32_t written = sim_cluster_at(cluster, c->kind, n, page.version);
		if (written)
			add_page_item(c, &page, n, written);
	}
	finish_page(c, &page);
}

/* more: the continue token, "VERSION.NUMBER": where the previous page ended. */
static void send_page(struct conn *c, const char *more, unsigned limit)
{
	struct sim_cluster *cluster = c->a->cluster;
	unsigned n = 0, version = sim_cluster_version(cluster), items = 0;
	struct sim_page page = { .pb = c->pb, .kind = c->kind };
	char next[32] = "";

	if (sim_odd_list_owns(more) || (!more[0] && happens(c->a->mood.endless_ppm))) {
		send_endless_page(c, more);
		return;
	}
	if (more[0] && sscanf(more, "%u.%u", &version, &n) != 2) {
		refuse(c, &(struct sim_status){ 400, "BadRequest", "continue", 0 });
		return;
	}
	if (version < cluster->compacted) {
		c->a->counts.expired++;
		refuse(c, &expired);
		return;
	}
	c->a->counts.pages++;
	c->a->counts.more_pages += more[0] != '\0';
	nd_buf_init(&page.items, OUT_MAX);
	for (; n < cluster->objects && !next[0]; n++) {
		uint32_t written = sim_cluster_at(cluster, c->kind, n, version);
		if (written && items == limit) {
			snprintf(next, sizeof next, "%u.%u", version, n);
		} else if (written) {
			add_page_item(c, &page, n, written);
			items++;
		}
	}
	page.version = version;
	page.more = next;
	finish_page(c, &page);
}

static void send_watch(struct conn *c, uint32_t from)
{
	if (from >= c->a->cluster->compacted) {
		c->a->counts.watches++;
		open_watch(c, from);
		return;
	}
	c->a->counts.expired++;
	if (draw(2)) {
		refuse(c, &expired);
		return;
	}
	write_head(c, 200, type_of(c, true), 0);
	sim_encode_error(c->pb, &expired, &c->body);
}

/* --- requests --- */

/* The value of a parameter of the query; "": none. */
static const char *get_value(const char *query, const char *name, char text[64])
{
	size_t n = strlen(name);

	text[0] = '\0';
	for (const char *at = query; at; at = strchr(at, '&') ? strchr(at, '&') + 1 : NULL)
		if (strncmp(at, name, n) == 0 && at[n] == '=')
			snprintf(text, 64, "%.*s", (int)strcspn(at + n + 1, "& "), at + n + 1);
	return text;
}

static int find_kind(const char *target)
{
	for (int k = 0; k < SIM_KINDS; k++) {
		size_t n = strlen(paths[k]);
		if (strncmp(target, paths[k], n) == 0 && target[n] == '?')
			return k;
	}
	return -1;
}

/* As the API server: the first supported type in Accept. */
static bool wants_protobuf(const struct conn *c, const char *request)
{
	const char *accept = strstr(request, "\r\nAccept: ");

	return accept && !c->a->mood.no_protobuf &&
	       strncmp(accept + 10, "application/vnd.kubernetes.protobuf", 35) == 0;
}

static void respond(struct conn *c, const char *request)
{
	struct sim_api *a = c->a;
	const struct sim_api_mood *m = &a->mood;
	char text[64];
	int kind = strncmp(request, "GET ", 4) == 0 ? find_kind(request + 4) : -1;

	ND_ASSERT(kind >= 0);
	const char *query = strchr(request, '?') + 1;
	uint32_t from = (uint32_t)strtoul(get_value(query, "resourceVersion", text), NULL, 10);
	bool is_watch = get_value(query, "watch", text)[0] == '1';
	c->kind = (enum nd_object_kind)kind;
	c->pb = wants_protobuf(c, request);
	c->answering = true;
	c->raw = c->watching = false;
	a->counts.protobuf += c->pb;
	a->counts.json += !c->pb;
	if (happens(m->silent_ppm)) {
		a->counts.silent++;
		c->mute = true;
	} else if (happens(m->refuse_ppm)) {
		refuse(c, any_refusal());
	} else if (happens(m->garbage_ppm)) {
		send_garbage(c, is_watch, from);
	} else if (!is_watch) {
		unsigned limit = (unsigned)strtoul(get_value(query, "limit", text), NULL, 10);
		limit = limit < m->page ? limit : m->page;
		send_page(c, get_value(query, "continue", text), limit);
	} else if (get_value(query, "sendInitialEvents", text)[0]) {
		if (m->no_stream)
			refuse(c, &(struct sim_status){ 422, "Invalid", "sendInitialEvents", 0 });
		else
			send_stream(c);
	} else {
		send_watch(c, from);
	}
	schedule(c, draw_pause(c));
}

static void on_data(void *ctx, struct nd_tcp *tcp, const uint8_t *bytes, size_t n)
{
	struct conn *c = ctx;
	const char *end;
	(void)tcp;

	nd_buf_add(&c->in, bytes, n);
	ND_ASSERT(!c->in.err);
	if (c->answering || !(end = strstr(nd_buf_string(&c->in), "\r\n\r\n")))
		return;
	respond(c, c->in.data);
	nd_buf_drop(&c->in, (size_t)(end + 4 - c->in.data));
}

static void on_close(void *ctx, struct nd_tcp *tcp, int err)
{
	struct conn *c = ctx;
	(void)tcp;
	(void)err;

	c->tcp = NULL;
	free_conn(c);
}

static void on_accept(void *ctx, struct nd_tcp *tcp)
{
	struct sim_api *a = ctx;
	struct conn *c = calloc(1, sizeof *c);

	ND_ASSERT(c);
	c->a = a;
	c->tcp = tcp;
	nd_buf_init(&c->in, REQUEST_MAX);
	nd_buf_init(&c->head, REQUEST_MAX);
	nd_buf_init(&c->body, OUT_MAX);
	nd_list_add(&a->conns, &c->link);
	nd_tcp_start(tcp, &(struct nd_tcp_handler){
				  .ctx = c, .on_data = on_data, .on_close = on_close });
}

/* --- writing, piece by piece --- */

static void add_chunk(struct nd_buf *to, const char *bytes, size_t n)
{
	nd_buf_printf(to, "%zx\r\n", n);
	nd_buf_add(to, bytes, n);
	nd_buf_text(to, "\r\n");
}

/* The next bytes to write; none: everything so far was written. */
static void take_piece(struct conn *c, struct nd_buf *to)
{
	size_t n = c->body.len;

	if (c->head.len) {
		nd_buf_add(to, c->head.data, c->head.len);
		nd_buf_reset(&c->head);
	}
	if (!n)
		return;
	if (n > 1 && draw(2))
		n = 1 + draw((uint32_t)(n > PIECE_MAX ? PIECE_MAX : n) - 1);
	if (c->raw)
		nd_buf_add(to, c->body.data, n);
	else
		add_chunk(to, c->body.data, n);
	nd_buf_drop(&c->body, n);
}

/* Faults during a response. True: c was freed. */
static bool inject_fault(struct conn *c, const struct nd_buf *piece)
{
	struct sim_api *a = c->a;

	if (happens(a->mood.mute_ppm)) {
		a->counts.mute++;
		c->mute = true;
		return false;
	}
	if (!happens(a->mood.cut_ppm))
		return false;
	a->counts.cut++;
	nd_tcp_write(c->tcp, piece->data, draw((uint32_t)piece->len));
	free_conn(c);
	return true;
}

/* As a proxy whose upstream has failed: the body ends as if it were complete. */
static void end_early(struct conn *c)
{
	if (!c->body.len || !happens(c->a->mood.short_ppm))
		return;
	c->a->counts.cut_short++;
	nd_buf_reset(&c->body);
	c->watching = false;
}

static void continue_watch(struct conn *c)
{
	uint64_t now = nd_world_now_ns();

	add_events(c);
	if (now >= c->bookmark_ns) {
		sim_encode_bookmark(c->pb, c->kind, c->sent, false, &c->body);
		c->a->counts.bookmarks++;
		c->bookmark_ns = now + ND_S(10 + draw(50));
		if (happens(c->a->mood.expire_ppm)) {
			c->a->counts.errors++;
			sim_encode_error(c->pb, draw(2) ? &expired : any_refusal(), &c->body);
			c->watching = false;
		}
	}
	if (now >= c->ends_ns) {
		c->a->counts.ended++;
		c->watching = false;
	}
}

static void on_timer(struct nd_timer *t)
{
	struct conn *c = ND_CONTAINER(t, struct conn, timer);
	struct nd_buf piece;
	uint64_t now = nd_world_now_ns();

	if (c->mute)
		return;
	if (c->watching)
		continue_watch(c);
	nd_buf_init(&piece, OUT_MAX);
	take_piece(c, &piece);
	end_early(c);
	bool last = !c->watching && !c->body.len;
	if (last && !c->raw)
		nd_buf_text(&piece, "0\r\n\r\n");
	ND_ASSERT(!piece.err && !c->body.err && !c->head.err);
	bool gone = piece.len && inject_fault(c, &piece);
	if (!gone && !c->mute && piece.len)
		nd_tcp_write(c->tcp, piece.data, piece.len);
	nd_buf_clear(&piece);
	if (gone || c->mute)
		return;
	if (last && c->raw) {
		free_conn(c);
		return;
	}
	if (last)
		c->answering = false;
	else if (c->body.len)
		schedule(c, draw_pause(c));
	else
		schedule(c, (c->bookmark_ns < c->ends_ns ? c->bookmark_ns : c->ends_ns) - now);
}

void sim_api_changed(struct sim_api *a)
{
	ND_LIST_EACH(&a->conns, it) {
		struct conn *c = ND_LIST_ENTRY(it, struct conn, link);
		if (c->watching && !c->mute && !c->body.len)
			schedule(c, draw_pause(c));
	}
}

/* --- the server --- */

struct sim_api *sim_api_new(struct nd_loop *loop, const struct nd_addr *addr,
			    struct sim_cluster *cluster)
{
	struct sim_api *a = calloc(1, sizeof *a);

	ND_ASSERT(a);
	*a = (struct sim_api){ .loop = loop, .addr = *addr, .cluster = cluster };
	nd_list_init(&a->conns);
	return a;
}

void sim_api_set_up(struct sim_api *a, bool up)
{
	if (up == (a->listener != NULL))
		return;
	if (up) {
		ND_ASSERT(nd_tcp_listen(a->loop, &a->addr, &(struct nd_tcp_options){ 0 }, on_accept,
					a, &a->listener) == 0);
		return;
	}
	nd_tcp_listener_close(a->listener);
	a->listener = NULL;
	while (!nd_list_empty(&a->conns))
		free_conn(ND_LIST_ENTRY(a->conns.next, struct conn, link));
}

void sim_api_free(struct sim_api *a)
{
	sim_api_set_up(a, false);
	while (!nd_list_empty(&a->conns))
		free_conn(ND_LIST_ENTRY(a->conns.next, struct conn, link));
	free(a);
}

void sim_api_set_mood(struct sim_api *a, const struct sim_api_mood *mood)
{
	a->mood = *mood;
}

const char *sim_api_failure(const struct sim_api *a)
{
	for (size_t i = 0; i < SIM_KINDS; i++)
		if (a->endless[i].failure[0])
			return a->endless[i].failure;
	return NULL;
}

struct sim_api_counts sim_api_counts(const struct sim_api *a)
{
	return a->counts;
}
