/* SPDX-License-Identifier: Apache-2.0 */
/* The words after FROM: addresses, and files that name servers like resolv.conf. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "io/file.h"
#include "plugin/forward/forward.h"
#include "upstream/resolve.h"

enum { FILE_BYTES_MAX = 1 << 20, DNS_PORT = 53, TLS_PORT = 853, HTTPS_PORT = 443 };

/* The parts of a word: [SCHEME://]HOST. */
struct target {
	const char *word, *host;
	const char *scheme; /* "dns" without one */
};

static struct target split(const char *word)
{
	static const char *const schemes[] = { "tls",    "dns",   "quic", "grpc",
					       "https3", "https", "unix" };
	struct target t = { .word = word, .host = word, .scheme = "dns" };

	for (size_t i = 0; i < ND_COUNT(schemes); i++) {
		size_t n = strlen(schemes[i]);
		if (strncmp(word, schemes[i], n) == 0 && strncmp(word + n, "://", 3) == 0) {
			t.scheme = schemes[i];
			t.host = word + n + 3;
			break;
		}
	}
	return t;
}

static bool is_scheme(const struct target *t, const char *scheme)
{
	return strcmp(t->scheme, scheme) == 0;
}

/* Splits "HOST%ZONE": a server name for TLS, or an interface that this machine lacks. CoreDNS
 * ignores it for plain DNS. "[fe80::1%eth0]:53" keeps its bracket and port. */
static bool split_zone(const char *host, char bare[ND_ADDR_TEXT_MAX], char zone[ND_NAME_TEXT_MAX])
{
	const char *percent = strrchr(host, '%');

	if (!percent)
		return false;
	const char *rest = strpbrk(percent, "]:");
	size_t n = rest ? (size_t)(rest - percent) - 1 : strlen(percent + 1);
	if (n >= ND_NAME_TEXT_MAX)
		return false;
	snprintf(zone, ND_NAME_TEXT_MAX, "%.*s", (int)n, percent + 1);
	return snprintf(bare, ND_ADDR_TEXT_MAX, "%.*s%s", (int)(percent - host), host,
			rest ? rest : "") < ND_ADDR_TEXT_MAX;
}

/* zone: "" without one. */
static bool read_address(const char *host, uint16_t port, struct nd_addr *out,
			 char zone[ND_NAME_TEXT_MAX])
{
	char bare[ND_ADDR_TEXT_MAX], inner[ND_ADDR_TEXT_MAX];

	*zone = '\0';
	if (nd_addr_parse(host, port, out) == 0)
		return true;
	if (split_zone(host, bare, zone))
		host = bare;
	if (nd_addr_parse(host, port, out) == 0)
		return true;
	/* "[::1]" without a port. */
	size_t n = strlen(host);
	if (n >= sizeof inner || n < 3 || host[0] != '[' || host[n - 1] != ']')
		return false;
	snprintf(inner, sizeof inner, "%.*s", (int)n - 2, host + 1);
	return nd_addr_parse_ip(inner, port, out) == 0;
}

static bool is_same(const struct nd_host_config *c, const struct nd_forward_to *to)
{
	if (!nd_addr_equal(&c->addr, &to->addr) || !c->tls != !to->tls_name ||
	    c->https != to->https)
		return false;
	return !to->tls_name || strcasecmp(c->tls_name, to->tls_name) == 0;
}

/* Adds a server, unless the group has it already. */
static int add_host(struct nd_forward *f, const struct nd_forward_to *to, struct nd_setup *s)
{
	struct nd_exchange_config *g = &f->group;

	for (size_t i = 0; i < g->nhosts; i++)
		if (is_same(&g->host[i]->config, to))
			return 0;
	if (g->nhosts == ND_POLICY_HOSTS_MAX)
		return nd_setup_error(s, NULL, "more than %d upstreams", ND_POLICY_HOSTS_MAX);
	return nd_forward_share_host(f, to, s);
}

static int add_plain_host(struct nd_forward *f, const struct nd_addr *addr, struct nd_setup *s)
{
	return add_host(f, &(struct nd_forward_to){ .addr = *addr }, s);
}

/* zone: the text after "%", "". */
static int add_target(struct nd_forward *f, const struct target *t, const struct nd_addr *addr,
		      const char *zone, struct nd_setup *s)
{
	struct nd_forward_to to = { .addr = *addr, .tls_name = f->tls_name };

	if (is_scheme(t, "dns"))
		return add_plain_host(f, addr, s);
	if (is_scheme(t, "https")) {
		to.https = f->doh_get ? ND_HOST_HTTPS_GET : ND_HOST_HTTPS_POST;
		return add_host(f, &to, s);
	}
	if (!is_scheme(t, "tls"))
		return nd_setup_unsupported(s, NULL, t->word);
	if (*zone && *f->tls_name)
		return nd_setup_error(s, NULL,
				      "both forward ('%s') and proxy level ('%s') TLS servernames "
				      "are set for upstream proxy '%s'",
				      f->tls_name, zone, t->host);
	if (*zone)
		to.tls_name = zone;
	return add_host(f, &to, s);
}

/* One line of a resolv.conf: "nameserver ADDRESS"; all others are ignored. */
static int read_line(struct nd_forward *f, const char *file, char *line, struct nd_setup *s)
{
	static const char blank[] = " \t\r\v\f";
	char *at = line, zone[ND_NAME_TEXT_MAX];
	struct nd_addr addr;

	if (*line == '#' || *line == ';')
		return 0;
	at += strspn(at, blank);
	char *word = strsep(&at, blank);
	if (strcmp(word, "nameserver") != 0 || !at)
		return 0;
	at += strspn(at, blank);
	char *value = strsep(&at, blank);
	if (!*value)
		return 0;
	if (!read_address(value, DNS_PORT, &addr, zone)) {
		nd_log_warning("forward", "%s: ignoring nameserver \"%s\": not an IP address", file,
			       value);
		return 0;
	}
	nd_addr_set_port(&addr, DNS_PORT);
	return add_plain_host(f, &addr, s);
}

static int read_text(struct nd_forward *f, const char *file, char *text, struct nd_setup *s)
{
	char *line;
	int err = 0;

	while (!err && (line = strsep(&text, "\n")))
		err = read_line(f, file, line, s);
	return err;
}

/* 0; -ENOENT or another errno for an unreadable file; or an error with the diag set. */
static int read_file(struct nd_forward *f, const char *file, struct nd_setup *s)
{
	struct nd_buf b;

	nd_buf_init(&b, FILE_BYTES_MAX);
	int err = nd_file_read(file, &b);
	if (!err && b.len)
		err = read_text(f, file, b.data, s);
	nd_buf_clear(&b);
	return err;
}

/* NAME[%ZONE][:PORT], NAME without brackets. False: not a domain name. */
static bool read_name(const char *host, char name[ND_NAME_TEXT_MAX], uint16_t *port,
		      char zone[ND_NAME_TEXT_MAX])
{
	const char *colon = strrchr(host, ':'), *percent = strchr(host, '%');
	size_t n = strcspn(host, "%:");
	struct nd_name_buf buf;
	struct nd_name parsed;

	*zone = '\0';
	if (n == 0 || n >= ND_NAME_TEXT_MAX || strchr(host, '/'))
		return false;
	snprintf(name, ND_NAME_TEXT_MAX, "%.*s", (int)n, host);
	if (colon) {
		char *end;
		unsigned long v = strtoul(colon + 1, &end, 10);
		if (*end || end == colon + 1 || v == 0 || v > UINT16_MAX)
			return false;
		*port = (uint16_t)v;
	}
	if (percent)
		snprintf(zone, ND_NAME_TEXT_MAX, "%.*s", (int)strcspn(percent + 1, ":"),
			 percent + 1);
	return nd_name_parse(name, true, &buf, &parsed) == 0;
}

/* A host name: its addresses now, as in CoreDNS; a reload looks them up again. */
static int read_host_name(struct nd_forward *f, const struct target *t, uint16_t port, int file_err,
			  struct nd_setup *s)
{
	char name[ND_NAME_TEXT_MAX], zone[ND_NAME_TEXT_MAX];
	struct nd_resolve_result r;
	int err = 0;

	if (!read_name(t->host, name, &port, zone))
		return nd_setup_error(s, NULL,
				      "not an IP address, file, or valid domain: \"%s\" (%s)",
				      t->word, nd_err_text(file_err));
	nd_resolve_host(name, port, f->resolver, f->nresolvers, &r);
	if (r.n == 0)
		return nd_setup_error(s, NULL, "failed to resolve \"%s\": %s", name, r.error);
	for (size_t i = 0; !err && i < r.n; i++)
		err = add_target(f, t, &r.addr[i], zone, s);
	return err;
}

static uint16_t default_port(const struct target *t)
{
	if (is_scheme(t, "https"))
		return HTTPS_PORT;
	return is_scheme(t, "tls") || is_scheme(t, "quic") ? TLS_PORT : DNS_PORT;
}

static int read_one(struct nd_forward *f, const char *word, struct nd_setup *s)
{
	struct target t = split(word);
	uint16_t port = default_port(&t);
	char zone[ND_NAME_TEXT_MAX];
	struct nd_addr addr;

	if (!*t.host)
		return nd_setup_error(s, NULL, "invalid address: \"%s\"", word);
	if (is_scheme(&t, "grpc") || is_scheme(&t, "https3") || is_scheme(&t, "unix"))
		return nd_setup_error(
			s, NULL, "'%s' is not supported as a destination protocol in forward: %s",
			t.scheme, t.host);
	if (read_address(t.host, port, &addr, zone))
		return add_target(f, &t, &addr, zone, s);
	int err = read_file(f, t.host, s);
	return !err || s->diag->set ? err : read_host_name(f, &t, port, err, s);
}

int nd_forward_to_read(struct nd_forward *f, const char *const *to, size_t n, struct nd_setup *s)
{
	for (size_t i = 0; i < n; i++) {
		struct target t = split(to[i]);
		if (is_scheme(&t, "https") && strchr(t.host, '/'))
			return nd_setup_error(s, NULL,
					      "paths are not allowed in HTTPS upstream addresses (the "
					      "/dns-query path is used by default): %s",
					      to[i]);
	}
	if (n > ND_FORWARD_TO_MAX)
		return nd_setup_error(s, NULL, "more than %d TOs configured: %zu",
				      ND_FORWARD_TO_MAX, n);
	for (size_t i = 0; i < n; i++) {
		int err = read_one(f, to[i], s);
		if (err)
			return err;
	}
	if (f->group.nhosts == 0)
		return nd_setup_error(s, NULL,
				      "no valid upstream addresses found: no file has a line "
				      "\"nameserver ADDRESS\"");
	return 0;
}
