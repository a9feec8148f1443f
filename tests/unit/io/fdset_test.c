/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/err.h"
#include "io/fdset.h"

struct fds {
	struct nd_fdset *set;
	struct nd_addr udp_addr, tcp_addr;
	char udp_text[ND_ADDR_TEXT_MAX], tcp_text[ND_ADDR_TEXT_MAX];
	int udp, tcp, netfilter, idle, pipe[2];
};

static int open_socket(int type, struct nd_addr *addr, char text[ND_ADDR_TEXT_MAX])
{
	int fd = socket(AF_INET, type, 0);

	assert_int_equal(nd_addr_parse_ip("127.0.0.1", 0, addr), 0);
	assert_int_equal(bind(fd, &addr->sa, addr->len), 0);
	assert_int_equal(getsockname(fd, &addr->sa, &addr->len), 0);
	nd_addr_format(addr, text);
	return fd;
}

static int open_all(void **state)
{
	static struct fds f;
	struct nd_addr other;
	char text[ND_ADDR_TEXT_MAX];

	f.set = nd_fdset_new();
	f.udp = open_socket(SOCK_DGRAM, &f.udp_addr, f.udp_text);
	f.tcp = open_socket(SOCK_STREAM, &f.tcp_addr, f.tcp_text);
	f.idle = open_socket(SOCK_STREAM, &other, text); /* bound but not listening */
	f.netfilter = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	assert_int_equal(listen(f.tcp, 8), 0);
	assert_int_equal(pipe(f.pipe), 0);
	*state = &f;
	return f.set && f.netfilter >= 0 ? 0 : -1;
}

static int close_all(void **state)
{
	struct fds *f = *state;
	int own[] = { f->idle, f->pipe[0], f->pipe[1], f->udp, f->tcp, f->netfilter };

	nd_fdset_free(f->set);
	for (size_t i = 0; i < ND_COUNT(own); i++)
		close(own[i]); /* some were closed with the set */
	return 0;
}

static void test_handed_in(void **state)
{
	struct fds *f = *state;
	struct nd_buf b;
	char text[512];

	snprintf(text, sizeof text, " udp/0/%s=%d  tcp/3/%s=%d netfilter/0=%d", f->udp_text, f->udp,
		 f->tcp_text, f->tcp, f->netfilter);
	assert_int_equal(nd_fdset_add_text(f->set, text), 0);
	assert_true(fcntl(f->udp, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(f->tcp, F_GETFD), FD_CLOEXEC);

	nd_buf_init(&b, 4096);
	nd_fdset_format(f->set, &b);
	snprintf(text, sizeof text, "udp/0/%s=%d tcp/3/%s=%d netfilter/0=%d", f->udp_text, f->udp,
		 f->tcp_text, f->tcp, f->netfilter);
	assert_string_equal(nd_buf_string(&b), text);
	nd_buf_clear(&b);

	assert_int_equal(nd_fdset_workers(f->set), 4);
	/* Each place yields its own descriptor, once. */
	assert_int_equal(nd_fdset_take(f->set, ND_FD_UDP, &f->udp_addr, 1), -1);
	assert_int_equal(nd_fdset_take(f->set, ND_FD_UDP, &f->tcp_addr, 0), -1);
	assert_int_equal(nd_fdset_take(f->set, ND_FD_TCP, &f->udp_addr, 0), -1);
	assert_int_equal(nd_fdset_take(f->set, ND_FD_UDP, &f->udp_addr, 0), f->udp);
	assert_int_equal(nd_fdset_take(f->set, ND_FD_UDP, &f->udp_addr, 0), -1);
	assert_int_equal(nd_fdset_take(f->set, ND_FD_TCP, &f->tcp_addr, 3), f->tcp);
	assert_int_equal(nd_fdset_take(f->set, ND_FD_NETFILTER, NULL, 0), f->netfilter);
	/* A taken descriptor is listed until nd_fdset_forget(), and not closed with the set. */
	nd_fdset_forget(f->set, f->udp);
	assert_int_equal(nd_fdset_put(f->set, ND_FD_UDP, &f->udp_addr, 2, f->idle), 0);
	nd_buf_init(&b, 4096);
	nd_fdset_format(f->set, &b);
	assert_null(strstr(nd_buf_string(&b), "udp/0/"));
	assert_non_null(strstr(nd_buf_string(&b), "udp/2/"));
	nd_buf_clear(&b);
	nd_fdset_free(f->set);
	f->set = NULL;
	assert_true(fcntl(f->tcp, F_GETFD) >= 0);
}

static void test_closes_the_rest(void **state)
{
	struct fds *f = *state;
	char text[256];

	snprintf(text, sizeof text, "udp/0/%s=%d", f->udp_text, f->udp);
	assert_int_equal(nd_fdset_add_text(f->set, text), 0);
	nd_fdset_forget(f->set, f->udp); /* not taken: no effect */
	assert_int_equal(nd_fdset_workers(f->set), 1);
	assert_int_equal(nd_fdset_put(f->set, ND_FD_TCP, &f->tcp_addr, 0, f->tcp), 0);
	nd_fdset_close_unused(f->set);
	assert_int_equal(nd_fdset_take(f->set, ND_FD_UDP, &f->udp_addr, 0), -1);
	assert_int_equal(fcntl(f->udp, F_GETFD), -1);
	assert_true(fcntl(f->tcp, F_GETFD) >= 0); /* in use */
	f->udp = open_socket(SOCK_DGRAM, &f->udp_addr, f->udp_text);
	snprintf(text, sizeof text, "udp/0/%s=%d", f->udp_text, f->udp);
	assert_int_equal(nd_fdset_add_text(f->set, text), 0);
	nd_fdset_free(f->set);
	f->set = NULL;
	assert_int_equal(fcntl(f->udp, F_GETFD), -1);
}

static void test_refused(void **state)
{
	struct fds *f = *state;
	/* %U, %T: addresses; %u, %t, %n, %i, %p: descriptors. */
	static const struct {
		const char *name, *format;
		int ret;
	} rows[] = {
		{ "nothing", "", 0 },
		{ "blanks", "   ", 0 },
		{ "no kind", "/0/%U=%u", ND_EFORMAT },
		{ "other kind", "sctp/0/%U=%u", ND_EFORMAT },
		{ "no worker", "udp/%U=%u", ND_EFORMAT },
		{ "worker too large", "udp/256/%U=%u", ND_EFORMAT },
		{ "no address", "udp/0=%u", ND_EFORMAT },
		{ "address of the netfilter socket", "netfilter/0/%U=%n", ND_EFORMAT },
		{ "no descriptor", "udp/0/%U=", ND_EFORMAT },
		{ "no equals sign", "udp/0/%U", ND_EFORMAT },
		{ "trailing text", "udp/0/%U=%ux", ND_EFORMAT },
		{ "negative", "udp/0/%U=-1", ND_EFORMAT },
		{ "closed", "udp/0/%U=1000", -EBADF },
		{ "not a socket", "udp/0/%U=%p", -EADDRNOTAVAIL },
		{ "another type", "tcp/0/%U=%u", -EADDRNOTAVAIL },
		{ "bound elsewhere", "udp/0/%T=%u", -EADDRNOTAVAIL },
		{ "does not listen", "tcp/0/%T=%i", -EADDRNOTAVAIL },
		{ "not netlink", "netfilter/0=%u", -EADDRNOTAVAIL },
		{ "twice", "udp/0/%U=%u udp/1/%U=%u", -EBADF },
		{ "the second is bad", "udp/0/%U=%u tcp/0/%T=%i", -EADDRNOTAVAIL },
	};

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_buf b;
		nd_buf_init(&b, 4096);
		for (const char *c = rows[i].format; *c; c++) {
			if (*c != '%')
				nd_buf_add(&b, c, 1);
			else if (*++c == 'U' || *c == 'T')
				nd_buf_text(&b, *c == 'U' ? f->udp_text : f->tcp_text);
			else
				nd_buf_printf(&b, "%d",
					      *c == 'u'   ? f->udp
					      : *c == 't' ? f->tcp
					      : *c == 'n' ? f->netfilter
					      : *c == 'i' ? f->idle
							  : f->pipe[0]);
		}
		int ret = nd_fdset_add_text(f->set, nd_buf_string(&b));
		if (ret != rows[i].ret)
			fail_msg("%s: got %d, want %d", rows[i].name, ret, rows[i].ret);
		nd_buf_reset(&b);
		nd_fdset_format(f->set, &b);
		if (b.len)
			fail_msg("%s: added %s", rows[i].name, b.data);
		nd_buf_clear(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_handed_in, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_closes_the_rest, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_refused, open_all, close_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
