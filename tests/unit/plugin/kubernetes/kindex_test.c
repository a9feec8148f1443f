/* SPDX-License-Identifier: Apache-2.0 */
/* The index against a naive model: after random additions, changes, removals and lists, both
 * agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/rcu.h"
#include "plugin/kubernetes/kpod.h"
#include "plugin/kubernetes/ksink.h"
#include "plugin/kubernetes/kspace.h"

enum { SPACES = 3, NAMES = 4, SLICES = 6, PODS = 4, IPS = 10, PER_SLICE = 5 };

/* Address numbers: 0 to 5 are IPv4, the rest IPv6. */
static struct nd_object_ip ip_of(unsigned i)
{
	struct nd_object_ip ip = { .len = i < 6 ? 4 : 16 };

	ip.bytes[0] = i < 6 ? 10 : 0xfd;
	ip.bytes[ip.len - 1] = (uint8_t)(i + 1);
	return ip;
}

static const char *const ip_text[IPS] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4",
					  "10.0.0.5", "10.0.0.6", "fd00::7",  "fd00::8",
					  "fd00::9",  "fd00::a" };
static const char *const space_text[SPACES] = { "red", "green", "blue" };
static const char *const name_text[NAMES] = { "a", "b", "c", "dd" };

struct slice {
	bool there;
	unsigned owner; /* NAMES: none */
	unsigned n, ip[PER_SLICE];
	bool named[PER_SLICE];
};

struct model {
	bool space[SPACES];
	struct {
		bool there;
		unsigned n, ip[3];
	} service[SPACES][NAMES], pod[SPACES][PODS];
	struct slice slice[SPACES][SLICES];
};

struct world {
	struct nd_kindex *ix;
	struct model m;
	uint64_t seed;
};

static unsigned below(struct world *w, unsigned n)
{
	w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(w->seed >> 33) % n;
}

static uint64_t wall_ns(void)
{
	return 1700000000u * 1000000000ull;
}

static struct nd_kindex *make_index(size_t max_bytes)
{
	struct nd_kindex_config config = { .max_bytes = max_bytes,
					   .wall_ns = wall_ns,
					   .key = { 1, 2 } };

	config.wanted[ND_OBJECT_SERVICE] = config.wanted[ND_OBJECT_POD] = true;
	struct nd_kindex *ix = nd_ksink_new(&config);
	assert_non_null(ix);
	return ix;
}

/* --- updates --- */

static int put(struct world *w, const struct nd_object *o)
{
	return w->ix->sink.upsert(&w->ix->sink, o);
}

static int put_space(struct world *w, unsigned s)
{
	struct nd_object o = { .kind = ND_OBJECT_NAMESPACE,
			       .namespace = "",
			       .name = space_text[s] };
	int err = put(w, &o);

	w->m.space[s] = w->m.space[s] || !err;
	return err;
}

static int put_service(struct world *w, unsigned s, unsigned n)
{
	struct nd_object_ip ips[3];
	unsigned count = below(w, 3), ip[3];
	struct nd_object o = { .kind = ND_OBJECT_SERVICE,
			       .namespace = space_text[s],
			       .name = name_text[n],
			       .service = { .external_name = "", .ips = ips, .nips = count } };

	for (unsigned i = 0; i < count; i++)
		ips[i] = ip_of(ip[i] = below(w, IPS));
	int err = put(w, &o);
	if (err)
		return err;
	w->m.service[s][n].there = true;
	w->m.service[s][n].n = count;
	memcpy(w->m.service[s][n].ip, ip, count * sizeof *ip);
	return 0;
}

static int put_pod(struct world *w, unsigned s, unsigned n)
{
	struct nd_object_ip ips[3];
	unsigned count = below(w, 3), ip[3];
	bool terminating = below(w, 4) == 0; /* it keeps its old state, or is not added */
	struct nd_object o = { .kind = ND_OBJECT_POD,
			       .namespace = space_text[s],
			       .name = name_text[n],
			       .pod = { .ips = ips, .nips = count, .terminating = terminating } };

	for (unsigned i = 0; i < count; i++)
		ips[i] = ip_of(ip[i] = below(w, IPS));
	int err = put(w, &o);
	if (err || terminating)
		return err;
	w->m.pod[s][n].there = true;
	w->m.pod[s][n].n = count;
	memcpy(w->m.pod[s][n].ip, ip, count * sizeof *ip);
	return 0;
}

static const char *slice_name(unsigned n, char text[16])
{
	snprintf(text, 16, "slice-%u", n);
	return text;
}

static int put_slice(struct world *w, unsigned s, unsigned n)
{
	struct nd_object_endpoint e[PER_SLICE];
	struct slice made = { .there = true,
			      .owner = below(w, NAMES + 1),
			      .n = below(w, PER_SLICE + 1) };
	char text[16];
	struct nd_object o = { .kind = ND_OBJECT_SLICE,
			       .namespace = space_text[s],
			       .name = slice_name(n, text),
			       .slice = { .service = made.owner < NAMES ? name_text[made.owner]
									: "",
					  .import = "",
					  .cluster = "",
					  .changed = "",
					  .endpoints = e,
					  .nendpoints = made.n } };

	for (unsigned i = 0; i < made.n; i++) {
		made.ip[i] = below(w, IPS);
		made.named[i] = below(w, 3) == 0;
		e[i] = (struct nd_object_endpoint){ .ip = ip_of(made.ip[i]),
						    .text = ip_text[made.ip[i]],
						    .hostname = made.named[i] ? "host" : "",
						    .pod = "",
						    .zone = "" };
	}
	int err = put(w, &o);
	if (!err)
		w->m.slice[s][n] = made;
	else if (w->m.slice[s][n].there && w->m.slice[s][n].owner != made.owner)
		w->m.slice[s][n].there = false; /* it left its old name before memory ran out */
	return err;
}

static void take_out(struct world *w, enum nd_object_kind kind, unsigned s, unsigned n)
{
	char text[16];
	const char *name = kind == ND_OBJECT_NAMESPACE ? space_text[s]
			   : kind == ND_OBJECT_SLICE   ? slice_name(n, text)
						       : name_text[n];

	w->ix->sink.remove(&w->ix->sink, kind, space_text[s], name);
	switch (kind) {
	case ND_OBJECT_NAMESPACE: w->m.space[s] = false; break;
	case ND_OBJECT_SERVICE: w->m.service[s][n].there = false; break;
	case ND_OBJECT_POD: w->m.pod[s][n].there = false; break;
	default: w->m.slice[s][n].there = false;
	}
}

static int put_kind(struct world *w, enum nd_object_kind kind, unsigned s, unsigned n)
{
	switch (kind) {
	case ND_OBJECT_NAMESPACE: return put_space(w, s);
	case ND_OBJECT_SERVICE: return put_service(w, s, n);
	case ND_OBJECT_POD: return put_pod(w, s, n);
	default: return put_slice(w, s, n);
	}
}

static unsigned count_of(enum nd_object_kind kind)
{
	return kind == ND_OBJECT_NAMESPACE ? 1 : kind == ND_OBJECT_SLICE ? SLICES : NAMES;
}

/* A list contains about half of the possible objects; the others must be removed. */
static void relist(struct world *w, enum nd_object_kind kind)
{
	bool named[SPACES][SLICES] = { { 0 } };

	w->ix->sink.begin(&w->ix->sink, kind);
	for (unsigned s = 0; s < SPACES; s++)
		for (unsigned n = 0; n < count_of(kind); n++)
			if (below(w, 2) && put_kind(w, kind, s, n) == 0)
				named[s][n] = true;
	w->ix->sink.end(&w->ix->sink, kind);
	for (unsigned s = 0; s < SPACES; s++)
		for (unsigned n = 0; n < count_of(kind); n++) {
			if (named[s][n])
				continue;
			if (kind == ND_OBJECT_NAMESPACE)
				w->m.space[s] = false;
			else if (kind == ND_OBJECT_SERVICE)
				w->m.service[s][n].there = false;
			else if (kind == ND_OBJECT_POD)
				w->m.pod[s][n].there = false;
			else
				w->m.slice[s][n].there = false;
		}
}

/* --- comparison --- */

/* The namespace's node, whether its Namespace exists or not: names may be below it either way. */
static const struct nd_kns *space_node(struct world *w, unsigned s)
{
	const char *name = space_text[s];
	uint32_t hash = nd_ktable_hash(&w->ix->config.key, NULL, name, strlen(name));

	return (const struct nd_kns *)nd_ktable_find(&w->ix->namespaces, hash, NULL, name,
						     strlen(name));
}

static unsigned count_in_group(const struct nd_kgroup *g, unsigned ip, bool named)
{
	struct nd_object_ip want = ip_of(ip);
	unsigned found = 0;

	for (uint32_t i = 0; g && i < g->n; i++) {
		const struct nd_kslice *s = g->slice[i];
		for (uint32_t k = 0; s && want.len == 4 && k < s->n4; k++)
			found += memcmp(nd_kobject_v4(s)[k].ip, want.bytes, 4) == 0 &&
				 (nd_kobject_v4(s)[k].name != 0) == named;
		for (uint32_t k = 0; s && want.len == 16 && k < s->n6; k++)
			found += memcmp(nd_kobject_v6(s)[k].ip, want.bytes, 16) == 0 &&
				 (nd_kobject_v6(s)[k].name != 0) == named;
	}
	return found;
}

static unsigned count_in_model(const struct model *m, unsigned s, unsigned n, unsigned ip,
			       bool named)
{
	unsigned found = 0;

	for (unsigned i = 0; i < SLICES; i++) {
		const struct slice *v = &m->slice[s][i];
		for (unsigned k = 0; v->there && v->owner == n && k < v->n; k++)
			found += v->ip[k] == ip && v->named[k] == named;
	}
	return found;
}

static bool repeats_in_model(const struct model *m, unsigned s, unsigned n)
{
	unsigned names = 0;

	for (unsigned ip = 0; ip < IPS; ip++) {
		unsigned named = count_in_model(m, s, n, ip, true);
		if (named + count_in_model(m, s, n, ip, false) > 1)
			return true;
		names += named;
	}
	return names > 1;
}

static void compare_name(struct world *w, unsigned s, unsigned n)
{
	const struct nd_kname *name = nd_kspace_find_name(w->ix, ND_KSCOPE_CLUSTER, space_text[s],
							  name_text[n]);
	const struct nd_kservice *service = name ? name->service : NULL;
	const struct nd_kgroup *group = name ? name->group : NULL;

	assert_int_equal(service != NULL, w->m.service[s][n].there);
	if (service) {
		assert_int_equal(service->nips, w->m.service[s][n].n);
		for (unsigned i = 0; i < service->nips; i++) {
			struct nd_object_ip ip = ip_of(w->m.service[s][n].ip[i]);
			assert_memory_equal(nd_kobject_ips(service)[i].bytes, ip.bytes, 16);
		}
	}
	for (unsigned ip = 0; ip < IPS; ip++) {
		assert_int_equal(count_in_group(group, ip, true),
				 count_in_model(&w->m, s, n, ip, true));
		assert_int_equal(count_in_group(group, ip, false),
				 count_in_model(&w->m, s, n, ip, false));
	}
	if (repeats_in_model(&w->m, s, n))
		assert_true(group->repeats);
}

static unsigned services_with(const struct world *w, unsigned ip)
{
	unsigned found = 0;

	for (unsigned s = 0; s < SPACES; s++)
		for (unsigned n = 0; n < NAMES; n++)
			for (unsigned i = 0; w->m.service[s][n].there && i < w->m.service[s][n].n;
			     i++)
				if (w->m.service[s][n].ip[i] == ip) {
					found++;
					break;
				}
	return found;
}

static unsigned slices_with(const struct world *w, unsigned ip)
{
	unsigned found = 0;

	for (unsigned s = 0; s < SPACES; s++)
		for (unsigned n = 0; n < SLICES; n++) {
			const struct slice *v = &w->m.slice[s][n];
			for (unsigned i = 0; v->there && v->owner < NAMES && i < v->n; i++)
				if (v->ip[i] == ip) {
					found++;
					break;
				}
		}
	return found;
}

static void compare_reverse(struct world *w, unsigned i)
{
	struct nd_object_ip ip = ip_of(i);
	struct nd_kreverse_iter it = nd_kindex_by_service_ip(w->ix, ip.bytes, ip.len);
	const struct nd_kname *name;
	const struct nd_kset *set;
	unsigned services = 0, slices = 0;

	while ((name = nd_kreverse_next(&it)))
		services += name->service && nd_kindex_service_has(name->service, ip.bytes, ip.len);
	it = nd_kindex_by_endpoint_ip(w->ix, ip.bytes, ip.len);
	while ((set = nd_kreverse_next(&it))) {
		struct nd_kgroup *one = calloc(1, sizeof *one + sizeof *one->slice);
		one->n = 1;
		one->slice[0] = set->now;
		slices += count_in_group(one, i, true) + count_in_group(one, i, false) > 0;
		free(one);
	}
	assert_int_equal(services, services_with(w, i));
	assert_int_equal(slices, slices_with(w, i));
}

static void compare_pods(struct world *w, unsigned s)
{
	const struct nd_kns *ns = space_node(w, s);

	for (unsigned i = 0; ns && i < IPS; i++) {
		struct nd_object_ip ip = ip_of(i);
		unsigned want = 0;
		for (unsigned n = 0; n < PODS; n++)
			for (unsigned k = 0; w->m.pod[s][n].there && k < w->m.pod[s][n].n; k++)
				if (w->m.pod[s][n].ip[k] == i) {
					want++;
					break;
				}
		assert_int_equal(nd_kpod_count(w->ix, ns, ip.bytes, ip.len), want);
	}
}

static void compare(struct world *w)
{
	for (unsigned s = 0; s < SPACES; s++) {
		assert_int_equal(nd_kindex_namespace(w->ix, space_text[s], strlen(space_text[s])) !=
					 NULL,
				 w->m.space[s]);
		for (unsigned n = 0; n < NAMES; n++)
			compare_name(w, s, n);
		compare_pods(w, s);
	}
	for (unsigned i = 0; i < IPS; i++)
		compare_reverse(w, i);
}

static void step(struct world *w)
{
	enum nd_object_kind kind = (enum nd_object_kind)below(w, ND_OBJECT_IMPORT);
	unsigned s = below(w, SPACES), n = below(w, count_of(kind)), what = below(w, 20);

	if (what == 0)
		relist(w, kind);
	else if (what < 8)
		take_out(w, kind, s, n);
	else
		put_kind(w, kind, s, n);
}

/* Every id that was ever assigned is in the list of free ids. */
static void all_ids_back(const struct nd_kreverse *r)
{
	uint32_t n = 0;

	for (uint32_t id = r->free_id; id; id = (uint32_t)((uintptr_t)r->owners->at[id] >> 1))
		n++;
	assert_int_equal(n, r->last_id);
}

static void empty(struct world *w)
{
	for (int k = 0; k < ND_OBJECT_KINDS; k++) {
		w->ix->sink.begin(&w->ix->sink, (enum nd_object_kind)k);
		w->ix->sink.end(&w->ix->sink, (enum nd_object_kind)k);
	}
	memset(&w->m, 0, sizeof w->m);
	compare(w);
	assert_int_equal(w->ix->namespaces.live, 0);
	assert_int_equal(w->ix->scope[ND_KSCOPE_CLUSTER].names.live, 0);
	assert_int_equal(w->ix->scope[ND_KSCOPE_CLUSTER].sets.live, 0);
	assert_int_equal(w->ix->service_ips.live, 0);
	assert_int_equal(w->ix->endpoint_ips.live, 0);
	assert_int_equal(w->ix->pod_ips.live, 0);
	all_ids_back(&w->ix->endpoint_ips);
	all_ids_back(&w->ix->pod_ips);
}

static void run(uint64_t seed, size_t max_bytes, unsigned steps)
{
	struct world *w = calloc(1, sizeof *w);

	w->ix = make_index(max_bytes);
	w->seed = seed;
	for (unsigned i = 0; i < steps; i++) {
		step(w);
		compare(w);
		assert_true(w->ix->memory.used <= max_bytes + 4096);
	}
	empty(w);
	nd_ksink_free(w->ix);
	free(w);
}

static void test_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++)
		run(seed, 1 << 24, 1500);
}

/* With little memory most updates are refused; what is stored must remain consistent. */
static void test_full(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++)
		run(seed, 2000 + 1500 * seed, 1500);
}

static void test_complete(void **state)
{
	struct nd_kindex *ix = make_index(1 << 20);
	(void)state;

	assert_false(nd_kindex_complete(ix));
	ix->sink.end(&ix->sink, ND_OBJECT_SERVICE);
	ix->sink.end(&ix->sink, ND_OBJECT_SLICE);
	assert_false(nd_kindex_complete(ix));
	ix->sink.end(&ix->sink, ND_OBJECT_POD);
	assert_true(nd_kindex_complete(ix));
	nd_ksink_free(ix);
}

static void test_serial(void **state)
{
	struct nd_kindex *ix = make_index(1 << 20);
	struct nd_object ns = { .kind = ND_OBJECT_NAMESPACE, .namespace = "", .name = "n" };
	struct nd_object import = { .kind = ND_OBJECT_IMPORT,
				    .namespace = "n",
				    .name = "i",
				    .service = { .external_name = "" } };
	(void)state;

	ix->sink.upsert(&ix->sink, &ns);
	assert_int_equal(ix->modified[ND_KSCOPE_CLUSTER], 0);
	ix->sink.upsert(&ix->sink, &import);
	assert_int_equal(ix->modified[ND_KSCOPE_CLUSTER], 1700000000);
	assert_int_equal(ix->modified[ND_KSCOPE_CLUSTERSET], 0);
	ix->modified[ND_KSCOPE_CLUSTER] = 0;
	ix->sink.upsert(&ix->sink, &import);
	assert_int_equal(ix->modified[ND_KSCOPE_CLUSTER], 0);
	import.service.headless = true;
	ix->sink.upsert(&ix->sink, &import);
	assert_int_equal(ix->modified[ND_KSCOPE_CLUSTERSET], 1700000000);
	assert_int_equal(ix->modified[ND_KSCOPE_CLUSTER], 0);
	ix->sink.remove(&ix->sink, ND_OBJECT_IMPORT, "n", "i");
	assert_int_equal(ix->modified[ND_KSCOPE_CLUSTER], 1700000000);
	nd_ksink_free(ix);
}

static int put_endpoint(struct nd_kindex *ix, unsigned n, const char *service, uint8_t last)
{
	struct nd_object_endpoint e = {
		.ip = { 4, { 10, 9, (uint8_t)(last ? 0 : n >> 8), last ? last : (uint8_t)n } },
		.text = "",
		.hostname = "",
		.pod = "",
		.zone = ""
	};
	char name[16];
	struct nd_object o = { .kind = ND_OBJECT_SLICE,
			       .namespace = "red",
			       .name = slice_name(n, name),
			       .slice = { .service = service,
					  .import = "",
					  .cluster = "",
					  .changed = "",
					  .endpoints = &e,
					  .nendpoints = 1 } };

	return ix->sink.upsert(&ix->sink, &o);
}

static const struct nd_kgroup *group_of(struct nd_kindex *ix, const char *service)
{
	return nd_kspace_find_name(ix, ND_KSCOPE_CLUSTER, "red", service)->group;
}

/* A Service of many slices: during a list its group is not checked for duplicates each time, but at
 * its end; later changes are checked at once. */
static void test_many_slices(void **state)
{
	struct nd_kindex *ix = make_index(1 << 24);
	struct nd_sink *sink = &ix->sink;
	enum { MANY = 2000 };
	(void)state;

	sink->begin(sink, ND_OBJECT_SLICE);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(put_endpoint(ix, i, "x", 0), 0);
	assert_true(group_of(ix, "x")->unchecked && group_of(ix, "x")->repeats);
	sink->end(sink, ND_OBJECT_SLICE);
	assert_false(group_of(ix, "x")->unchecked || group_of(ix, "x")->repeats);
	assert_int_equal(group_of(ix, "x")->n, MANY);
	assert_int_equal(group_of(ix, "x")->ready, MANY);
	put_endpoint(ix, 7, "x", 9); /* the address of slice 9 */
	assert_true(group_of(ix, "x")->repeats);
	put_endpoint(ix, 7, "x", 7);
	assert_false(group_of(ix, "x")->repeats);
	sink->remove(sink, ND_OBJECT_SLICE, "red", "slice-8");
	assert_int_equal(group_of(ix, "x")->n, MANY - 1);
	assert_int_equal(group_of(ix, "x")->endpoints, MANY - 1);
	nd_ksink_free(ix);
}

/* Of the owners of one address so many are kept; all of them can be removed in any order. */
static void test_same_address(void **state)
{
	struct nd_kindex *ix = make_index(1 << 24);
	struct nd_sink *sink = &ix->sink;
	uint8_t ip[4] = { 10, 9, 0, 5 };
	enum { MANY = ND_KREVERSE_SAME_MAX + 500 };
	unsigned found = 0;
	char name[16];
	(void)state;

	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(put_endpoint(ix, i, "x", 5), 0);
	struct nd_kreverse_iter it = nd_kindex_by_endpoint_ip(ix, ip, 4);
	while (nd_kreverse_next(&it))
		found++;
	assert_int_equal(found, ND_KREVERSE_SAME_MAX);
	for (unsigned i = 0; i < MANY; i++)
		sink->remove(sink, ND_OBJECT_SLICE, "red", slice_name(MANY - 1 - i, name));
	assert_int_equal(ix->endpoint_ips.live, 0);
	all_ids_back(&ix->endpoint_ips);
	nd_ksink_free(ix);
}

static struct nd_kslice *slice_of_ports(const int32_t *port, size_t n)
{
	struct nd_kmemory m = { .max = 1 << 20 };
	struct nd_object_port ports[8];
	struct nd_object_slice s = { .cluster = "", .ports = ports, .nports = n };
	struct nd_kskips skips;

	for (size_t i = 0; i < n; i++)
		ports[i] = (struct nd_object_port){ .name = "", .protocol = "", .port = port[i] };
	return nd_kobject_slice(&m, &s, false, false, &skips);
}

static void test_same_ports(void **state)
{
	static const struct {
		int32_t port[4];
		size_t n;
		bool same;
	} rows[] = {
		{ { 0 }, 0, false },
		{ { 80 }, 1, false },
		{ { 80, 81, 0, -1 }, 4, false },
		{ { 80, 81, 80 }, 3, true },
		{ { -1, 65535, -1 }, 3, true },
		{ { 65535, -1, 0 }, 3, false },
		{ { 0, 1, 0 }, 3, true },
		{ { 64, 128, 192, 256 }, 4, false },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_kslice *s = slice_of_ports(rows[i].port, rows[i].n);
		assert_int_equal(s->same_ports, rows[i].same);
		free(s);
	}
}

/* However many lists broke off in between, an object that is not in a list is removed at its end,
 * and one that is in it stays. */
static void test_broken_lists(void **state)
{
	(void)state;

	for (unsigned broken = 250; broken < 260; broken++) {
		for (int k = 0; k < ND_OBJECT_IMPORT; k++) {
			enum nd_object_kind kind = (enum nd_object_kind)k;
			struct world *w = calloc(1, sizeof *w);
			w->ix = make_index(1 << 20);
			w->ix->sink.begin(&w->ix->sink, kind);
			while (put_kind(w, kind, 0, 0),
			       kind == ND_OBJECT_POD && !w->m.pod[0][0].there)
				;
			w->ix->sink.end(&w->ix->sink, kind);
			for (unsigned i = 0; i < broken; i++)
				w->ix->sink.begin(&w->ix->sink, kind);
			put_kind(w, kind, 1, 0);
			w->ix->sink.end(&w->ix->sink, kind);
			w->m.space[0] = w->m.service[0][0].there = w->m.pod[0][0].there =
				w->m.slice[0][0].there = false;
			compare(w);
			nd_ksink_free(w->ix);
			free(w);
		}
	}
}

static int with_rcu(void **state)
{
	(void)state;
	nd_rcu_register();
	return 0;
}

static int without_rcu(void **state)
{
	(void)state;
	nd_rcu_barrier();
	nd_rcu_unregister();
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),        cmocka_unit_test(test_full),
		cmocka_unit_test(test_broken_lists), cmocka_unit_test(test_many_slices),
		cmocka_unit_test(test_same_address), cmocka_unit_test(test_same_ports),
		cmocka_unit_test(test_complete),     cmocka_unit_test(test_serial),
	};

	return cmocka_run_group_tests(tests, with_rcu, without_rcu);
}
