/* SPDX-License-Identifier: Apache-2.0 */
/* A label selector and, after the first NUL, the value of label "a". An accepted selector has
 * valid names and values; written in canonical form it selects the same objects. */
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "kube/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct nd_selector_part *check(const struct nd_selector_part *p)
{
	const char *name = strrchr(p->key, '/');

	name = name ? name + 1 : p->key;
	ND_ASSERT(name[0] && strlen(name) <= 63);
	ND_ASSERT(p->any ? p->nvalues == 0 : p->nvalues > 0);
	for (size_t i = 0; i < p->nvalues; i++)
		ND_ASSERT(strlen(p->values[i]) <= 63 && !strpbrk(p->values[i], " ,()!=/"));
	return p;
}

static void write_part(struct nd_buf *to, const struct nd_selector_part *p)
{
	if (p->any) {
		nd_buf_printf(to, "%s%s", p->negated ? "!" : "", p->key);
		return;
	}
	nd_buf_printf(to, "%s %s (", p->key, p->negated ? "notin" : "in");
	for (size_t i = 0; i < p->nvalues; i++)
		nd_buf_printf(to, "%s%s", i ? "," : "", p->values[i]);
	nd_buf_text(to, ")");
}

static void compare(const struct nd_selector *s, const char *value, struct nd_arena *a)
{
	const struct nd_object_label label = { "a", value };
	const struct nd_object with = { .labels = &label, .nlabels = 1 }, without = { 0 };
	struct nd_selector again;
	struct nd_buf text;
	const char *why;

	nd_buf_init(&text, 1 << 20);
	for (const struct nd_selector_part *p = s->first; p; p = check(p)->next) {
		if (p != s->first)
			nd_buf_text(&text, ",");
		write_part(&text, p);
	}
	if (!text.err) {
		int err = nd_selector_parse(nd_buf_string(&text), a, &again, &why);
		ND_ASSERT(!err || err == ND_ELIMIT);
		ND_ASSERT(err ||
			  nd_selector_matches(s, &with) == nd_selector_matches(&again, &with));
		ND_ASSERT(err || nd_selector_matches(s, &without) ==
					 nd_selector_matches(&again, &without));
	}
	nd_buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 2);
	const char *why = NULL;
	struct nd_selector s;
	struct nd_arena a;

	memcpy(text, data, n);
	text[n] = text[n + 1] = '\0';
	nd_arena_init(&a, 1 << 20);
	int err = nd_selector_parse(text, &a, &s, &why);
	ND_ASSERT(!err || ((err == ND_EFORMAT || err == ND_ELIMIT) && why));
	if (!err)
		compare(&s, text + strlen(text) + (strlen(text) < n), &a);
	nd_arena_clear(&a);
	free(text);
	return 0;
}
