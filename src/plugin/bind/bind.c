/* SPDX-License-Identifier: Apache-2.0 */
/* bind - the addresses, or interfaces, that a server block listens on (CoreDNS's bind). */
#include <stdlib.h>
#include <string.h>
#include "core/setup.h"
#include "io/netif.h"

struct list {
	struct nd_addr *addr;
	size_t n;
};

struct bind {
	struct list except;
};

static int add(struct list *l, const struct nd_addr *more, size_t n)
{
	struct nd_addr *grown = realloc(l->addr, (l->n + n) * sizeof *grown);

	if (n == 0)
		return 0;
	if (!grown)
		return ND_ELIMIT;
	memcpy(grown + l->n, more, n * sizeof *more);
	l->addr = grown;
	l->n += n;
	return 0;
}

/* Appends an address, or all addresses of an interface. */
static int expand(struct nd_setup *s, const struct nd_conf_line *line, const char *word,
		  struct list *to)
{
	struct nd_addr one, *many;
	size_t n;

	if (nd_addr_parse_ip(word, 0, &one) == 0)
		return add(to, &one, 1);
	if (nd_netif_addresses(word, s->arena, &many, &n))
		return nd_setup_invalid(s, line, "address", word,
					"an IP address or an interface of this machine");
	return add(to, many, n);
}

static int own(void *self, const struct nd_conf_line *line, void *ctx)
{
	struct bind *b = self;
	int err = nd_settings_args(line, "bind", 1, SIZE_MAX, ((struct nd_setup *)ctx)->diag);

	for (size_t i = 0; !err && i < line->nargs; i++)
		err = expand(ctx, line, line->args[i], &b->except);
	return err;
}

static const struct nd_setting settings[] = {
	ND_SET_OWN_ROW("except", "ADDRESS|INTERFACE...: excluded"),
	{ 0 },
};

static bool has(const struct list *l, const struct nd_addr *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (nd_addr_equal(&l->addr[i], a))
			return true;
	return false;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct bind *b = self;
	struct list all = { 0 }, kept = { 0 };
	int err = nd_settings_args(d, "bind", 1, SIZE_MAX, s->diag);

	if (!err)
		err = nd_setup_settings(s, own, false);
	for (size_t i = 0; !err && i < d->nargs; i++)
		err = expand(s, d, d->args[i], &all);
	for (size_t i = 0; !err && i < all.n; i++)
		if (!has(&b->except, &all.addr[i]) && !has(&kept, &all.addr[i]))
			err = add(&kept, &all.addr[i], 1);
	if (!err && kept.n == 0)
		err = nd_setup_error(s, NULL,
				     "no address to listen on: \"except\" removes all of them");
	if (!err)
		err = nd_setup_bind(s, kept.addr, kept.n);
	free(all.addr);
	free(kept.addr);
	free(b->except.addr);
	b->except = (struct list){ 0 };
	return err;
}

static void clear(void *self)
{
	struct bind *b = self;

	free(b->except.addr);
	b->except = (struct list){ 0 };
}

const struct nd_plugin nd_plugin_bind = {
	.name = "bind",
	.self_size = sizeof(struct bind),
	.settings = settings,
	.setup = setup,
	.clear = clear,
};
