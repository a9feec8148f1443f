/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: against a server that requires client certificates and returns the Authorization
 * header it received. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "io/clock.h"
#include "kube/client.h"
#include "support/tlspeer.h"

static char folder[] = "/tmp/nd_client_XXXXXX";
static struct nd_tlspeer_cert authority, server, one, two;

static const char *path(const char *name)
{
	static char paths[4][128];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(paths[i], sizeof paths[i], "%s/%s", folder, name);
	return paths[i];
}

static void put(const char *name, const char *text)
{
	/* Through a rename, as file rotation does it: the inode changes, too. */
	FILE *f = fopen(path("new"), "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(path("new"), path(name)), 0);
}

/* --- the server: HTTP/1.1; /hang never completes --- */

static struct nd_tlspeer_conn *hanging;

static void *on_open(void *ctx, struct nd_tlspeer_conn *c)
{
	(void)ctx;
	return c;
}

static void on_request(void *self, struct nd_tlspeer_conn *c, const uint8_t *bytes, size_t n)
{
	char text[4096], answer[4096], who[1024] = "-";
	(void)self;

	/* A request is one record here. */
	snprintf(text, sizeof text, "%.*s", (int)n, (const char *)bytes);
	const char *at = strstr(text, "Authorization: ");
	if (at)
		snprintf(who, sizeof who, "%.*s", (int)strcspn(at + 15, "\r"), at + 15);
	if (strstr(text, "/hang"))
		hanging = c;
	snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
		 strlen(who) + (hanging == c ? 2 : 0), who);
	nd_tlspeer_write(c, answer, strlen(answer));
}

static void on_gone(void *self)
{
	if (self == hanging)
		hanging = NULL;
}

/* --- one request --- */

struct call {
	struct nd_loop *loop;
	struct nd_client *client;
	struct nd_timer timer;
	int status, err, ends;
	size_t nbody;
	char body[256];
	size_t stop_at; /* bytes of body; 0: the end */
};

static void on_head(void *ctx, struct nd_httpc_exchange *x, int status)
{
	struct call *c = ctx;
	(void)x;

	nd_client_release(c->client);
	c->status = status;
}

static void on_data(void *ctx, struct nd_httpc_exchange *x, const uint8_t *bytes, size_t n)
{
	struct call *c = ctx;
	(void)x;

	assert_true(c->nbody + n < sizeof c->body);
	memcpy(c->body + c->nbody, bytes, n);
	c->nbody += n;
	if (c->stop_at && c->nbody >= c->stop_at)
		nd_loop_stop(c->loop);
}

static void on_end(void *ctx, struct nd_httpc_exchange *x, int err)
{
	struct call *c = ctx;
	(void)x;

	c->ends++;
	c->err = err;
	nd_loop_stop(c->loop);
}

static void send_it(struct nd_timer *t)
{
	struct call *c = ND_CONTAINER(t, struct call, timer);
	struct nd_httpc_handler h = { c, on_head, on_data, on_end };
	uint64_t held = nd_client_delay_ns(c->client);
	struct nd_httpc_exchange *x;

	if (held) {
		nd_timer_start(c->loop, t, held, send_it);
		return;
	}
	c->err = nd_client_get(c->client, c->stop_at ? "/hang" : "/", "*/*", 0, 0, &h, &x);
	if (c->err)
		nd_loop_stop(c->loop);
}

static void get(struct call *c, struct nd_loop *loop, struct nd_client *client, size_t stop_at)
{
	*c = (struct call){ .loop = loop, .client = client, .stop_at = stop_at };
	nd_timer_start(loop, &c->timer, 0, send_it);
	nd_loop_run(loop);
}

static void expect(struct nd_loop *loop, struct nd_client *client, const char *who)
{
	struct call c;

	get(&c, loop, client, 0);
	if (c.err || c.status != 200 || strcmp(c.body, who) != 0)
		fail_msg("%d %d %s, not %s", c.err, c.status, c.body, who);
}

/* --- the tests --- */

struct world {
	struct nd_loop *loop;
	struct nd_tlspeer *peer;
	struct nd_config config;
	struct nd_client *client;
};

static void begin(struct world *w)
{
	struct nd_tlspeer_options o = { .own = &server,
					.client_ca = &authority,
					.on_open = on_open,
					.on_data = on_request,
					.on_gone = on_gone };

	w->loop = nd_loop_new();
	w->peer = nd_tlspeer_new(w->loop, &o);
	w->config = (struct nd_config){
		.addr = nd_tlspeer_addr(w->peer), .host = "127.0.0.1", .prefix = "", .tls = true
	};
	put("ca", authority.cert);
	w->config.options.ca.file = strdup(path("ca"));
}

static void connect_client(struct world *w)
{
	struct nd_client_limits none = { 0 };
	struct nd_diag d = { 0 };

	if (nd_client_new(w->loop, &w->config, &none, &w->client, &d))
		fail_msg("%s", d.text);
}

static void end(struct world *w)
{
	nd_client_free(w->client);
	nd_tlspeer_free(w->peer);
	nd_loop_free(w->loop);
	free((char *)w->config.options.ca.file);
	free((char *)w->config.options.cert.file);
	free((char *)w->config.options.key.file);
}

static unsigned handshakes(const struct world *w)
{
	unsigned done, resumed, failed;

	nd_tlspeer_counts(w->peer, &done, &resumed, &failed);
	return done;
}

static void test_rotation(void **state)
{
	struct world w = { 0 };
	struct call open;
	(void)state;

	begin(&w);
	put("cert", one.cert);
	put("key", one.key);
	w.config.options.cert.file = strdup(path("cert"));
	w.config.options.key.file = strdup(path("key"));
	w.config.token = "secret";
	connect_client(&w);
	get(&open, w.loop, w.client, 13);
	expect(w.loop, w.client, "Bearer secret");
	unsigned before = handshakes(&w);
	expect(w.loop, w.client, "Bearer secret"); /* over the kept connection */
	assert_int_equal(handshakes(&w), before);
	assert_null(nd_client_notice(w.client));

	put("cert", two.cert); /* its key is not there yet */
	expect(w.loop, w.client, "Bearer secret");
	assert_int_equal(handshakes(&w), before);
	const char *notice = nd_client_notice(w.client);
	assert_non_null(notice);
	assert_non_null(strstr(notice, "keeping the previous certificates"));
	expect(w.loop, w.client, "Bearer secret");
	assert_null(nd_client_notice(w.client)); /* reported once */

	put("key", two.key);
	expect(w.loop, w.client, "Bearer secret");
	assert_int_equal(handshakes(&w), before + 1);
	assert_null(nd_client_notice(w.client));

	/* An exchange under way completes on the old connection. */
	assert_int_equal(open.ends, 0);
	assert_non_null(hanging);
	nd_tlspeer_write(hanging, "..", 2);
	nd_loop_run(w.loop);
	assert_int_equal(open.ends, 1);
	assert_int_equal(open.err, 0);
	assert_string_equal(open.body, "Bearer secret..");

	put("ca", "");
	expect(w.loop, w.client, "Bearer secret");
	assert_non_null(nd_client_notice(w.client));
	end(&w);
}

/* When files change faster than exchanges end, the number of old connections is bounded. */
static void test_storm(void **state)
{
	struct world w = { 0 };
	struct call open[8];
	(void)state;

	begin(&w);
	put("cert", one.cert);
	put("key", one.key);
	w.config.options.cert.file = strdup(path("cert"));
	w.config.options.key.file = strdup(path("key"));
	connect_client(&w);
	for (size_t i = 0; i < ND_COUNT(open); i++) {
		put("key", one.key);
		get(&open[i], w.loop, w.client, 1);
		assert_int_equal(open[i].status, 200);
		assert_int_equal(open[i].ends, 0);
	}
	expect(w.loop, w.client, "-");
	end(&w);
}

static void test_exec(void **state)
{
	char script[1024];
	const char *const argv[] = { "sh", "-c", script, NULL }, *const env[] = { NULL };
	struct nd_exec x = { "kubeconfig", 3, "client.authentication.k8s.io/v1", NULL, argv, env };
	struct world w = { 0 };
	struct call c;
	(void)state;

	begin(&w);
	w.config.exec = &x;
	snprintf(script, sizeof script, "cat %s/answer || exit 4", folder);
	unlink(path("answer"));
	connect_client(&w);
	get(&c, w.loop, w.client, 0);
	assert_int_equal(c.err, ND_ECONF);
	assert_non_null(strstr(nd_client_error(w.client, c.err),
			       "kubeconfig:3 - exec: sh failed with exit status 4: cat: "));

	char text[16384], *to = text;
	to += sprintf(to, "{\"kind\":\"ExecCredential\",\"apiVersion\":\"%s\",\"status\":{",
		      x.version);
	to += sprintf(to, "\"token\":\"t\",\"clientCertificateData\":\"");
	const char *const pem[] = { one.cert, one.key };
	for (int i = 0; i < 2; i++) {
		for (const char *p = pem[i]; *p; p++)
			to += *p == '\n' ? sprintf(to, "\\n") : sprintf(to, "%c", *p);
		to += sprintf(to, i ? "\"}}" : "\",\"clientKeyData\":\"");
	}
	put("answer", text);
	sleep(1);
	expect(w.loop, w.client, "Bearer t");
	expect(w.loop, w.client, "Bearer t");

	/* 401: the program is run again, and now prints an invalid certificate. */
	put("answer",
	    "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\","
	    "\"status\":{\"clientCertificateData\":\"x\",\"clientKeyData\":\"y\"}}");
	sleep(1);
	nd_loop_update(w.loop);
	nd_client_discard_credential(w.client);
	get(&c, w.loop, w.client, 0);
	assert_int_equal(c.err, ND_ECONF);
	assert_non_null(strstr(nd_client_error(w.client, c.err), "client certificate"));
	end(&w);
}

/* An error in the token file is reported with its name; a previous token is kept. */
static void test_token_file(void **state)
{
	static const struct {
		const char *text; /* NULL: no file */
		const char *first, *later;
	} rows[] = {
		{ NULL, "No such file or directory; must contain a bearer token",
		  "No such file or directory; keeping the previous token" },
		{ "", "file is empty; must", "file is empty; keeping the previous token" },
		{ " \n", "file is empty; must", "file is empty; keeping" },
		{ "a b\n", "contains a blank or a control character; must",
		  "contains a blank or a control character; keeping" },
		{ "a\nb", "contains a blank or a control character; must",
		  "contains a blank or a control character; keeping" },
	};
	struct world w = { 0 };
	struct call c;
	char want[256];
	(void)state;

	begin(&w);
	w.config.options.cert.file = strdup(path("cert"));
	w.config.options.key.file = strdup(path("key"));
	put("cert", one.cert);
	put("key", one.key);
	w.config.token = "not this one"; /* the file takes precedence */
	w.config.token_file = strdup(path("token"));
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		unlink(path("token"));
		if (rows[i].text)
			put("token", rows[i].text);
		connect_client(&w);
		get(&c, w.loop, w.client, 0);
		snprintf(want, sizeof want, "token file %s: %s", path("token"), rows[i].first);
		if (c.err != ND_ECONF ||
		    strncmp(nd_client_error(w.client, c.err), want, strlen(want)) != 0)
			fail_msg("%zu: %d %s", i, c.err, nd_client_error(w.client, c.err));
		put("token", "good\n");
		expect(w.loop, w.client, "Bearer good");
		assert_null(nd_client_notice(w.client));
		unlink(path("token"));
		if (rows[i].text)
			put("token", rows[i].text);
		expect(w.loop, w.client, "Bearer good");
		const char *notice = nd_client_notice(w.client);
		snprintf(want, sizeof want, "token file %s: %s", path("token"), rows[i].later);
		if (!notice || strncmp(notice, want, strlen(want)) != 0)
			fail_msg("%zu: %s", i, notice ? notice : "(none)");
		expect(w.loop, w.client, "Bearer good");
		assert_null(nd_client_notice(w.client)); /* once */
		put("token", "better");
		expect(w.loop, w.client, "Bearer better");
		nd_client_free(w.client);
		w.client = NULL;
	}
	free((char *)w.config.token_file);
	end(&w);
}

static int make(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	authority = nd_tlspeer_cert("authority", NULL, NULL, -10, 3600);
	server = nd_tlspeer_cert("server", &authority, "IP:127.0.0.1", -10, 3600);
	one = nd_tlspeer_cert("one", &authority, "DNS:one", -10, 3600);
	two = nd_tlspeer_cert("two", &authority, "DNS:two", -10, 3600);
	return 0;
}

static int unmake(void **state)
{
	static const char *const names[] = { "ca", "cert", "key", "answer", "token" };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(names); i++)
		unlink(path(names[i]));
	nd_tlspeer_cert_clear(&authority);
	nd_tlspeer_cert_clear(&server);
	nd_tlspeer_cert_clear(&one);
	nd_tlspeer_cert_clear(&two);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_token_file),
	};
	return cmocka_run_group_tests(tests, make, unmake);
}
