/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/err.h"
#include "io/clock.h"
#include "kube/credential.h"

#define V1 "client.authentication.k8s.io/v1"
#define HEAD "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":"

struct waiting {
	struct nd_timer timer;
	struct nd_loop *loop;
	struct nd_credential *c;
	enum nd_credential_state state;
};

static void on_timer(struct nd_timer *t)
{
	struct waiting *w = ND_CONTAINER(t, struct waiting, timer);

	w->state = w->c ? nd_credential_prepare(w->c) : ND_CREDENTIAL_READY;
	if (w->state != ND_CREDENTIAL_RUNNING)
		nd_loop_stop(w->loop);
	else
		nd_timer_start(w->loop, t, ND_MS(5), on_timer);
}

/* As the client does: until the program has ended. */
static enum nd_credential_state prepare(struct nd_loop *loop, struct nd_credential *c)
{
	struct waiting w = { .loop = loop, .c = c };

	nd_timer_start(loop, &w.timer, 0, on_timer);
	nd_loop_run(loop);
	return w.state;
}

static void pause_ms(struct nd_loop *loop, unsigned ms)
{
	struct waiting w = { .loop = loop };

	nd_timer_start(loop, &w.timer, ND_MS(ms), on_timer);
	nd_loop_run(loop);
}

static const char *const env[] = { "A=first", "A=second", "KUBERNETES_EXEC_INFO={}", NULL };

static struct nd_exec program(const char *const argv[])
{
	return (struct nd_exec){
		.file = "/etc/kubeconfig", .line = 7, .version = V1, .argv = argv, .env = env
	};
}

/* Output of the program; why: the error. */
static void test_answers(void **state)
{
	static const struct {
		const char *script, *token, *cert, *key, *why;
	} rows[] = {
		{ "printf '%s' '" HEAD "{\"token\":\"t\"}}'", "t", NULL, NULL, NULL },
		{ "printf '" HEAD "{\"token\":\"%s\"}}' $A", "second", NULL, NULL, NULL },
		{ "printf '%s' '" HEAD
		  "{\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\",\"more\":{}}}'",
		  NULL, "c", "k", NULL },
		{ "printf '%s' '" HEAD
		  "{\"token\":\"t\",\"expirationTimestamp\":\"2999-01-01T00:00:00Z\"}}'",
		  NULL, NULL, NULL,
		  "expirationTimestamp must be an RFC 3339 time" }, /* beyond int64_t ns */
		{ "printf '%s' '" HEAD
		  "{\"token\":\"t\",\"expirationTimestamp\":\"2199-01-01T00:00:00Z\"}}'",
		  "t", NULL, NULL, NULL },
		{ "printf '%s' '" HEAD
		  "{\"token\":\"t\",\"expirationTimestamp\":\"2001-01-01T00:00:00Z\"}}'",
		  NULL, NULL, NULL, "printed an expired credential" },
		{ "printf '%s' '" HEAD "{\"clientCertificateData\":\"c\"}}'", NULL, NULL, NULL,
		  "must be given together" },
		{ "printf '%s' '" HEAD "{}}'", NULL, NULL, NULL, "neither a token" },
		{ "printf '%s' '" HEAD "{\"token\":7}}'", NULL, NULL, NULL,
		  "token must be a string" },
		{ "printf '%s' '" HEAD "{\"token\":\"a\\nb\"}}'", NULL, NULL, NULL,
		  "control character" },
		{ "printf '%s' '" HEAD "[]}'", NULL, NULL, NULL, "status is missing" },
		{ "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "beta1\"}'", NULL, NULL,
		  NULL, "apiVersion must be " V1 },
		{ "echo '{\"kind\":\"X\"}'", NULL, NULL, NULL, "kind must be ExecCredential" },
		{ "echo '[]'", NULL, NULL, NULL, "kind must be ExecCredential" },
		{ "echo hello", NULL, NULL, NULL, "invalid credential: output is not JSON" },
		{ "true", NULL, NULL, NULL, "invalid credential: output is not JSON" },
		{ "echo >&2; echo 'log in first' >&2; echo more >&2; exit 2", NULL, NULL, NULL,
		  "/etc/kubeconfig:7 - exec: sh failed with exit status 2: log in first" },
		{ "kill -15 $$", NULL, NULL, NULL, "killed by signal 15" },
		{ "head -c 2000000 /dev/zero", NULL, NULL, NULL, "more than 1 MiB" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		const char *const argv[] = { "sh", "-c", rows[i].script, NULL };
		struct nd_loop *loop = nd_loop_new();
		struct nd_exec x = program(argv);
		struct nd_credential *c = nd_credential_new(loop, &x);
		unsigned number;
		bool good = prepare(loop, c) == ND_CREDENTIAL_READY;
		const struct nd_exec_answer *a = nd_credential_get(c, &number);
		const char *why = nd_credential_error(c);
		if (good != !rows[i].why || good != (a != NULL))
			fail_msg("%s: %s", rows[i].script, why);
		if (!good && (!strstr(why, rows[i].why) || strchr(why, '\n')))
			fail_msg("%s: %s", rows[i].script, why);
		if (good && (!a->token != !rows[i].token || !a->cert != !rows[i].cert ||
			     (a->token && strcmp(a->token, rows[i].token) != 0) ||
			     (a->cert && (strcmp(a->cert, rows[i].cert) != 0 ||
					  strcmp(a->key, rows[i].key) != 0))))
			fail_msg("%s: %s %s", rows[i].script, a->token ? a->token : "-",
				 a->cert ? a->cert : "-");
		nd_credential_free(c);
		nd_loop_free(loop);
	}
}

static void test_no_program(void **state)
{
	const char *const argv[] = { "/nowhere/at-all", NULL };
	struct nd_loop *loop = nd_loop_new();
	struct nd_exec x = program(argv);
	(void)state;

	x.hint = "install it";
	struct nd_credential *c = nd_credential_new(loop, &x);
	assert_int_equal(nd_credential_prepare(c), ND_CREDENTIAL_FAILED);
	assert_string_equal(nd_credential_error(c),
			    "/etc/kubeconfig:7 - exec.command /nowhere/at-all: No such file or "
			    "directory; install it");
	nd_credential_free(c);
	nd_loop_free(loop);
}

/* Each run adds a line to a file; the credential expires after a second, or not at all. */
static void test_runs(void **state)
{
	char path[] = "/tmp/nd_credential_XXXXXX", script[512], until[64];
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct nd_loop *loop = nd_loop_new();
	struct nd_exec x = program(argv);
	struct nd_credential *c = nd_credential_new(loop, &x);
	unsigned first, number;
	(void)state;

	close(mkstemp(path));
	time_t soon = time(NULL) + 2;
	strftime(until, sizeof until, "%FT%TZ", gmtime(&soon));
	snprintf(script, sizeof script,
		 "echo >>%s; n=$(wc -l <%s); test $n -lt 4 || { echo over >&2; exit 1; }; until=%s; "
		 "test $n = 1 || until=2199-01-01T00:00:00Z; printf '" HEAD
		 "{\"token\":\"%%s\",\"expirationTimestamp\":\"%%s\"}}' $n $until",
		 path, path, until);
	assert_int_equal(prepare(loop, c), ND_CREDENTIAL_READY);
	assert_string_equal(nd_credential_get(c, &first)->token, "1");
	assert_int_equal(prepare(loop, c), ND_CREDENTIAL_READY);
	assert_string_equal(nd_credential_get(c, &number)->token, "1");
	assert_int_equal(number, first);
	pause_ms(loop, 2100);
	assert_int_equal(prepare(loop, c), ND_CREDENTIAL_READY); /* expired */
	assert_string_equal(nd_credential_get(c, &number)->token, "2");
	assert_int_not_equal(number, first);
	nd_credential_discard(c); /* too early: it is not run again */
	assert_int_equal(prepare(loop, c), ND_CREDENTIAL_READY);
	assert_string_equal(nd_credential_get(c, &number)->token, "2");
	pause_ms(loop, 1100);
	nd_credential_discard(c);
	assert_int_equal(prepare(loop, c), ND_CREDENTIAL_READY);
	assert_string_equal(nd_credential_get(c, &number)->token, "3");
	pause_ms(loop, 1100);
	nd_credential_discard(c);
	assert_int_equal(prepare(loop, c), ND_CREDENTIAL_FAILED);
	assert_non_null(strstr(nd_credential_error(c), "over"));
	assert_int_equal(nd_credential_prepare(c), ND_CREDENTIAL_FAILED); /* not again yet */
	pause_ms(loop, 1100);
	assert_int_equal(nd_credential_prepare(c), ND_CREDENTIAL_RUNNING);
	nd_credential_free(c); /* while it runs */
	nd_loop_free(loop);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_program),
		cmocka_unit_test(test_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
