/* SPDX-License-Identifier: Apache-2.0 */
#include "core/offer.h"

#include <string.h>
#include "core/chain.h"
#include "core/gen.h"

const struct nd_plugin *nd_offer_find(const struct nd_setup *s, const char *name, const void **self)
{
	for (size_t i = 0; i < s->gen->ninstances; i++) {
		const struct nd_instance *in = &s->gen->instances[i];
		if (in->block != s->block || strcmp(in->plugin->name, name) != 0)
			continue;
		*self = in->self;
		return in->plugin;
	}
	return NULL;
}

void nd_offer_labels(struct nd_setup *s, const struct nd_name *zones, size_t n)
{
	s->block->label_zones = zones;
	s->block->nlabel_zones = n;
}

void nd_offer_want_external(struct nd_setup *s)
{
	s->block->wants_external = true;
}

bool nd_offer_is_label(const char *text, size_t n)
{
	const char *slash = memchr(text, '/', n);

	return slash && slash > text && slash + 1 < text + n;
}

/* Reads the request's bytes, which a rename does not change. */
static struct nd_offer_asked first_asked(const struct nd_query *q, struct nd_name_buf *buf)
{
	struct nd_reader r = nd_reader_over(q->msg.base, q->msg.len);
	struct nd_offer_asked asked = { .lower = nd_name_root };

	r.pos += ND_MSG_HEADER;
	if (nd_name_read(&r, true, buf, &asked.lower) == 0)
		asked.qtype = nd_reader_u16(&r);
	return asked;
}

static int ask_link(struct nd_query *q, unsigned i, const struct nd_offer_asked *asked,
		    const char *label, char *out, size_t cap)
{
	const struct nd_link *l = &q->run.chain->link[i];
	uint16_t at = q->run.at;

	q->run.at = (uint16_t)(i + 1); /* for nd_query_state() */
	int n = l->plugin->offer->label(l->self, q, asked, label, out, cap);
	q->run.at = at;
	return n;
}

int nd_offer_label(struct nd_query *q, const char *label, char *out, size_t cap)
{
	struct nd_name_buf buf;
	int found = -1;

	/* A sub-query of the plugins below has its parent's labels; one of the whole server has
	 * its own. */
	while (q->run.below)
		q = q->run.parent;
	if (!q->site || !q->site->block->nlabel_zones)
		return -1;
	const struct nd_block *b = q->site->block;
	struct nd_offer_asked asked = first_asked(q, &buf);
	bool inside = nd_setup_zone_match(b->label_zones, b->nlabel_zones, asked.lower) != NULL;
	/* Of two plugins with the same label the later one counts, as with CoreDNS. */
	for (unsigned i = 0; i < q->run.chain->len; i++) {
		const struct nd_offer *o = q->run.chain->link[i].plugin->offer;
		if (!o || !o->label || (!inside && !o->label_anywhere))
			continue;
		int n = ask_link(q, i, &asked, label, out, cap);
		found = n >= 0 ? n : found;
	}
	return found;
}
