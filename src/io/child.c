/* SPDX-License-Identifier: Apache-2.0 */
/* A run is complete when the program has exited and both pipes are at their end. If another process
 * keeps a pipe open (one that the program left in the background), LINGER_NS is the limit. The
 * process handle remains until the exit is reported, even after nd_child_free(): otherwise the
 * process would remain a zombie. */
#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/err.h"
#include "io/uv.h"

#define LINGER_NS ND_MS(500)

enum { OUT, ERRORS, PIPES };

struct nd_child {
	struct nd_uv_owner owner;
	struct nd_loop *loop;
	uv_process_t process;
	uv_pipe_t pipe[PIPES];
	struct nd_buf text[PIPES];
	unsigned handles; /* not closed yet */
	bool running, open[PIPES], killed;
	struct nd_timer timer;
	struct nd_child_result result;
	/* NULL: called already, or freed by the owner. */
	void (*on_end)(void *ctx, const struct nd_child_result *result);
	void *ctx;
	char bytes[4096];
};

static void on_closed(uv_handle_t *h)
{
	struct nd_child *c = h->data;

	if (--c->handles)
		return;
	for (int i = 0; i < PIPES; i++)
		nd_buf_clear(&c->text[i]);
	free(c);
}

static void close_one(struct nd_child *c, void *handle)
{
	nd_loop_touch(c->loop);
	if (!uv_is_closing(handle))
		uv_close(handle, on_closed);
}

static void kill_group(struct nd_child *c)
{
	/* Only while the pid cannot have been reused: the process was not waited for. */
	if (c->running && !c->killed)
		kill(-c->process.pid, SIGKILL);
	c->killed = true;
}

static void close_pipes(struct nd_child *c)
{
	nd_timer_stop(&c->timer);
	for (int i = 0; i < PIPES; i++)
		close_one(c, &c->pipe[i]);
}

/* Calls on_end and closes everything. */
static void finish(struct nd_child *c, int err)
{
	void (*on_end)(void *ctx, const struct nd_child_result *result) = c->on_end;

	c->on_end = NULL;
	if (err)
		kill_group(c);
	if (on_end) {
		c->result.err = err;
		c->result.out = nd_buf_string(&c->text[OUT]);
		c->result.nout = c->text[OUT].len;
		c->result.errors = nd_buf_string(&c->text[ERRORS]);
		on_end(c->ctx, &c->result);
	}
	close_pipes(c);
	if (!c->running)
		close_one(c, &c->process);
}

static void on_timer(struct nd_timer *t)
{
	struct nd_child *c = ND_CONTAINER(t, struct nd_child, timer);

	finish(c, c->running ? ND_ETIME : 0);
}

static void check_done(struct nd_child *c)
{
	if (c->running || !c->on_end)
		return;
	if (!c->open[OUT] && !c->open[ERRORS])
		finish(c, 0);
}

static void on_exit_status(uv_process_t *p, int64_t code, int number)
{
	struct nd_child *c = p->data;

	nd_loop_touch(c->loop);
	c->running = false;
	c->result.code = (int)code;
	c->result.signal = number;
	if (!c->on_end) {
		close_one(c, &c->process);
		return;
	}
	nd_timer_start(c->loop, &c->timer, LINGER_NS, on_timer);
	check_done(c);
}

static void give_buffer(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct nd_child *c = h->data;
	(void)suggested;

	*buf = uv_buf_init(c->bytes, sizeof c->bytes);
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct nd_child *c = stream->data;
	int i = stream == (uv_stream_t *)&c->pipe[ERRORS] ? ERRORS : OUT;
	struct nd_buf *to = &c->text[i];

	nd_loop_touch(c->loop);
	if (!c->on_end || n == 0)
		return;
	if (n < 0) {
		c->open[i] = false;
		uv_read_stop(stream);
		check_done(c);
		return;
	}
	size_t left = to->max - to->len, take = (size_t)n < left ? (size_t)n : left;
	nd_buf_add(to, buf->base, take);
	if (i == OUT && (to->err || take < (size_t)n))
		finish(c, to->err && to->err != ND_ELIMIT ? to->err : ND_ELIMIT);
}

static void destroy(struct nd_uv_owner *owner)
{
	struct nd_child *c = ND_CONTAINER(owner, struct nd_child, owner);

	c->on_end = NULL;
	kill_group(c);
	close_pipes(c);
	/* The loop ends: init will reap the process. */
	close_one(c, &c->process);
}

/* Not UV_IGNORE, which opens /dev/null in the child: its limit of descriptors may be lower than the
 * number of ours (nofile.h). */
static int spawn(struct nd_child *c, const struct nd_child_request *r, int null)
{
	uv_stdio_container_t io[3] = {
		{ .flags = UV_INHERIT_FD, .data.fd = null },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		  .data.stream = (uv_stream_t *)&c->pipe[OUT] },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		  .data.stream = (uv_stream_t *)&c->pipe[ERRORS] },
	};
	uv_process_options_t o = {
		.exit_cb = on_exit_status,
		.file = r->argv[0],
		.args = (char **)r->argv,
		.env = (char **)r->env,
		.flags = UV_PROCESS_DETACHED, /* its own process group, to kill all of it */
		.stdio_count = 3,
		.stdio = io,
	};
	int err = uv_spawn(&c->loop->uv, &c->process, &o);

	c->running = err == 0;
	for (int i = 0; i < PIPES && !err; i++) {
		err = uv_read_start((uv_stream_t *)&c->pipe[i], give_buffer, on_bytes);
		c->open[i] = !err;
	}
	return err;
}

int nd_child_start(struct nd_loop *loop, const struct nd_child_request *request,
		   void (*on_end)(void *ctx, const struct nd_child_result *result), void *ctx,
		   struct nd_child **out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	struct nd_child *c = calloc(1, sizeof *c);
	if (!c) {
		close(null);
		return -ENOMEM;
	}
	c->owner.destroy = destroy;
	c->loop = loop;
	nd_buf_init(&c->text[OUT], request->out_max);
	nd_buf_init(&c->text[ERRORS], ND_CHILD_ERRORS_MAX);
	for (int i = 0; i < PIPES; i++) {
		uv_pipe_init(&loop->uv, &c->pipe[i], 0); /* cannot fail */
		c->pipe[i].data = c;
	}
	c->handles = PIPES + 1;
	nd_loop_touch(loop);
	int err = spawn(c, request, null);
	close(null);
	/* uv_spawn() initialised the handle, even if it failed. */
	c->process.data = c;
	if (err) {
		nd_child_free(c);
		return err;
	}
	c->on_end = on_end;
	c->ctx = ctx;
	nd_timer_start(loop, &c->timer, request->limit_ns, on_timer);
	*out = c;
	return 0;
}

void nd_child_free(struct nd_child *c)
{
	if (!c)
		return;
	c->on_end = NULL;
	kill_group(c);
	close_pipes(c);
	if (!c->running)
		close_one(c, &c->process);
}
