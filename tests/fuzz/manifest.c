/* SPDX-License-Identifier: Apache-2.0 */
/* The text as YAML and as JSON, decoded to objects and put into an index. Accepted objects can be
 * looked up, and an empty list removes them all. */
#include "base/err.h"
#include "base/rcu.h"
#include "kube/decode.h"
#include "plugin/kubernetes/ksink.h"

static uint64_t wall_ns(void)
{
	return 1;
}

static struct nd_kindex *index_with(const struct nd_decode_list *list)
{
	struct nd_kindex_config config = {
		.zones = true, .pod_names = true, .max_bytes = 4 << 20, .wall_ns = wall_ns
	};

	for (int k = 0; k < ND_OBJECT_KINDS; k++)
		config.wanted[k] = true;
	struct nd_kindex *ix = nd_ksink_new(&config);
	ND_ASSERT(ix);
	for (const struct nd_decoded *it = list->first; it; it = it->next) {
		if (ix->sink.upsert(&ix->sink, &it->object))
			continue;
		const struct nd_kname *name = nd_kindex_name(ix, ND_KSCOPE_CLUSTER,
							     (const uint8_t *)"\1s\1n");
		if (name)
			nd_kindex_exists(name);
	}
	return ix;
}

static void decode(const uint8_t *data, size_t n, bool json)
{
	struct nd_arena trees, objects;
	struct nd_decode_list list;
	struct nd_tree *doc = NULL;
	struct nd_diag d = { 0 };

	nd_arena_init(&trees, 32 << 20);
	nd_arena_init(&objects, 32 << 20);
	nd_decode_init(&list);
	int err = json ? nd_json_parse("f", (const char *)data, n, &trees, &doc, &d)
		       : nd_yaml_parse("f", (const char *)data, n, &trees, &doc, &d);
	for (; doc && !err; doc = doc->next)
		err = nd_decode_document("f", doc, &objects, &list, &d);
	ND_ASSERT(!err || (err == ND_ECONF && d.set));
	nd_arena_clear(&trees);
	struct nd_kindex *ix = index_with(&list);
	for (int k = 0; k < ND_OBJECT_KINDS; k++) {
		ix->sink.begin(&ix->sink, (enum nd_object_kind)k);
		ix->sink.end(&ix->sink, (enum nd_object_kind)k);
	}
	ND_ASSERT(nd_kindex_complete(ix) && ix->namespaces.live == 0 &&
		  ix->endpoint_ips.live == 0 && ix->service_ips.live == 0 && ix->pod_ips.live == 0);
	nd_ksink_free(ix);
	nd_arena_clear(&objects);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static bool registered;

	if (!registered)
		nd_rcu_register();
	registered = true;
	decode(data, n, false);
	decode(data, n, true);
	return 0;
}
