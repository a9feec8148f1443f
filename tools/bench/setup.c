/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/setup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/invalid.h"
#include "base/time.h"
#include "io/file.h"

enum { QUERIES_BYTES = 256 << 20, USAGE = 2, FAILED = 1 };

static const char system_resolv[] = "/etc/resolv.conf";

__attribute__((format(printf, 2, 3))) static int fail(int status, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "nodens bench: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

/* "-host: invalid domain name "a..b"". */
static int fail_invalid(const char *flag, const char *what, const char *value, const char *must)
{
	char text[2 * ND_INVALID_TEXT_MAX];

	return fail(USAGE, "%s: %s", flag, nd_invalid_format(text, sizeof text, what, value, must));
}

/* `from` is the file, or the option, that has the line. */
static void note(void *from, unsigned line, const char *text)
{
	if (line)
		fprintf(stderr, "nodens bench: %s:%u: %s\n", (const char *)from, line, text);
	else
		fprintf(stderr, "nodens bench: %s: %s\n", (const char *)from, text);
}

static int read_resolv(struct nd_resolv *r, const char *path, uint16_t port)
{
	struct nd_buf text;
	nd_buf_init(&text, ND_RESOLV_BYTES);
	int err = nd_file_read(path, &text);

	if (!err)
		nd_resolv_parse(r, nd_buf_string(&text), port, note, (void *)path);
	nd_buf_clear(&text);
	return err ? fail(FAILED, "%s: %s", path, nd_err_text(err)) : 0;
}

static int read_servers(struct nd_resolv *r, const struct nd_flags *f)
{
	r->servers = 0;
	for (unsigned i = 0; i < f->servers; i++)
		if (nd_addr_parse(f->server[i], (uint16_t)f->port, &r->server[r->servers++]) < 0)
			return fail_invalid("-server", "address", f->server[i],
					    "an IP address, with or without a port");
	return 0;
}

/* getaddrinfo() reads resolv.conf itself and takes options from RES_OPTIONS, see resolv.conf(5).
 * Call it before any thread starts. */
static int setup_system(struct nd_plan *plan, const struct nd_flags *f)
{
	if (f->servers || f->resolv || f->queries)
		return fail(USAGE, "style system uses this machine's resolver configuration: "
				   "-server, -resolv and -queries do not apply to it");
	if (f->options && setenv("RES_OPTIONS", f->options, 1) < 0)
		return fail(FAILED, "-options: %s", nd_err_text(-errno));
	plan->host = f->host;
	return 0;
}

static int setup_resolv(struct nd_plan *plan, const struct nd_flags *f)
{
	const char *path = f->resolv ? f->resolv : f->servers ? NULL : system_resolv;
	struct nd_resolv *r = &plan->resolv;
	int status = path ? read_resolv(r, path, (uint16_t)f->port) : 0;

	if (!status && f->servers)
		status = read_servers(r, f);
	if (status)
		return status;
	if (r->servers == 0)
		return fail(FAILED, "%s: no usable nameserver", path);
	if (f->options && nd_resolv_options(r, f->options, 0, note, "-options") < 0)
		return USAGE;
	nd_style_limit(plan->style, r);
	return 0;
}

static int read_names(struct nd_plan *plan, const struct nd_flags *f)
{
	struct nd_buf text;
	unsigned line = 0;
	const char *why = "out of memory";

	if (f->host) {
		plan->host = f->host;
		if (nd_search_init(&plan->search, f->host, &plan->resolv, plan->style) < 0)
			return fail_invalid("-host", "domain name", f->host, NULL);
		return 0;
	}
	nd_buf_init(&text, QUERIES_BYTES);
	int err = nd_file_read(f->queries, &text);
	if (err) {
		fail(FAILED, "%s: %s", f->queries, nd_err_text(err));
	} else {
		err = nd_queries_parse(&plan->queries, nd_buf_string(&text), &line, &why);
		if (err)
			note((void *)f->queries, line, why);
	}
	nd_buf_clear(&text);
	return err ? FAILED : 0;
}

/* A client has at most one socket per server, plus one. */
static int raise_file_limit(const struct nd_plan *plan)
{
	rlim_t want = (rlim_t)plan->clients * (plan->resolv.servers + 1) + 32;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= want)
		return 0;
	limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
	if (limit.rlim_cur < want || setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return fail(FAILED,
			    "%u clients need %" PRIuMAX " file descriptors; the limit is %" PRIuMAX
			    " (ulimit -n)",
			    plan->clients, (uintmax_t)want, (uintmax_t)limit.rlim_max);
	return 0;
}

int nd_setup_plan(struct nd_plan *plan, const struct nd_flags *f)
{
	*plan = (struct nd_plan){ .stop_fd = -1,
				  .clients = (unsigned)f->clients,
				  .rate = f->rate,
				  .lookups = f->lookups };
	nd_resolv_init(&plan->resolv);
	plan->style = nd_style_find(f->style);
	if (!plan->style)
		return fail_invalid("-style", "style", f->style, "one of those that -help lists");
	int status = plan->style == &nd_style_system ? setup_system(plan, f)
						     : setup_resolv(plan, f);
	if (!status && plan->style != &nd_style_system)
		status = read_names(plan, f);
	if (!status)
		status = raise_file_limit(plan);
	if (status)
		return status;
	plan->stats = calloc(1, sizeof *plan->stats);
	plan->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!plan->stats || plan->stop_fd < 0)
		return fail(FAILED, "cannot start: %s",
			    nd_err_text(plan->stats ? -errno : -ENOMEM));
	nd_stats_init(plan->stats, ND_MS(f->limit_ms));
	return 0;
}

void nd_setup_clear(struct nd_plan *plan)
{
	nd_queries_clear(&plan->queries);
	free(plan->stats);
	if (plan->stop_fd >= 0)
		close(plan->stop_fd);
}
