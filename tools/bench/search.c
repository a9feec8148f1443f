/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/search.h"

#include <string.h>
#include "base/err.h"

static void add(struct nd_search *s, struct nd_name name)
{
	nd_name_copy(name, &s->name[s->n++]);
}

static void add_searched(struct nd_search *s, struct nd_name host, const struct nd_resolv *r)
{
	for (unsigned i = 0; i < r->searches; i++) {
		struct nd_name out;
		struct nd_name domain = nd_name_view(r->search[i].bytes);
		/* "search ." would try the name as given twice. */
		if (!nd_name_is_root(domain) &&
		    nd_name_join(host, domain, &s->name[s->n], &out) == 0)
			s->n++;
	}
}

int nd_search_init(struct nd_search *s, const char *host, const struct nd_resolv *r,
		   const struct nd_style *style)
{
	struct nd_name_buf buf;
	struct nd_name name;
	size_t len = strlen(host);

	if (len == 0 || nd_name_parse(host, false, &buf, &name) < 0)
		return ND_EFORMAT;
	bool rooted = host[len - 1] == '.';
	bool dotted = (unsigned)(name.labels ? name.labels - 1 : 0) >= r->ndots;
	s->n = 0;
	if (rooted || dotted) {
		s->as_is = 0;
		add(s, name);
	}
	if (!rooted && (!dotted || style->search_dotted))
		add_searched(s, name, r);
	if (!rooted && !dotted) {
		s->as_is = s->n;
		add(s, name);
	}
	return 0;
}

unsigned nd_search_next(const struct nd_search *s, unsigned at, enum nd_style_next next)
{
	if (next == ND_STYLE_STOP)
		return s->n;
	/* The name as given was tried first: its result does not end the search list. */
	if (next == ND_STYLE_TRY || (s->as_is == 0 && at == 0))
		return at + 1;
	return s->as_is > at ? s->as_is : s->n;
}
