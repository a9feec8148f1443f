/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/kptr.h"

#include <string.h>
#include "base/rcu.h"
#include "core/query.h"
#include "plugin/kubernetes/kfind.h"

static int add_ptr(const struct nd_kconf *c, struct nd_query *q, const struct nd_kname *of,
		   const uint8_t *label)
{
	struct nd_name_buf a, b;
	struct nd_name name;

	if (nd_name_prepend("svc", 3, *c->primary, &a, &name) ||
	    nd_name_prepend(of->ns->node.name, of->ns->node.len, name, &b, &name) ||
	    nd_name_prepend(of->node.name, of->node.len, name, &a, &name) ||
	    (label && nd_name_prepend(label + 1, label[0], name, &b, &name)))
		return 0;
	return nd_answer_add(q, ND_SECTION_ANSWER, ND_TYPE_PTR, c->ttl, name.wire, name.len);
}

/* `namespaces` also hides reverse names; namespaces hidden only by `namespace_labels` keep them
 * (CoreDNS serviceRecordForIP). */
static bool may_show(const struct nd_kconf *c, const struct nd_kname *of)
{
	return c->nnamespaces == 0 || nd_kfind_namespace(c, of->ns->node.name, of->ns->node.len);
}

enum { PTR_SEEN_MAX = 64 };

struct ptr_seen {
	const struct nd_kname *of[PTR_SEEN_MAX];
	const uint8_t
		*label[PTR_SEEN_MAX]; /* in a slice; NULL: made of the address, so equal for all */
	size_t n;
};

static bool ptr_seen(struct ptr_seen *s, const struct nd_kname *of, const uint8_t *label)
{
	for (size_t i = 0; i < s->n; i++) {
		const uint8_t *l = s->label[i];
		if (s->of[i] == of &&
		    (l == label || (l && label && memcmp(l, label, label[0] + 1u) == 0)))
			return true;
	}
	if (s->n < PTR_SEEN_MAX) {
		s->of[s->n] = of;
		s->label[s->n++] = label;
	}
	return false;
}

static int ptr_of_name(const struct nd_kconf *c, struct nd_query *q, struct ptr_seen *seen,
		       const struct nd_kname *of, const struct nd_kslice *slice, uint32_t name,
		       const uint8_t *ip, size_t n)
{
	const uint8_t *label = name ? nd_kobject_slice_text(slice) + name : NULL;
	uint8_t made[ND_KOBJECT_LABEL_MAX];

	if (ptr_seen(seen, of, label))
		return 0;
	if (!label)
		nd_kobject_ip_label(ip, n, made);
	return add_ptr(c, q, of, label ? label : made);
}

static int ptr_of_slice(const struct nd_kconf *c, struct nd_query *q, struct ptr_seen *seen,
			const struct nd_kname *of, const struct nd_kslice *s, const uint8_t *ip,
			size_t n)
{
	int err = 0;

	for (uint32_t i = 0; n == 4 && i < s->n4 && !err; i++)
		if (memcmp(nd_kobject_v4(s)[i].ip, ip, 4) == 0)
			err = ptr_of_name(c, q, seen, of, s, nd_kobject_v4(s)[i].name, ip, n);
	for (uint32_t i = 0; n == 16 && i < s->n6 && !err; i++)
		if (memcmp(nd_kobject_v6(s)[i].ip, ip, 16) == 0)
			err = ptr_of_name(c, q, seen, of, s, nd_kobject_v6(s)[i].name, ip, n);
	return err;
}

int nd_kptr_answer(const struct nd_kconf *c, struct nd_query *q, const uint8_t *ip, size_t n)
{
	struct nd_kreverse_iter it = nd_kindex_by_service_ip(c->index, ip, n);
	const struct nd_kname *name;
	const struct nd_kset *set;
	struct ptr_seen seen = { .n = 0 };
	int err = 0;

	while ((name = nd_kreverse_next(&it))) {
		const struct nd_kservice *s = nd_rcu_get(name->service);
		if (s && nd_kindex_service_has(s, ip, n) && may_show(c, name))
			return add_ptr(c, q, name, NULL);
	}
	it = nd_kindex_by_endpoint_ip(c->index, ip, n);
	while (!err && (set = nd_kreverse_next(&it))) {
		const struct nd_kslice *s = nd_rcu_get(set->now);
		if (s && may_show(c, set->of))
			err = ptr_of_slice(c, q, &seen, set->of, s, ip, n);
	}
	return err;
}
