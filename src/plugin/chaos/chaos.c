/* SPDX-License-Identifier: Apache-2.0 */
/* chaos - answers the CH TXT queries for version, authors and host name (CoreDNS's chaos). */
#include <string.h>
#include <unistd.h>
#include "core/gen.h"
#include "core/query.h"
#include "core/setup.h"
#include "io/random.h"

enum { TEXT_MAX = 255 }; /* bytes of a character-string */

static const char authors_of_nodens[] = "The nodens authors";

struct text {
	uint8_t rdata[1 + TEXT_MAX]; /* one character-string */
};

struct chaos {
	struct text version, host, *authors;
	size_t nauthors;
};

static const struct nd_setting settings[] = { { 0 } };

/* --- queries --- */

static void add(struct nd_query *q, const struct text *t)
{
	nd_answer_rr(q, ND_SECTION_ANSWER, nd_query_name_asked(q), ND_TYPE_TXT, ND_CLASS_CH, 0,
		     t->rdata, 1u + t->rdata[0]);
}

/* Starting with a random one. */
static void add_authors(struct nd_query *q, const struct chaos *c)
{
	size_t first = c->nauthors ? nd_random_below((uint32_t)c->nauthors) : 0;

	for (size_t i = 0; i < c->nauthors; i++)
		add(q, &c->authors[(first + i) % c->nauthors]);
}

static bool is(struct nd_name lower, const char *wire)
{
	return nd_name_same(lower, nd_name_view((const uint8_t *)wire));
}

static enum nd_verdict answer(const void *self, struct nd_query *q)
{
	const struct chaos *c = self;
	struct nd_name name = q->msg.qname;

	if (q->msg.qclass != ND_CLASS_CH || q->msg.qtype != ND_TYPE_TXT)
		return ND_NEXT;
	if (is(name, "\7version\4bind") || is(name, "\7version\6server"))
		add(q, &c->version);
	else if (is(name, "\10hostname\4bind") || is(name, "\2id\6server"))
		add(q, &c->host);
	else if (is(name, "\7authors\4bind"))
		add_authors(q, c);
	else
		return ND_NEXT;
	return ND_DONE;
}

/* --- setting up --- */

static void set(struct text *t, const char *text)
{
	size_t n = strnlen(text, TEXT_MAX);

	t->rdata[0] = (uint8_t)n;
	memcpy(t->rdata + 1, text, n);
}

static int read_authors(struct chaos *c, struct nd_setup *s, const char *const *names, size_t n)
{
	c->authors = nd_arena_array(s->arena, n, sizeof *c->authors);
	if (!c->authors)
		return ND_ELIMIT;
	for (size_t i = 0; i < n; i++) {
		size_t same = 0;
		while (same < i && strcmp(names[same], names[i]) != 0)
			same++;
		if (same == i)
			set(&c->authors[c->nauthors++], names[i]);
	}
	return 0;
}

static int setup(void *self, const struct nd_conf_line *d, struct nd_setup *s)
{
	struct chaos *c = self;
	const char *own = authors_of_nodens;
	char host[TEXT_MAX + 1];
	int err = nd_setup_settings(s, NULL, false);

	if (err)
		return err;
	const char *version = nd_arena_printf(s->arena, "CoreDNS-%s", s->process->version);
	if (!version)
		return ND_ELIMIT;
	set(&c->version, d->nargs ? d->args[0] : version);
	if (gethostname(host, sizeof host) != 0)
		strcpy(host, "localhost");
	host[TEXT_MAX] = '\0';
	set(&c->host, host);
	nd_setup_other_classes(s);
	return d->nargs > 1 ? read_authors(c, s, d->args + 1, d->nargs - 1)
			    : read_authors(c, s, &own, 1);
}

const struct nd_plugin nd_plugin_chaos = {
	.name = "chaos",
	.self_size = sizeof(struct chaos),
	.settings = settings,
	.setup = setup,
	.query = answer,
};
