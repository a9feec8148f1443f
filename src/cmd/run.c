/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/err.h"
#include "base/log.h"
#include "base/rcu.h"
#include "cmd/cmd.h"
#include "cmd/limits.h"
#include "io/filewrite.h"

/* --- version and plugins --- */

/* The machine in Go's words. */
static const char *machine_text(const struct utsname *u)
{
	return strcmp(u->machine, "x86_64") == 0    ? "amd64"
	       : strcmp(u->machine, "aarch64") == 0 ? "arm64"
						    : u->machine;
}

/* CoreDNS's second line: system, language, commit. */
static void print_version(const struct nd_run_options *o, struct nd_buf *to)
{
	struct utsname u;

	uname(&u);
	if (o->coredns)
		nd_buf_printf(to, "CoreDNS-%s\nlinux/%s, C17, nodens-%s\n", ND_COREDNS_VERSION,
			      machine_text(&u), ND_VERSION);
	else
		nd_buf_printf(to, "nodens-%s (CoreDNS-%s)\nlinux/%s\n", ND_VERSION,
			      ND_COREDNS_VERSION, u.machine);
}

/* `on` is the last one: CoreDNS registers it as a plugin of all types of servers. */
static int compare_names(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	int last = (strcmp(x, "on") == 0) - (strcmp(y, "on") == 0);

	return last ? last : strcmp(x, y);
}

/* As CoreDNS prints it: the names that a Corefile may have, sorted, and an empty line. A name that
 * this build does not support is in it; a Corefile that uses it is refused with a message. */
static void list_names(struct nd_buf *to)
{
	const char *name[256];
	size_t n = 0;

	for (size_t i = 0; nd_plugins[i] && n < ND_COUNT(name); i++)
		name[n++] = nd_plugins[i]->name;
	for (size_t i = 0; nd_plugins_unsupported[i] && n < ND_COUNT(name); i++)
		name[n++] = nd_plugins_unsupported[i];
	qsort(name, n, sizeof *name, compare_names);
	for (size_t i = 0; i < n; i++)
		nd_buf_printf(to, "%.*s\n", (int)strcspn(name[i], " "), name[i]);
	nd_buf_text(to, "\n");
}

static void list_plugins(struct nd_buf *to)
{
	nd_buf_text(to, "Server types:\n  dns\n\nOther plugins:\n");
	for (size_t i = 0; nd_plugins[i]; i++)
		nd_buf_printf(to, "  dns.%s\n", nd_plugins[i]->name);
}

static void print(struct nd_buf *b)
{
	fputs(nd_buf_string(b), stdout);
	fflush(stdout);
	nd_buf_clear(b);
}

bool nd_run_print_info(const struct nd_run_options *o)
{
	struct nd_buf b;

	nd_buf_init(&b, 1 << 20);
	if (o->version)
		print_version(o, &b);
	else if (o->plugins && o->coredns)
		list_names(&b);
	else if (o->plugins)
		list_plugins(&b);
	print(&b);
	return o->version || o->plugins;
}

bool nd_run_check_format(const struct nd_run_options *o)
{
	if (!o->log_format || strcmp(o->log_format, "text") == 0)
		return true;
	if (strcmp(o->log_format, "json") == 0)
		fprintf(stderr, "log format \"json\" is not supported yet: expected text\n");
	else
		fprintf(stderr, "unknown log format \"%s\": expected text or json\n",
			o->log_format);
	return false;
}

enum { FAREWELL_MS = 1000 }; /* at the end, for a reader of the log that is slow */

/* --- signals and shutdown --- */

static void on_end(void *ctx, int status)
{
	struct nd_run *r = ctx;

	r->status = status;
	if (r->teardown)
		r->teardown(r->ctx);
	nd_loop_stop(r->loop);
}

static void exit_now(struct nd_run *r, int status)
{
	if (r->teardown)
		r->teardown(r->ctx);
	if (r->options->pidfile)
		nd_filewrite_remove(r->options->pidfile);
	nd_log_flush();
	nd_log_stop(FAREWELL_MS);
	_exit(status);
}

static void stop(struct nd_run *r)
{
	if (r->stop)
		r->stop(r->ctx, 0);
	else
		nd_server_stop(r->server, 0);
}

static void on_interrupt(struct nd_run *r)
{
	if (r->interrupted) {
		nd_log_info(NULL, "SIGINT: Force quit");
		exit_now(r, 2);
	}
	r->interrupted = true;
	nd_log_info(NULL, "SIGINT: Shutting down");
	stop(r);
}

static void on_signal(void *ctx, int number)
{
	struct nd_run *r = ctx;
	struct nd_process *p = nd_server_process(r->server);

	switch (number) {
	case SIGUSR1: p->reload(p); break;
	case SIGQUIT:
		nd_log_info(NULL, "SIGQUIT: Quitting process immediately");
		exit_now(r, 0);
		break;
	case SIGINT: on_interrupt(r); break;
	case SIGTERM:
		nd_log_info(NULL, "SIGTERM: Shutting down servers then terminating");
		stop(r);
		break;
	default: break;
	}
}

static int catch_signals(struct nd_run *r)
{
	static const int numbers[] = { SIGUSR1, SIGQUIT, SIGINT, SIGTERM };

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* as CoreDNS */
	for (size_t i = 0; i < ND_COUNT(numbers); i++) {
		r->signals[i] = nd_signal_new(r->loop, numbers[i], on_signal, r);
		if (!r->signals[i])
			return -ENOMEM;
	}
	return 0;
}

bool nd_run_init(struct nd_run *r, const struct nd_run_options *o)
{
	*r = (struct nd_run){ .options = o };
	nd_rcu_register();
	nd_harden_start(&r->harden, &o->harden);
	if (!nd_limits_apply(o->memory_limit, o->quiet || o->coredns))
		return false;
	r->loop = nd_loop_new();
	if (!r->loop)
		fprintf(stderr, "cannot start: out of file descriptors\n");
	if (r->loop && nd_log_start())
		nd_log_warning(
			NULL,
			"cannot start the log's thread; a reader of the log that stops stalls answers");
	return r->loop;
}

bool nd_run_open(struct nd_run *r, struct nd_server_options *so)
{
	so->port = 53;
	so->threads = true;
	so->version = ND_COREDNS_VERSION;
	so->on_end = on_end;
	so->ctx = r;
	if (r->options->port && !nd_flags_port("dns.port", r->options->port, &so->port))
		return false;
	if (r->options->udp_max &&
	    !nd_flags_udp_size("max-udp-size", r->options->udp_max, &so->udp_max))
		return false;
	if (nd_server_new(r->loop, so, &r->server) || catch_signals(r)) {
		fprintf(stderr, "cannot start: out of memory or file descriptors\n");
		return false;
	}
	nd_server_process(r->server)->cache_file = r->options->cache_file;
	return true;
}

static int write_pidfile(const char *path)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());

	return nd_filewrite_replace(path, text, (size_t)n, 0644);
}

/* Through the log, after the lines that came before it; no one may read standard output. */
static void show_banner(const struct nd_run *r)
{
	struct nd_buf b;

	nd_buf_init(&b, 1 << 20);
	nd_server_banner(r->server, &b);
	print_version(r->options, &b);
	for (const char *line = nd_buf_string(&b); *line;) {
		size_t n = strcspn(line, "\n");
		nd_log_line(line, n);
		line += n + (line[n] == '\n');
	}
	nd_log_flush();
	nd_buf_clear(&b);
}

void nd_run_announce(struct nd_run *r)
{
	const struct nd_run_options *o = r->options;

	nd_harden_finish(&r->harden, nd_server_process(r->server), o->quiet || o->coredns);
	int err = o->pidfile ? write_pidfile(o->pidfile) : 0;

	if (err)
		nd_log_error(NULL, "cannot write the pid file %s: %s", o->pidfile,
			     nd_err_text(err));
	if (!o->quiet)
		show_banner(r);
}

int nd_run_loop(struct nd_run *r)
{
	nd_loop_run(r->loop);
	if (r->options->pidfile)
		nd_filewrite_remove(r->options->pidfile);
	return r->status;
}

void nd_run_clear(struct nd_run *r)
{
	nd_server_free(r->server);
	for (size_t i = 0; i < ND_COUNT(r->signals); i++)
		if (r->signals[i])
			nd_signal_free(r->signals[i]);
	nd_rcu_barrier();
	nd_rcu_unregister();
	if (r->loop)
		nd_loop_free(r->loop);
	nd_log_stop(FAREWELL_MS);
}
