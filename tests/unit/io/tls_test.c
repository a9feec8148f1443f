/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/clock.h"
#include "io/tcp.h"
#include "io/thread.h"
#include "io/tls.h"
#include "support/tlspeer.h"

#define NAMES "DNS:api.example,DNS:*.wild.example,IP:127.0.0.1,IP:::1"

enum { DAY = 86400, LARGE = 3000000 };

/* Created once: keys take time. */
static struct nd_tlspeer_cert ca, other_ca, good, expired, future, stranger, by_cn, client, self;

static int make_certs(void **state)
{
	(void)state;
	ca = nd_tlspeer_cert("our authority", NULL, NULL, -DAY, DAY);
	other_ca = nd_tlspeer_cert("another", NULL, NULL, -DAY, DAY);
	good = nd_tlspeer_cert("server", &ca, NAMES, -DAY, DAY);
	expired = nd_tlspeer_cert("old server", &ca, NAMES, -2 * DAY, -DAY);
	future = nd_tlspeer_cert("next server", &ca, NAMES, DAY, 2 * DAY);
	stranger = nd_tlspeer_cert("stranger", &other_ca, NAMES, -DAY, DAY);
	by_cn = nd_tlspeer_cert("api.example", &ca, "", -DAY, DAY);
	client = nd_tlspeer_cert("client", &ca, "DNS:client", -DAY, DAY);
	self = nd_tlspeer_cert("alone", NULL, NAMES, -DAY, DAY);
	return 0;
}

static int clear_certs(void **state)
{
	struct nd_tlspeer_cert *all[] = { &ca,       &other_ca, &good,   &expired, &future,
					  &stranger, &by_cn,    &client, &self };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(all); i++)
		nd_tlspeer_cert_clear(all[i]);
	return 0;
}

struct rig {
	struct nd_loop *loop;
	struct nd_tlspeer *peer;
	struct nd_tlspeer_conn *conn; /* the peer's */
	struct nd_tls *tls;
	struct nd_tls_target target;
	struct nd_tls_stream *stream; /* NULL: closed */
	struct nd_timer limit;
	struct nd_buf got, peer_got;
	bool opened, closed, drained;
	int open_err, close_err;
	char text[ND_TLS_TEXT_MAX], alpn[16];
	/* The behaviour of on_data. */
	bool pauses, closes;
	const char *greets; /* sent by the peer in on_open */
};

static void stop(struct nd_timer *t)
{
	nd_loop_stop(ND_CONTAINER(t, struct rig, limit)->loop);
}

static void run(struct rig *r, unsigned ms)
{
	nd_timer_start(r->loop, &r->limit, ND_MS(ms), stop);
	nd_loop_run(r->loop);
	nd_timer_stop(&r->limit);
}

#define RUN_UNTIL(r, cond)                                    \
	for (int step_ = 0; step_ < 4000 && !(cond); step_++) \
	run(r, 1)

static void *peer_open(void *ctx, struct nd_tlspeer_conn *c)
{
	struct rig *r = ctx;

	r->conn = c;
	if (r->greets)
		nd_tlspeer_write(c, r->greets, strlen(r->greets));
	return r;
}

static void peer_data(void *self_, struct nd_tlspeer_conn *c, const uint8_t *bytes, size_t n)
{
	struct rig *r = self_;
	(void)c;

	nd_buf_add(&r->peer_got, bytes, n);
}

static void peer_gone(void *self_)
{
	struct rig *r = self_;

	r->conn = NULL;
}

static void on_open(void *ctx, struct nd_tls_stream *s, int err)
{
	struct rig *r = ctx;

	r->opened = true;
	r->open_err = err;
	snprintf(r->text, sizeof r->text, "%s", nd_tls_error_text(s));
	snprintf(r->alpn, sizeof r->alpn, "%s", nd_tls_alpn(s));
	if (err)
		r->stream = NULL;
}

static void on_data(void *ctx, struct nd_tls_stream *s, const uint8_t *bytes, size_t n)
{
	struct rig *r = ctx;

	nd_buf_add(&r->got, bytes, n);
	if (r->pauses)
		nd_tls_pause(s, true);
	if (r->closes) {
		nd_tls_close(s);
		r->stream = NULL;
	}
}

static void on_close(void *ctx, struct nd_tls_stream *s, int err)
{
	struct rig *r = ctx;

	r->closed = true;
	r->close_err = err;
	r->stream = NULL;
	snprintf(r->text, sizeof r->text, "%s", nd_tls_error_text(s));
}

static void on_drain(void *ctx, struct nd_tls_stream *s)
{
	(void)s;
	((struct rig *)ctx)->drained = true;
}

static struct nd_tls_pem pem(const char *text)
{
	return (struct nd_tls_pem){ .bytes = text, .len = text ? strlen(text) : 0 };
}

static void open_rig(struct rig *r, const struct nd_tlspeer_options *peer,
		     const struct nd_tls_options *o, const char *name, const char *alpn)
{
	struct nd_tlspeer_options po = *peer;

	*r = (struct rig){ .loop = nd_loop_new() };
	nd_buf_init(&r->got, 64 << 20);
	nd_buf_init(&r->peer_got, 64 << 20);
	po.ctx = r;
	po.on_open = peer_open;
	po.on_data = peer_data;
	po.on_gone = peer_gone;
	r->peer = nd_tlspeer_new(r->loop, &po);
	struct nd_addr at = nd_tlspeer_addr(r->peer);
	assert_int_equal(nd_tls_new(o, &r->tls), 0);
	assert_int_equal(nd_tls_target_init(&r->target, r->tls, &at, name, alpn), 0);
}

static int dial(struct rig *r)
{
	struct nd_tls_handler h = { .ctx = r,
				    .on_open = on_open,
				    .on_data = on_data,
				    .on_close = on_close,
				    .on_drain = on_drain };

	r->opened = r->closed = false;
	r->stream = NULL;
	return nd_tls_connect(r->loop, &r->target, NULL, &h, &r->stream, r->text);
}

static void close_rig(struct rig *r)
{
	nd_tls_close(r->stream);
	nd_tlspeer_free(r->peer);
	nd_tls_target_clear(&r->target);
	nd_tls_unref(r->tls);
	nd_loop_free(r->loop);
	nd_buf_clear(&r->got);
	nd_buf_clear(&r->peer_got);
}

/* Certificates that are accepted or rejected. */
static void test_trust(void **state)
{
	const struct {
		const char *name;
		const struct nd_tlspeer_cert *server;
		const char *ca, *who;
		bool insecure;
		int err;
		const char *text;
	} rows[] = {
		{ "by name", &good, ca.cert, "api.example", false, 0, "" },
		{ "case, and a dot", &good, ca.cert, "API.example.", false, 0, "" },
		{ "wildcard", &good, ca.cert, "x.wild.example", false, 0, "" },
		{ "by address", &good, ca.cert, "127.0.0.1", false, 0, "" },
		{ "by IPv6 address", &good, ca.cert, "::1", false, 0, "" },
		{ "trusted itself", &good, good.cert, "api.example", false, 0, "" },
		{ "self-signed, trusted", &self, self.cert, "127.0.0.1", false, 0, "" },
		{ "wrong name", &good, ca.cert, "www.example", false, ND_ETLS,
		  "is for api.example, *.wild.example, 127.0.0.1, ::1, not for www.example" },
		{ "two labels for a *", &good, ca.cert, "a.b.wild.example", false, ND_ETLS,
		  "not for" },
		{ "wrong address", &good, ca.cert, "127.0.0.2", false, ND_ETLS,
		  "not for 127.0.0.2" },
		{ "common name", &by_cn, ca.cert, "api.example", false, ND_ETLS,
		  "is for no name, not for" },
		{ "expired", &expired, ca.cert, "127.0.0.1", false, ND_ETLS,
		  "of /CN=old server expired on 20" },
		{ "not yet", &future, ca.cert, "127.0.0.1", false, ND_ETLS,
		  "of /CN=next server is not valid before 20" },
		{ "unknown authority", &stranger, ca.cert, "127.0.0.1", false, ND_ETLS,
		  "signed by an unknown authority: /CN=another" },
		{ "self-signed", &self, ca.cert, "127.0.0.1", false, ND_ETLS,
		  "signed by an unknown authority: /CN=alone" },
		{ "system's authorities", &good, NULL, "127.0.0.1", false, ND_ETLS,
		  "signed by an unknown authority: /CN=our authority" },
		{ "insecure", &stranger, NULL, "www.example", true, 0, "" },
		{ "insecure, expired", &expired, ca.cert, "www.example", true, 0, "" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct rig r;
		open_rig(&r, &(struct nd_tlspeer_options){ .own = rows[i].server },
			 &(struct nd_tls_options){ .ca = pem(rows[i].ca),
						   .insecure = rows[i].insecure },
			 rows[i].who, NULL);
		assert_int_equal(dial(&r), 0);
		assert_false(r.opened);
		RUN_UNTIL(&r, r.opened);
		if (!r.opened || r.open_err != rows[i].err ||
		    (rows[i].err && !strstr(r.text, rows[i].text)) || (!rows[i].err && r.text[0]))
			fail_msg("%s: %d, %s", rows[i].name, r.open_err, r.text);
		close_rig(&r);
	}
}

/* Files and inline bytes of the configuration. */
static void test_files(void **state)
{
	static const char encrypted[] = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
					"DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
					"AAAAAAAAAAAAAAAAAAAAAA==\n-----END RSA PRIVATE KEY-----\n";
	const struct {
		const char *name;
		struct nd_tls_options o;
		int err;
		const char *text;
	} rows[] = {
		{ "nothing", { .insecure = true }, 0, "" },
		{ "no such file",
		  { .ca.file = "/nonexistent/ca" },
		  -ENOENT,
		  "CA certificates /nonexistent/ca: No such file" },
		{ "not PEM",
		  { .ca = pem("hello") },
		  ND_ETLS,
		  "CA certificates (inline data): contains no certificate" },
		{ "empty", { .ca = pem("") }, ND_ETLS, "no certificate" },
		{ "damaged",
		  { .ca = pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") },
		  ND_ETLS,
		  "CA certificates (inline data): " },
		{ "key alone",
		  { .ca = pem(ca.cert), .key = pem(client.key) },
		  ND_ETLS,
		  "client key without a certificate" },
		{ "certificate alone",
		  { .ca = pem(ca.cert), .cert = pem(client.cert) },
		  ND_ETLS,
		  "client certificate without a key" },
		{ "key of another",
		  { .ca = pem(ca.cert), .cert = pem(client.cert), .key = pem(good.key) },
		  ND_ETLS,
		  "client key (inline data): does not match" },
		{ "encrypted key",
		  { .ca = pem(ca.cert), .cert = pem(client.cert), .key = pem(encrypted) },
		  ND_ETLS,
		  "is encrypted" },
		{ "no key",
		  { .ca = pem(ca.cert), .cert = pem(client.cert), .key = pem(client.cert) },
		  ND_ETLS,
		  "contains no private key" },
		{ "all there",
		  { .ca = pem(ca.cert), .cert = pem(client.cert), .key = pem(client.key) },
		  0,
		  "" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[ND_TLS_TEXT_MAX] = "?";
		struct nd_tls *t;
		assert_int_equal(nd_tls_new(&rows[i].o, &t), 0);
		int err = nd_tls_prepare(t, text);
		if (err != rows[i].err || (err ? !strstr(text, rows[i].text) : text[0]))
			fail_msg("%s: %d, %s", rows[i].name, err, text);
		nd_tls_unref(t);
	}
}

/* Files work like inline bytes; one file may have many authorities. */
static void test_bundle(void **state)
{
	char path[] = "/tmp/nd_tls_XXXXXX";
	struct rig r;
	(void)state;

	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_true(dprintf(fd, "# text\n%s%s", other_ca.cert, ca.cert) > 0);
	close(fd);
	open_rig(&r, &(struct nd_tlspeer_options){ .own = &good },
		 &(struct nd_tls_options){ .ca.file = path }, "127.0.0.1", NULL);
	assert_int_equal(dial(&r), 0);
	unlink(path);
	RUN_UNTIL(&r, r.opened);
	assert_int_equal(r.open_err, 0);
	close_rig(&r);
}

static void test_client_certificate(void **state)
{
	const struct {
		const char *name, *cert, *key;
		bool fine;
	} rows[] = { { "none", NULL, NULL, false },
		     { "of another authority", stranger.cert, stranger.key, false },
		     { "right", client.cert, client.key, true } };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct rig r;
		open_rig(&r, &(struct nd_tlspeer_options){ .own = &good, .client_ca = &ca },
			 &(struct nd_tls_options){ .ca = pem(ca.cert),
						   .cert = pem(rows[i].cert),
						   .key = pem(rows[i].key) },
			 "127.0.0.1", NULL);
		assert_int_equal(dial(&r), 0);
		/* In TLS 1.3 the client finishes before the server has verified it. */
		RUN_UNTIL(&r, r.conn || r.closed || r.open_err);
		if (rows[i].fine != (r.conn != NULL))
			fail_msg("%s: %s", rows[i].name, r.text);
		if (!rows[i].fine) {
			assert_int_equal(r.closed ? r.close_err : r.open_err, ND_ETLS);
			if (!strstr(r.text, "alert"))
				fail_msg("%s: %s", rows[i].name, r.text);
		}
		close_rig(&r);
	}
}

static void test_alpn(void **state)
{
	static const struct {
		const char *offer, *picks, *got;
	} rows[] = { { "h2,http/1.1", "h2", "h2" },
		     { "h2,http/1.1", "http/1.1", "http/1.1" },
		     { "h2", "http/1.1", "" },
		     { NULL, "h2", "" },
		     { "h2,http/1.1", NULL, "" } };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct rig r;
		open_rig(&r, &(struct nd_tlspeer_options){ .own = &good, .alpn = rows[i].picks },
			 &(struct nd_tls_options){ .ca = pem(ca.cert) }, "127.0.0.1",
			 rows[i].offer);
		assert_int_equal(dial(&r), 0);
		RUN_UNTIL(&r, r.opened);
		assert_int_equal(r.open_err, 0);
		assert_string_equal(r.alpn, rows[i].got);
		close_rig(&r);
	}
}

/* The second connection resumes the session of the first, however that ended. */
static void test_resumption(void **state)
{
	(void)state;

	for (int how = 0; how < 3; how++) {
		struct rig r;
		unsigned done, resumed, failed;
		open_rig(&r, &(struct nd_tlspeer_options){ .own = &good },
			 &(struct nd_tls_options){ .ca = pem(ca.cert) }, "127.0.0.1", NULL);
		r.greets = "hello";
		for (int i = 0; i < 2; i++) {
			assert_int_equal(dial(&r), 0);
			RUN_UNTIL(&r, r.got.len == (size_t)(i + 1) * 5);
			if (how == 0) {
				nd_tls_close(r.stream);
				r.stream = NULL;
			} else {
				nd_tlspeer_close(r.conn, how == 1);
				RUN_UNTIL(&r, r.closed);
				assert_int_equal(r.close_err, how == 1 ? 0 : ND_ECLOSED);
			}
			r.conn = NULL;
		}
		nd_tlspeer_counts(r.peer, &done, &resumed, &failed);
		assert_int_equal(done, 2);
		assert_int_equal(resumed, 1);
		assert_int_equal(r.target.resumed, 1);
		close_rig(&r);
	}
}

/* Much data both ways, some written before the handshake; the reader keeps pausing. */
static void test_bytes(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, &(struct nd_tlspeer_options){ .own = &good },
		 &(struct nd_tls_options){ .ca = pem(ca.cert) }, "127.0.0.1", NULL);
	char *large = malloc(LARGE);
	for (size_t i = 0; i < LARGE; i++)
		large[i] = (char)(i % 253);
	r.pauses = true;
	assert_int_equal(dial(&r), 0);
	assert_int_equal(nd_tls_write(r.stream, large, 1000), 0);
	RUN_UNTIL(&r, r.conn && r.peer_got.len == 1000);
	assert_memory_equal(r.peer_got.data, large, 1000);
	nd_tls_set_max_queued(r.stream, LARGE / 2);
	assert_int_equal(nd_tls_write(r.stream, large, LARGE), ND_ELIMIT);
	assert_int_equal(nd_tls_write(r.stream, large + 1000, LARGE / 2 - 100000), 0);
	r.drained = false;
	RUN_UNTIL(&r, r.drained && r.peer_got.len == LARGE / 2 - 99000);
	assert_true(r.drained);
	assert_memory_equal(r.peer_got.data, large, LARGE / 2 - 99000);

	nd_tlspeer_write(r.conn, large, LARGE);
	RUN_UNTIL(&r, r.got.len);
	run(&r, 30);
	assert_true(r.got.len <= 16384);
	while (r.stream && r.got.len < LARGE) {
		size_t had = r.got.len;
		nd_tls_pause(r.stream, false);
		assert_int_equal(r.got.len, had); /* no callback runs inside */
		RUN_UNTIL(&r, r.got.len > had);
		assert_true(r.got.len - had > 0 && r.got.len - had <= 16384);
	}
	assert_memory_equal(r.got.data, large, LARGE);
	free(large);
	close_rig(&r);
}

static void test_close_inside(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, &(struct nd_tlspeer_options){ .own = &good },
		 &(struct nd_tls_options){ .ca = pem(ca.cert) }, "127.0.0.1", NULL);
	r.greets = "hello";
	r.closes = true;
	assert_int_equal(dial(&r), 0);
	RUN_UNTIL(&r, r.got.len && !r.conn);
	assert_false(r.closed);
	assert_null(r.conn);
	close_rig(&r);
}

/* A server that sends the row's bytes, and may close. */
struct fake {
	struct rig *r;
	const char *says;
	size_t len;
	bool closes;
	struct nd_tcp *c;
};

static void fake_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct fake *f = ctx;
	(void)bytes;
	(void)n;

	nd_tcp_write(c, f->says, f->len);
	if (f->closes) {
		nd_tcp_close(c);
		f->c = NULL;
	}
}

static void fake_close(void *ctx, struct nd_tcp *c, int err)
{
	(void)c;
	(void)err;
	((struct fake *)ctx)->c = NULL;
}

static void fake_accept(void *ctx, struct nd_tcp *c)
{
	struct fake *f = ctx;

	f->c = c;
	nd_tcp_start(c, &(struct nd_tcp_handler){
				.ctx = f, .on_data = fake_data, .on_close = fake_close });
}

static void test_no_tls(void **state)
{
	static const struct {
		const char *name, *says;
		size_t len;
		bool closes;
		int err;
		const char *text;
	} rows[] = {
		{ "plain HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", 28, false, ND_ETLS,
		  "does not speak TLS" },
		{ "cut", "", 0, true, ND_ECLOSED, "during the handshake" },
		{ "cut in a record", "\x16\x03\x03\x01", 4, true, ND_ECLOSED,
		  "during the handshake" },
		{ "alert", "\x15\x03\x03\0\x02\x02\x28", 7, false, ND_ETLS, "handshake failure" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct rig r;
		struct fake f = {
			.r = &r, .says = rows[i].says, .len = rows[i].len, .closes = rows[i].closes
		};
		struct nd_tcp_listener *l;
		struct nd_addr at;
		open_rig(&r, &(struct nd_tlspeer_options){ .own = &good },
			 &(struct nd_tls_options){ .ca = pem(ca.cert) }, "127.0.0.1", NULL);
		nd_addr_parse("127.0.0.1:0", 0, &at);
		assert_int_equal(nd_tcp_listen(r.loop, &at, &(struct nd_tcp_options){ 0 },
					       fake_accept, &f, &l),
				 0);
		r.target.addr = nd_tcp_listener_local(l);
		assert_int_equal(dial(&r), 0);
		RUN_UNTIL(&r, r.opened);
		if (r.open_err != rows[i].err || !strstr(r.text, rows[i].text))
			fail_msg("%s: %d, %s", rows[i].name, r.open_err, r.text);
		nd_tcp_close(f.c);
		nd_tcp_listener_close(l);
		close_rig(&r);
	}
}

static void test_refused(void **state)
{
	struct rig r;
	(void)state;

	open_rig(&r, &(struct nd_tlspeer_options){ .own = &good },
		 &(struct nd_tls_options){ .ca = pem(ca.cert) }, "127.0.0.1", NULL);
	nd_addr_parse("127.0.0.1:1", 0, &r.target.addr);
	assert_int_equal(dial(&r), 0);
	RUN_UNTIL(&r, r.opened);
	assert_int_equal(r.open_err, -ECONNREFUSED);
	assert_string_equal(r.text, "connect: Connection refused");
	/* Invalid targets. */
	struct nd_tls_target t;
	assert_int_equal(nd_tls_target_init(&t, r.tls, &r.target.addr, "", NULL), ND_EFORMAT);
	assert_int_equal(nd_tls_target_init(&t, r.tls, &r.target.addr, "a b", NULL), ND_EFORMAT);
	close_rig(&r);
}

/* A proxy that cuts the connection after a number of bytes from the server. */
struct relay {
	struct nd_loop *loop;
	struct nd_tcp *near, *far;
	struct nd_addr to;
	size_t passed, cut_at;
};

static void cut(struct relay *y)
{
	nd_tcp_close(y->near);
	nd_tcp_close(y->far);
	y->near = y->far = NULL;
}

static void relay_data(void *ctx, struct nd_tcp *c, const uint8_t *bytes, size_t n)
{
	struct relay *y = ctx;
	size_t left = y->cut_at - y->passed;

	if (c == y->near) {
		nd_tcp_write(y->far, bytes, n);
		return;
	}
	n = n < left ? n : left;
	nd_tcp_write(y->near, bytes, n);
	y->passed += n;
	if (y->passed == y->cut_at)
		cut(y);
}

static void relay_close(void *ctx, struct nd_tcp *c, int err)
{
	struct relay *y = ctx;
	(void)err;

	if (c == y->near)
		y->near = NULL;
	else
		y->far = NULL;
	cut(y);
}

static void relay_open(void *ctx, struct nd_tcp *c, int err)
{
	(void)ctx;
	(void)c;
	assert_int_equal(err, 0);
}

static void relay_accept(void *ctx, struct nd_tcp *c)
{
	struct relay *y = ctx;
	struct nd_tcp_handler h = {
		.ctx = y, .on_open = relay_open, .on_data = relay_data, .on_close = relay_close
	};

	y->near = c;
	assert_int_equal(nd_tcp_connect(y->loop, &y->to, NULL, &h, &y->far), 0);
	nd_tcp_start(c, &h);
}

/* Reported once, as an error, wherever the server's bytes end: in the handshake, in a record, after
 * the last record. */
static void test_cut(void **state)
{
	unsigned opened = 0, unopened = 0;
	(void)state;

	for (size_t at = 1; at < 4000; at += at < 60 ? 3 : 53) {
		struct nd_tcp_listener *l;
		struct nd_addr near;
		struct rig r;
		open_rig(&r, &(struct nd_tlspeer_options){ .own = &good },
			 &(struct nd_tls_options){ .ca = pem(ca.cert) }, "127.0.0.1", NULL);
		struct relay y = { .loop = r.loop, .to = r.target.addr, .cut_at = at };
		char large[3000] = "";
		memset(large, 'x', sizeof large - 1);
		r.greets = large;
		nd_addr_parse("127.0.0.1:0", 0, &near);
		assert_int_equal(nd_tcp_listen(r.loop, &near, &(struct nd_tcp_options){ 0 },
					       relay_accept, &y, &l),
				 0);
		r.target.addr = nd_tcp_listener_local(l);
		assert_int_equal(dial(&r), 0);
		RUN_UNTIL(&r, r.open_err || r.closed);
		if (r.closed ? r.open_err || r.close_err != ND_ECLOSED : r.open_err != ND_ECLOSED)
			fail_msg("cut at %zu: opened %d: %d, closed %d: %d, %s", at, r.opened,
				 r.open_err, r.closed, r.close_err, r.text);
		for (size_t i = 0; i < r.got.len; i++)
			assert_int_equal(r.got.data[i], 'x');
		opened += r.closed;
		unopened += !r.closed;
		cut(&y);
		nd_tcp_listener_close(l);
		close_rig(&r);
	}
	assert_true(opened > 10 && unopened > 20);
}

/* Threads share a configuration and all try to create its context. */
struct worker {
	struct nd_thread *thread;
	struct nd_tls *tls;
	struct nd_addr at;
	int err;
};

static void work(void *arg)
{
	struct worker *w = arg;
	struct rig r = { .loop = nd_loop_new(), .open_err = ND_ETIME };

	w->err = nd_tls_target_init(&r.target, w->tls, &w->at, "127.0.0.1", NULL);
	if (!w->err)
		w->err = dial(&r);
	RUN_UNTIL(&r, r.opened || w->err);
	nd_tls_close(r.stream);
	w->err = w->err ? w->err : r.open_err;
	nd_tls_target_clear(&r.target);
	nd_tls_unref(w->tls);
	nd_loop_free(r.loop);
}

static void test_threads(void **state)
{
	struct worker w[4];
	struct rig r;
	unsigned done, resumed, failed;
	(void)state;

	open_rig(&r, &(struct nd_tlspeer_options){ .own = &good },
		 &(struct nd_tls_options){ .ca = pem(ca.cert) }, "127.0.0.1", NULL);
	for (size_t i = 0; i < ND_COUNT(w); i++) {
		w[i] = (struct worker){ .tls = nd_tls_ref(r.tls), .at = r.target.addr };
		assert_int_equal(nd_thread_start("tls", work, &w[i], &w[i].thread), 0);
	}
	do {
		run(&r, 1);
		nd_tlspeer_counts(r.peer, &done, &resumed, &failed);
	} while (done + failed < ND_COUNT(w));
	run(&r, 10);
	for (size_t i = 0; i < ND_COUNT(w); i++) {
		nd_thread_join(w[i].thread);
		assert_int_equal(w[i].err, 0);
	}
	assert_int_equal(done, ND_COUNT(w));
	close_rig(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trust),   cmocka_unit_test(test_files),
		cmocka_unit_test(test_bundle),  cmocka_unit_test(test_client_certificate),
		cmocka_unit_test(test_alpn),    cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_bytes),   cmocka_unit_test(test_close_inside),
		cmocka_unit_test(test_no_tls),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_threads), cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, make_certs, clear_certs);
}
