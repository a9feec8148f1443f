/* SPDX-License-Identifier: Apache-2.0 */
#include "io/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/ascii.h"
#include "base/err.h"

enum { WORD_MAX = 160 };

static const char *const kind_text[] = { "udp", "tcp", "netfilter" };

struct entry {
	enum nd_fd_kind kind;
	struct nd_addr addr; /* len 0: none */
	uint16_t worker;
	bool taken;
	int fd;
};

struct nd_fdset {
	pthread_mutex_t lock; /* guards what follows */
	struct entry *entries;
	size_t n, cap;
};

struct nd_fdset *nd_fdset_new(void)
{
	struct nd_fdset *s = calloc(1, sizeof *s);

	if (s)
		pthread_mutex_init(&s->lock, NULL);
	return s;
}

void nd_fdset_free(struct nd_fdset *s)
{
	if (!s)
		return;
	nd_fdset_close_unused(s);
	pthread_mutex_destroy(&s->lock);
	free(s->entries);
	free(s);
}

static struct entry make(enum nd_fd_kind kind, const struct nd_addr *addr, uint16_t worker, int fd)
{
	struct entry e = { .kind = kind, .worker = worker, .fd = fd };

	if (addr)
		e.addr = *addr;
	return e;
}

static int add(struct nd_fdset *s, const struct entry *more, size_t n)
{
	struct entry *grown = NULL;

	if (n == 0)
		return 0;
	if (s->n + n <= ND_FDSET_MAX)
		grown = nd_array_grow(s->entries, &s->cap, s->n + n, sizeof *grown);
	if (!grown)
		return ND_ELIMIT;
	memcpy(grown + s->n, more, n * sizeof *more);
	s->entries = grown;
	s->n += n;
	return 0;
}

/* --- inherited descriptors --- */

/* Reads a decimal number followed by `end`, and moves *text after both. */
static int take_number(const char **text, char end, int max, int *out)
{
	char *stop;

	if (!nd_ascii_is_digit(**text))
		return ND_EFORMAT;
	errno = 0;
	long v = strtol(*text, &stop, 10);
	if (errno || v > max || *stop != end)
		return ND_EFORMAT;
	*out = (int)v;
	*text = end ? stop + 1 : stop;
	return 0;
}

static int take_kind(const char **text, enum nd_fd_kind *out)
{
	for (size_t i = 0; i < ND_COUNT(kind_text); i++) {
		size_t n = strlen(kind_text[i]);
		if (strncmp(*text, kind_text[i], n) != 0 || (*text)[n] != '/')
			continue;
		*out = (enum nd_fd_kind)i;
		*text += n + 1;
		return 0;
	}
	return ND_EFORMAT;
}

/* "udp/0/169.254.20.10:53=7" */
static int parse_word(char *word, struct entry *e)
{
	const char *at = word;
	char *equals = strchr(word, '=');
	int worker, err;

	*e = (struct entry){ 0 };
	if (!equals)
		return ND_EFORMAT;
	*equals = '\0';
	err = take_kind(&at, &e->kind);
	if (!err)
		err = take_number(&at, e->kind == ND_FD_NETFILTER ? '\0' : '/',
				  ND_FDSET_WORKERS_MAX - 1, &worker);
	if (!err && e->kind != ND_FD_NETFILTER)
		err = nd_addr_parse(at, 0, &e->addr);
	if (err)
		return err;
	e->worker = (uint16_t)worker;
	at = equals + 1;
	return take_number(&at, '\0', INT32_MAX, &e->fd);
}

static int get_option(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) ? -errno : value;
}

/* Checks that fd is the socket that its word describes. */
static int check(const struct entry *e)
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM, SOCK_RAW };
	int type = get_option(e->fd, SO_TYPE);

	if (type < 0)
		return type == -ENOTSOCK ? -EADDRNOTAVAIL : type;
	if (type != types[e->kind])
		return -EADDRNOTAVAIL;
	if (e->kind == ND_FD_NETFILTER)
		return get_option(e->fd, SO_PROTOCOL) == NETLINK_NETFILTER ? 0 : -EADDRNOTAVAIL;
	struct nd_addr local = { .len = sizeof local.in6 };
	if (getsockname(e->fd, &local.sa, &local.len) || !nd_addr_equal(&local, &e->addr))
		return -EADDRNOTAVAIL;
	return e->kind == ND_FD_TCP && get_option(e->fd, SO_ACCEPTCONN) != 1 ? -EADDRNOTAVAIL : 0;
}

static int set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

static bool has_fd(const struct entry *list, size_t n, int fd)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].fd == fd)
			return true;
	return false;
}

/* Parses all words of text; the caller frees *out. */
static int parse(const char *text, struct entry **out, size_t *n)
{
	size_t cap = 0;
	int err = 0;

	*out = NULL;
	for (*n = 0; !err && *(text += strspn(text, " ")); ++*n) {
		char word[WORD_MAX];
		size_t len = strcspn(text, " ");
		struct entry *grown = NULL;
		if (*n < ND_FDSET_MAX)
			grown = nd_array_grow(*out, &cap, *n + 1, sizeof *grown);
		if (!grown)
			return ND_ELIMIT;
		*out = grown;
		if (len >= sizeof word)
			return ND_EFORMAT;
		memcpy(word, text, len);
		word[len] = '\0';
		text += len;
		err = parse_word(word, &grown[*n]);
		if (!err)
			err = has_fd(grown, *n, grown[*n].fd) ? -EBADF : check(&grown[*n]);
	}
	return err;
}

int nd_fdset_add_text(struct nd_fdset *s, const char *text)
{
	struct entry *list;
	size_t n;
	int err = parse(text, &list, &n);

	for (size_t i = 0; !err && i < n; i++)
		err = set_flags(list[i].fd);
	if (!err) {
		pthread_mutex_lock(&s->lock);
		err = add(s, list, n);
		pthread_mutex_unlock(&s->lock);
	}
	free(list);
	return err;
}

uint16_t nd_fdset_workers(struct nd_fdset *s)
{
	uint16_t n = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n; i++)
		if (s->entries[i].kind != ND_FD_NETFILTER && s->entries[i].worker >= n)
			n = (uint16_t)(s->entries[i].worker + 1);
	pthread_mutex_unlock(&s->lock);
	return n;
}

void nd_fdset_close_unused(struct nd_fdset *s)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n; i++) {
		if (s->entries[i].taken)
			continue;
		close(s->entries[i].fd);
		s->entries[i--] = s->entries[--s->n];
	}
	pthread_mutex_unlock(&s->lock);
}

void nd_fdset_format(struct nd_fdset *s, struct nd_buf *out)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n; i++) {
		const struct entry *e = &s->entries[i];
		char addr[ND_ADDR_TEXT_MAX];
		nd_buf_printf(out, "%s%s/%u", i ? " " : "", kind_text[e->kind], e->worker);
		if (e->addr.len) {
			nd_addr_format(&e->addr, addr);
			nd_buf_printf(out, "/%s", addr);
		}
		nd_buf_printf(out, "=%d", e->fd);
	}
	pthread_mutex_unlock(&s->lock);
}

/* --- use --- */

static bool same_place(const struct entry *a, const struct entry *b)
{
	if (a->kind != b->kind || a->worker != b->worker || a->addr.len != b->addr.len)
		return false;
	return a->addr.len == 0 || nd_addr_equal(&a->addr, &b->addr);
}

int nd_fdset_take(struct nd_fdset *s, enum nd_fd_kind kind, const struct nd_addr *addr,
		  uint16_t worker)
{
	struct entry want = make(kind, addr, worker, -1);
	int fd = -1;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; fd < 0 && i < s->n; i++) {
		if (s->entries[i].taken || !same_place(&s->entries[i], &want))
			continue;
		s->entries[i].taken = true;
		fd = s->entries[i].fd;
	}
	pthread_mutex_unlock(&s->lock);
	return fd;
}

int nd_fdset_put(struct nd_fdset *s, enum nd_fd_kind kind, const struct nd_addr *addr,
		 uint16_t worker, int fd)
{
	struct entry e = make(kind, addr, worker, fd);

	e.taken = true;
	pthread_mutex_lock(&s->lock);
	int err = add(s, &e, 1);
	pthread_mutex_unlock(&s->lock);
	return err;
}

void nd_fdset_forget(struct nd_fdset *s, int fd)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n; i++)
		if (s->entries[i].taken && s->entries[i].fd == fd)
			s->entries[i--] = s->entries[--s->n];
	pthread_mutex_unlock(&s->lock);
}
