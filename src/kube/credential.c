/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/credential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "base/time.h"
#include "io/child.h"
#include "io/clock.h"

enum {
	OUT_BYTES_MAX = 1 << 20,
	ANSWER_BYTES_MAX = 16 << 20,
	TIMEOUT_S = 60,
	PAUSE_MAX_S = 32,
	LINE_BYTES_MAX = 200, /* of stderr, in messages */
};

struct nd_credential {
	const struct nd_exec *exec;
	struct nd_loop *loop;
	struct nd_child *child; /* while it runs */
	struct nd_arena arena;  /* holds the answer's text */
	struct nd_exec_answer answer;
	bool have;          /* answer is valid */
	unsigned number;    /* of successful runs */
	uint64_t ran_ns;    /* end of the last successful run */
	uint64_t retry_ns;  /* after a failure: the earliest next run */
	unsigned pause_s;   /* after the last failure; 0: it did not fail */
	struct nd_diag why; /* set: the last run failed */
};

struct nd_credential *nd_credential_new(struct nd_loop *loop, const struct nd_exec *exec)
{
	struct nd_credential *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->loop = loop;
	c->exec = exec;
	return c;
}

static void forget(struct nd_credential *c)
{
	c->have = false;
	c->answer = (struct nd_exec_answer){ 0 };
	nd_arena_clear(&c->arena);
}

void nd_credential_free(struct nd_credential *c)
{
	if (!c)
		return;
	nd_child_free(c->child);
	forget(c);
	free(c);
}

static void set_retry(struct nd_credential *c)
{
	c->pause_s = !c->pause_s ? 1 : c->pause_s < PAUSE_MAX_S ? 2 * c->pause_s : PAUSE_MAX_S;
	c->retry_ns = nd_loop_now_ns(c->loop) + ND_S(c->pause_s);
}

/* ": LINE", the first line that is not blank; "" if there is none. */
static void put_first_line(const char *text, char out[LINE_BYTES_MAX + 3])
{
	text += strspn(text, " \t\r\n");
	size_t n = strcspn(text, "\r\n");

	snprintf(out, LINE_BYTES_MAX + 3, "%s%.*s", n ? ": " : "",
		 (int)(n < LINE_BYTES_MAX ? n : LINE_BYTES_MAX), text);
}

static void describe_failure(struct nd_credential *c, const struct nd_child_result *r)
{
	const struct nd_exec *x = c->exec;
	char line[LINE_BYTES_MAX + 3];

	put_first_line(r->errors, line);
	if (r->err == ND_ETIME)
		nd_diag_at(&c->why, x->file, x->line, "exec: %s timed out after %d s%s", x->argv[0],
			   TIMEOUT_S, line);
	else if (r->err == ND_ELIMIT)
		nd_diag_at(&c->why, x->file, x->line, "exec: %s printed more than 1 MiB%s",
			   x->argv[0], line);
	else if (r->err)
		nd_diag_at(&c->why, x->file, x->line, "exec: %s: %s%s", x->argv[0],
			   nd_err_text(r->err), line);
	else if (r->signal)
		nd_diag_at(&c->why, x->file, x->line, "exec: %s was killed by signal %d%s",
			   x->argv[0], r->signal, line);
	else
		nd_diag_at(&c->why, x->file, x->line, "exec: %s failed with exit status %d%s",
			   x->argv[0], r->code, line);
}

static bool is_expired(const struct nd_exec_answer *a)
{
	return a->until_ns && (int64_t)nd_clock_wall_ns() >= a->until_ns;
}

static void on_end(void *ctx, const struct nd_child_result *r)
{
	struct nd_credential *c = ctx;

	c->child = NULL;
	c->why = (struct nd_diag){ 0 };
	forget(c);
	nd_arena_init(&c->arena, ANSWER_BYTES_MAX);
	if (r->err || r->signal || r->code) {
		describe_failure(c, r);
	} else if (!nd_exec_parse(c->exec, r->out, r->nout, &c->arena, &c->answer, &c->why) &&
		   is_expired(&c->answer)) {
		nd_diag_at(&c->why, c->exec->file, c->exec->line,
			   "exec: %s printed an expired credential", c->exec->argv[0]);
	}
	if (c->why.set) {
		forget(c);
		set_retry(c);
		return;
	}
	c->have = true;
	c->number++;
	c->pause_s = 0;
	c->ran_ns = nd_loop_now_ns(c->loop);
}

/* Our environment and the kubeconfig's additions. Of a repeated name only the last is kept:
 * getenv() would return the first. */
static const char **make_env(const struct nd_exec *x)
{
	size_t ours = 0, more = 0, n = 0;

	while (environ && environ[ours])
		ours++;
	while (x->env[more])
		more++;
	const char **env = calloc(ours + more + 1, sizeof *env);
	for (size_t i = 0; env && i < ours + more; i++) {
		const char *v = i < ours ? environ[i] : x->env[i - ours];
		size_t name = strcspn(v, "="), later = i < ours ? 0 : i - ours + 1;
		while (later < more &&
		       (strncmp(x->env[later], v, name) != 0 || x->env[later][name] != '='))
			later++;
		if (later == more)
			env[n++] = v;
	}
	return env;
}

static void start_program(struct nd_credential *c)
{
	const struct nd_exec *x = c->exec;
	const char **env = make_env(x);
	struct nd_child_request r = { x->argv, env, OUT_BYTES_MAX, ND_S(TIMEOUT_S) };
	int err = env ? nd_child_start(c->loop, &r, on_end, c, &c->child) : -ENOMEM;

	free(env);
	if (!err)
		return;
	c->child = NULL;
	c->why = (struct nd_diag){ 0 };
	nd_diag_at(&c->why, x->file, x->line, "exec.command %s: %s%s%.300s", x->argv[0],
		   nd_err_text(err), x->hint ? "; " : "", x->hint ? x->hint : "");
	set_retry(c);
}

enum nd_credential_state nd_credential_prepare(struct nd_credential *c)
{
	if (c->have && is_expired(&c->answer))
		forget(c);
	if (c->have)
		return ND_CREDENTIAL_READY;
	if (!c->child && (!c->why.set || nd_loop_now_ns(c->loop) >= c->retry_ns))
		start_program(c);
	return c->child ? ND_CREDENTIAL_RUNNING : ND_CREDENTIAL_FAILED;
}

const struct nd_exec_answer *nd_credential_get(const struct nd_credential *c, unsigned *number)
{
	*number = c->number;
	return c->have ? &c->answer : NULL;
}

void nd_credential_discard(struct nd_credential *c)
{
	if (c->have && nd_loop_now_ns(c->loop) - c->ran_ns >= ND_S(1))
		forget(c);
}

const char *nd_credential_error(const struct nd_credential *c)
{
	return c->why.text;
}
