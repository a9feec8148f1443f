/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes select the fields of an object. Written in JSON and in protobuf, it must be the same
 * when read. Empty texts are omitted: protobuf does not distinguish them from missing ones. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "kube/decode.h"
#include "kube/pb.h"
#include "support/pbput.h"
#include "support/sinklog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MESSAGE_MAX = 1 << 16, LIST_MAX = 5 };

static const char *const words[] = {
	"a",         "web",          "10.0.0.1",       "fd00::1", "None",   "TCP",
	"UDP",       "ExternalName", "ClusterIP",      "Running", "Failed", "10.0.0.7",
	"x.example", "A-1",          "::ffff:1.2.3.4", "Headless"
};

struct input {
	const uint8_t *at, *end;
};

static unsigned draw(struct input *in, unsigned n)
{
	return in->at < in->end ? *in->at++ % n : 0;
}

/* An object or a nested one, in both formats. */
struct both {
	struct input *in;
	struct nd_buf json, pb;
};

static struct both begin(struct input *in)
{
	struct both b = { .in = in };

	nd_buf_init(&b.json, MESSAGE_MAX);
	nd_buf_init(&b.pb, MESSAGE_MAX);
	nd_buf_text(&b.json, "{");
	return b;
}

static void key(struct both *b, const char *name)
{
	nd_buf_printf(&b->json, "%s\"%s\":", b->json.len > 1 ? "," : "", name);
}

static void put_text(struct both *b, const char *name, unsigned number, const char *text)
{
	key(b, name);
	nd_buf_printf(&b->json, "\"%s\"", text);
	nd_pbput_text(&b->pb, number, text);
}

/* A text field, or none. */
static void some_text(struct both *b, const char *name, unsigned number)
{
	unsigned n = draw(b->in, ND_COUNT(words) + 1);

	if (n)
		put_text(b, name, number, words[n - 1]);
}

static void some_texts(struct both *b, const char *name, unsigned number)
{
	unsigned n = draw(b->in, LIST_MAX);

	if (!n)
		return;
	key(b, name);
	for (unsigned i = 0; i < n; i++) {
		const char *text = words[draw(b->in, ND_COUNT(words))];
		nd_buf_printf(&b->json, "%s\"%s\"", i ? "," : "[", text);
		nd_pbput_text(&b->pb, number, text);
	}
	nd_buf_text(&b->json, "]");
}

static void some_bool(struct both *b, const char *name, unsigned number)
{
	unsigned n = draw(b->in, 3);

	if (!n)
		return;
	key(b, name);
	nd_buf_text(&b->json, n == 1 ? "false" : "true");
	nd_pbput_int(&b->pb, number, n - 1);
}

static void some_pairs(struct both *b, const char *name, unsigned number, const char *const *keys,
		       unsigned nkeys)
{
	key(b, name);
	nd_buf_text(&b->json, "{");
	for (unsigned i = 0, some = 0; i < nkeys; i++) {
		unsigned n = draw(b->in, ND_COUNT(words) + 1);
		if (!n)
			continue;
		nd_buf_printf(&b->json, "%s\"%s\":\"%s\"", some++ ? "," : "", keys[i],
			      words[n - 1]);
		nd_pbput_pair(&b->pb, number, keys[i], words[n - 1]);
	}
	nd_buf_text(&b->json, "}");
}

static void end(struct both *inner)
{
	nd_buf_text(&inner->json, "}");
}

/* Adds the inner object as a field. */
static void put(struct both *b, const char *name, unsigned number, struct both *inner)
{
	end(inner);
	key(b, name);
	nd_buf_add(&b->json, inner->json.data, inner->json.len);
	nd_buf_clear(&inner->json);
	nd_pbput_inside(&b->pb, number, &inner->pb);
}

static void some_of(struct both *b, const char *name, unsigned number,
		    void (*fill)(struct both *one))
{
	unsigned n = draw(b->in, LIST_MAX);

	if (!n)
		return;
	key(b, name);
	for (unsigned i = 0; i < n; i++) {
		struct both one = begin(b->in);
		fill(&one);
		end(&one);
		nd_buf_text(&b->json, i ? "," : "[");
		nd_buf_add(&b->json, one.json.data, one.json.len);
		nd_buf_clear(&one.json);
		nd_pbput_inside(&b->pb, number, &one.pb);
	}
	nd_buf_text(&b->json, "]");
}

static void fill_port(struct both *b)
{
	static const int32_t ports[] = { 0, 1, 80, 65535, 65536, 70000, -1, INT32_MAX, INT32_MIN };
	unsigned n = draw(b->in, ND_COUNT(ports) + 1);

	some_text(b, "name", 1);
	some_text(b, "protocol", 2);
	if (!n)
		return;
	key(b, "port");
	nd_buf_printf(&b->json, "%d", ports[n - 1]);
	nd_pbput_int(&b->pb, 3, (uint64_t)(int64_t)ports[n - 1]);
}

static void fill_ingress(struct both *b)
{
	some_text(b, "ip", 1);
	some_text(b, "hostname", 2);
}

static void put_spec(struct both *b)
{
	struct both spec = begin(b->in), status = begin(b->in), balancer = begin(b->in);

	some_of(&spec, "ports", 1, fill_port);
	some_text(&spec, "clusterIP", 3);
	some_text(&spec, "type", 4);
	some_texts(&spec, "externalIPs", 5);
	some_text(&spec, "externalName", 10);
	some_texts(&spec, "clusterIPs", 18);
	put(b, "spec", 2, &spec);
	some_of(&balancer, "ingress", 1, fill_ingress);
	put(&status, "loadBalancer", 1, &balancer);
	put(b, "status", 3, &status);
}

static void fill_endpoint(struct both *b)
{
	struct both conditions = begin(b->in), target = begin(b->in);

	some_texts(b, "addresses", 1);
	some_bool(&conditions, "ready", 1);
	some_bool(&conditions, "serving", 2);
	put(b, "conditions", 2, &conditions);
	some_text(b, "hostname", 3);
	some_text(&target, "kind", 1);
	some_text(&target, "name", 3);
	put(b, "targetRef", 4, &target);
	some_text(b, "nodeName", 6);
	some_text(b, "zone", 7);
}

static void fill_ip(struct both *b)
{
	some_text(b, "ip", 1);
}

static void put_status(struct both *b)
{
	struct both status = begin(b->in);

	some_text(&status, "phase", 1);
	some_text(&status, "podIP", 6);
	some_of(&status, "podIPs", 12, fill_ip);
	put(b, "status", 3, &status);
}

static void put_meta(struct both *b, bool spaced)
{
	static const char *const labels[] = { "kubernetes.io/service-name",
					      "multicluster.kubernetes.io/service-name",
					      "multicluster.kubernetes.io/source-cluster", "app" };
	static const char *const notes[] = { ND_OBJECT_CHANGED, "other" };
	struct both meta = begin(b->in);

	put_text(&meta, "name", 1, words[draw(b->in, ND_COUNT(words))]);
	if (spaced)
		some_text(&meta, "namespace", 3);
	if (draw(b->in, 2)) {
		key(&meta, "deletionTimestamp");
		nd_buf_text(&meta.json, "\"2026-01-01T00:00:00Z\"");
		nd_pbput_bytes(&meta.pb, 9, "\x08\x01", 2);
	}
	some_pairs(&meta, "labels", 11, labels, ND_COUNT(labels));
	some_pairs(&meta, "annotations", 12, notes, ND_COUNT(notes));
	put(b, "metadata", 1, &meta);
}

static struct both make(struct input *in, enum nd_object_kind kind)
{
	struct both b = begin(in);

	put_meta(&b, kind != ND_OBJECT_NAMESPACE);
	if (kind == ND_OBJECT_SERVICE)
		put_spec(&b);
	else if (kind == ND_OBJECT_POD)
		put_status(&b);
	else if (kind == ND_OBJECT_SLICE) {
		some_of(&b, "endpoints", 2, fill_endpoint);
		some_of(&b, "ports", 3, fill_port);
		some_text(&b, "addressType", 4);
	}
	end(&b);
	return b;
}

static void log_object(struct nd_sinklog *t, const struct nd_object *o)
{
	nd_sinklog_init(t);
	t->sink.upsert(&t->sink, o);
}

static void compare(enum nd_object_kind kind, const struct both *b, struct nd_arena *a)
{
	struct nd_decode_list list;
	struct nd_pb_object pb;
	struct nd_sinklog one, two;
	struct nd_tree *t = NULL;
	struct nd_diag d = { 0 };

	nd_decode_init(&list);
	ND_ASSERT(nd_json_parse("", (const char *)b->json.data, b->json.len, a, &t, &d) == 0);
	ND_ASSERT(nd_decode_object(t, kind, a, &list, &d) == 0 && list.first);
	ND_ASSERT(nd_pb_object(kind, (const uint8_t *)b->pb.data, b->pb.len, a, &pb) == 0);
	log_object(&one, &list.first->object);
	log_object(&two, &pb.object);
	if (strcmp(nd_sinklog_text(&one), nd_sinklog_text(&two)) != 0)
		fprintf(stderr, "JSON      %sprotobuf  %s", nd_sinklog_text(&one),
			nd_sinklog_text(&two));
	ND_ASSERT(strcmp(nd_sinklog_text(&one), nd_sinklog_text(&two)) == 0);
	nd_sinklog_clear(&one);
	nd_sinklog_clear(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = { data, data + n };
	enum nd_object_kind kind = (enum nd_object_kind)draw(&in, ND_OBJECT_IMPORT);
	struct both b = make(&in, kind);
	struct nd_arena a;

	nd_arena_init(&a, 16 << 20);
	if (!b.json.err && !b.pb.err)
		compare(kind, &b, &a);
	nd_arena_clear(&a);
	nd_buf_clear(&b.json);
	nd_buf_clear(&b.pb);
	return 0;
}
