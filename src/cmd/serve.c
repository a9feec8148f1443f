/* SPDX-License-Identifier: Apache-2.0 */
/* nodens serve, or coredns: CoreDNS's command line, banner and signals. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/log.h"
#include "base/rcu.h"
#include "cmd/cmd.h"
#include "io/loop.h"
#include "server/server.h"

struct options {
	const char *conf, *port, *pidfile;
	bool plugins, quiet, version;
};

static const struct {
	const char *name;
	size_t where;
	bool takes_value;
	const char *help;
} flags[] = {
	{ "conf", offsetof(struct options, conf), true,
	  "Corefile to load (default \"Corefile\"; \"stdin\" reads a pipe)" },
	{ "dns.port", offsetof(struct options, port), true, "default port (53)" },
	{ "p", offsetof(struct options, port), true, "default port (53)" },
	{ "pidfile", offsetof(struct options, pidfile), true, "file to write the process id to" },
	{ "plugins", offsetof(struct options, plugins), false, "list installed plugins" },
	{ "quiet", offsetof(struct options, quiet), false, "no banner at start" },
	{ "version", offsetof(struct options, version), false, "show version" },
};

static void usage(FILE *to)
{
	fprintf(to, "usage: nodens serve [OPTION...]\n");
	for (size_t i = 0; i < ND_COUNT(flags); i++)
		fprintf(to, "  -%s%s\n    \t%s\n", flags[i].name,
			flags[i].takes_value ? " VALUE" : "", flags[i].help);
}

/* Go's flag package: -name, --name, -name=value, -name value; a switch also as -name=true. */
static int parse_flag(int argc, char **argv, int *i, struct options *o)
{
	const char *arg = argv[*i] + (argv[*i][1] == '-' ? 2 : 1);
	const char *equals = strchr(arg, '=');
	size_t len = equals ? (size_t)(equals - arg) : strlen(arg);

	for (size_t f = 0; f < ND_COUNT(flags); f++) {
		if (strlen(flags[f].name) != len || memcmp(flags[f].name, arg, len) != 0)
			continue;
		if (!flags[f].takes_value) {
			bool off = equals && (!strcmp(equals, "=false") || !strcmp(equals, "=0"));
			*(bool *)((char *)o + flags[f].where) = !off;
			return 0;
		}
		const char *value = equals ? equals + 1 : *i + 1 < argc ? argv[++*i] : NULL;
		if (!value) {
			fprintf(stderr, "flag needs an argument: -%s\n", flags[f].name);
			return -1;
		}
		*(const char **)((char *)o + flags[f].where) = value;
		return 0;
	}
	fprintf(stderr, "flag provided but not defined: -%.*s\n", (int)len, arg);
	return -1;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "-help") ||
		    !strcmp(argv[i], "--help")) {
			usage(stdout);
			return 0;
		}
		if (argv[i][0] != '-' || !argv[i][1]) {
			fprintf(stderr, "extra command line arguments: %s\n", argv[i]);
			return 1;
		}
		if (parse_flag(argc, argv, &i, o)) {
			usage(stderr);
			return 2;
		}
	}
	return -1;
}

static int list_plugins(void)
{
	printf("Server types:\n  dns\n\nOther plugins:\n");
	for (size_t i = 0; nd_plugins[i]; i++)
		printf("  dns.%s\n", nd_plugins[i]->name);
	return 0;
}

/* --- running --- */

struct run {
	struct nd_server *server;
	struct nd_loop *loop;
	struct nd_signal *signals[5];
	const char *pidfile;
	int status;
	bool interrupted;
};

static void on_end(void *ctx, int status)
{
	struct run *r = ctx;

	r->status = status;
	nd_loop_stop(r->loop);
}

static void leave_at_once(struct run *r, int status)
{
	if (r->pidfile)
		unlink(r->pidfile);
	nd_log_flush();
	_exit(status);
}

static void on_signal(void *ctx, int number)
{
	struct run *r = ctx;

	switch (number) {
	case SIGUSR1: nd_server_process(r->server)->reload(nd_server_process(r->server)); break;
	case SIGQUIT:
		nd_log_info(NULL, "SIGQUIT: Quitting process immediately");
		leave_at_once(r, 0);
		break;
	case SIGINT:
		if (r->interrupted) {
			nd_log_info(NULL, "SIGINT: Force quit");
			leave_at_once(r, 2);
		}
		r->interrupted = true;
		nd_log_info(NULL, "SIGINT: Shutting down");
		nd_server_stop(r->server, 0);
		break;
	case SIGTERM:
		nd_log_info(NULL, "SIGTERM: Shutting down servers then terminating");
		nd_server_stop(r->server, 0);
		break;
	default: break;
	}
}

static int watch_signals(struct run *r)
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

static int write_pidfile(const char *path)
{
	char text[32];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());

	if (fd < 0)
		return -errno;
	ssize_t done = write(fd, text, (size_t)n);
	int err = done == n ? 0 : -EIO;
	close(fd);
	return err;
}

static void show_banner(struct nd_server *server)
{
	struct nd_buf b;
	struct utsname u;

	nd_buf_init(&b, 1 << 20);
	nd_server_banner(server, &b);
	uname(&u);
	nd_buf_printf(&b, "nodens-%s (CoreDNS-%s)\nlinux/%s\n", ND_VERSION, ND_COREDNS_VERSION,
		      u.machine);
	fputs(nd_buf_string(&b), stdout);
	fflush(stdout);
	nd_buf_clear(&b);
}

static int serve(struct run *r, const struct options *o)
{
	struct nd_diag d = { 0 };
	struct nd_server_options so = { .corefile = o->conf,
					.port = 53,
					.threads = true,
					.version = ND_COREDNS_VERSION,
					.on_end = on_end,
					.ctx = r };

	if (o->port) {
		char *end;
		unsigned long port = strtoul(o->port, &end, 10);
		if (*end || end == o->port || port == 0 || port > 65535) {
			fprintf(stderr, "-dns.port: \"%s\" is no port; give 1 to 65535\n", o->port);
			return 1;
		}
		so.port = (uint16_t)port;
	}
	if (watch_signals(r) || nd_server_new(r->loop, &so, &r->server)) {
		fprintf(stderr, "can't start: no memory or descriptors left\n");
		return 1;
	}
	if (nd_server_load(r->server, &d)) {
		fflush(stdout);
		fprintf(stderr, "%s\n", d.text);
		return 1;
	}
	if (o->pidfile && write_pidfile(o->pidfile))
		nd_log_error(NULL, "can't write the pid file %s", o->pidfile);
	if (!o->quiet)
		show_banner(r->server);
	nd_loop_run(r->loop);
	if (o->pidfile)
		unlink(o->pidfile);
	return r->status;
}

int nd_cmd_serve(int argc, char **argv)
{
	struct options o = { 0 };
	int status = parse(argc, argv, &o);

	if (status >= 0)
		return status;
	if (o.version) {
		struct utsname u;
		uname(&u);
		printf("nodens-%s (CoreDNS-%s)\nlinux/%s\n", ND_VERSION, ND_COREDNS_VERSION,
		       u.machine);
		return 0;
	}
	if (o.plugins)
		return list_plugins();

	struct run r = { .pidfile = o.pidfile };
	nd_rcu_register();
	r.loop = nd_loop_new();
	if (!r.loop) {
		fprintf(stderr, "can't start: no descriptors left\n");
		return 1;
	}
	status = serve(&r, &o);
	nd_server_free(r.server);
	for (size_t i = 0; i < ND_COUNT(r.signals); i++)
		if (r.signals[i])
			nd_signal_free(r.signals[i]);
	nd_rcu_barrier();
	nd_rcu_unregister();
	nd_loop_free(r.loop);
	return status;
}
