/* SPDX-License-Identifier: Apache-2.0 */
/* It is over when the program has ended and both its pipes have. Who keeps them open behind it
 * (something it left in the background) is waited for a moment, and then no more. The handle of the
 * process stays until the kernel has told of its end, whoever has lost interest before: else it
 * would stay a zombie. */
#include "io/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "io/uv.h"

#define LINGER_NS (500 * (uint64_t)ND_NS_PER_MS)

enum { OUT, ERRORS, PIPES };

struct nd_child {
	struct nd_uv_owner owner;
	struct nd_loop *loop;
	uv_process_t process;
	uv_pipe_t pipe[PIPES];
	struct nd_buf text[PIPES];
	unsigned handles; /* that are not closed yet */
	bool running, open[PIPES], killed;
	struct nd_timer timer;
	struct nd_child_result result;
	void (*on_end)(void *ctx,
		       const struct nd_child_result *result); /* NULL: nobody asks any more */
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
	/* Only while its number is surely its own: it was not waited for. */
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

/* Tells its owner, and goes. */
static void finish(struct nd_child *c, int err)
{
	void (*tell)(void *ctx, const struct nd_child_result *result) = c->on_end;

	c->on_end = NULL;
	if (err)
		kill_group(c);
	if (tell) {
		c->result.err = err;
		c->result.out = nd_buf_string(&c->text[OUT]);
		c->result.nout = c->text[OUT].len;
		c->result.errors = nd_buf_string(&c->text[ERRORS]);
		tell(c->ctx, &c->result);
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

static void look(struct nd_child *c)
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
	look(c);
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
		look(c);
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
	/* The loop ends: nobody will wait for it but init. */
	close_one(c, &c->process);
}

static int spawn(struct nd_child *c, const struct nd_child_request *r)
{
	uv_stdio_container_t io[3] = {
		{ .flags = UV_IGNORE },
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
		.flags =
			UV_PROCESS_DETACHED, /* a group of its own, so that all of it can be ended */
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
	struct nd_child *c = calloc(1, sizeof *c);

	if (!c)
		return -ENOMEM;
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
	int err = spawn(c, request);
	/* Made by uv_spawn(), be it in vain. */
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
