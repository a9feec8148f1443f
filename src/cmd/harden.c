/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/harden.h"

#include <linux/capability.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "core/process.h"
#include "io/confine.h"
#include "text/regex.h"

/* What both modes may use, if the process has it: port 53 and receive buffers beyond
 * net.core.rmem_max; the agent also creates its interface and rules with NET_ADMIN. */
static const struct {
	unsigned number;
	const char *name;
} kept[] = {
	{ CAP_NET_BIND_SERVICE, "NET_BIND_SERVICE" },
	{ CAP_NET_ADMIN, "NET_ADMIN" },
};

static bool succeeded(int err, const char *what)
{
	if (err)
		nd_log_warning(NULL, "cannot %s: %s", what, nd_err_text(err));
	return !err;
}

void nd_harden_start(struct nd_harden *h, const struct nd_harden_options *o)
{
	uint64_t keep = 0;

	h->on = *o;
	for (size_t i = 0; i < ND_COUNT(kept); i++)
		keep |= ND_CONFINE_CAP(kept[i].number);
	if (o->drop_capabilities)
		h->on.drop_capabilities = succeeded(nd_confine_capabilities(keep, true,
									    &h->capabilities),
						    "drop capabilities");
	if (o->no_new_privs)
		h->on.no_new_privs = succeeded(nd_confine_no_new_privs(), "set no_new_privs");
	/* libuv 1.45 to 1.48 uses io_uring, which the filter forbids; epoll does the same. */
	if (o->seccomp)
		setenv("UV_USE_IO_URING", "0", 1);
}

static void load_filter(struct nd_harden *h, struct nd_process *p)
{
	const struct nd_confine_calls c = { .exec = p->needs_programs,
					    .writable_code = nd_regex_jit_used() };

	h->on.seccomp = succeeded(nd_confine_calls(&c), h->on.no_new_privs
								? "load the system call filter"
								: "load the system call filter "
								  "without no_new_privs");
	p->forbid_programs = h->on.seccomp && !c.exec;
}

static void add_item(struct nd_buf *b, const char *item)
{
	nd_buf_printf(b, "%s%s", b->len ? ", " : "", item);
}

static void report(const struct nd_harden *h, bool programs)
{
	struct nd_buf b;
	const char *before = "capabilities ";

	nd_buf_init(&b, 1024);
	if (h->on.no_new_privs)
		add_item(&b, "no_new_privs");
	for (size_t i = 0; h->on.drop_capabilities && i < ND_COUNT(kept); i++) {
		if (!(h->capabilities & ND_CONFINE_CAP(kept[i].number)))
			continue;
		nd_buf_printf(&b, "%s%s%s", b.len ? ", " : "", before, kept[i].name);
		before = "";
	}
	if (h->on.drop_capabilities && !h->capabilities)
		add_item(&b, "no capabilities");
	if (h->on.seccomp)
		add_item(&b, programs ? "system call filter with exec" : "system call filter");
	if (b.len)
		nd_log_info(NULL, "Confined: %s", nd_buf_string(&b));
	else
		nd_log_info(NULL, "Not confined");
	nd_buf_clear(&b);
}

void nd_harden_finish(struct nd_harden *h, struct nd_process *p, bool quiet)
{
	if (h->on.seccomp)
		load_filter(h, p);
	if (!quiet)
		report(h, p->needs_programs);
}
