/* SPDX-License-Identifier: Apache-2.0 */
#include "support/sinklog.h"

#include "base/err.h"

enum { TEXT_MAX = 1 << 20 };

static struct nd_buf *text_of(struct nd_sink *s)
{
	return &ND_CONTAINER(s, struct nd_sinklog, sink)->text;
}

static void on_begin(struct nd_sink *s, enum nd_object_kind kind)
{
	nd_buf_printf(text_of(s), "begin %s\n", nd_object_kind_text[kind]);
}

static void on_end(struct nd_sink *s, enum nd_object_kind kind)
{
	nd_buf_printf(text_of(s), "end %s\n", nd_object_kind_text[kind]);
}

static void on_remove(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
		      const char *name)
{
	nd_buf_printf(text_of(s), "remove %s %s/%s\n", nd_object_kind_text[kind], namespace, name);
}

/* " what text" unless text is empty. */
static void show(struct nd_buf *b, const char *what, const char *text)
{
	if (text && text[0])
		nd_buf_printf(b, " %s %s", what, text);
}

static void show_ips(struct nd_buf *b, const struct nd_object_ip *ip, size_t n)
{
	for (size_t i = 0; i < n; i++)
		nd_buf_printf(b, " ip%u:%02x..%02x", ip[i].len, ip[i].bytes[0],
			      ip[i].len ? ip[i].bytes[ip[i].len - 1] : 0);
}

static void show_ports(struct nd_buf *b, const struct nd_object_port *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		nd_buf_printf(b, " %s/%s=%d", p[i].name, p[i].protocol, p[i].port);
}

static void show_service(struct nd_buf *b, const struct nd_object_service *s)
{
	nd_buf_text(b, s->external ? " external" : s->headless ? " headless" : "");
	show(b, "to", s->external_name);
	show_ips(b, s->ips, s->nips);
	show_ports(b, s->ports, s->nports);
	for (size_t i = 0; i < s->noutside; i++)
		show(b, "outside", s->outside[i]);
}

static void show_slice(struct nd_buf *b, const struct nd_object_slice *s)
{
	show(b, "of", s->service);
	show(b, "of import", s->import);
	show(b, "in", s->cluster);
	show(b, "since", s->changed);
	for (size_t i = 0; i < s->nendpoints; i++) {
		const struct nd_object_endpoint *e = &s->endpoints[i];
		nd_buf_printf(b, " [%s", e->text);
		show_ips(b, &e->ip, 1);
		nd_buf_printf(b, " %s %s %s]", e->hostname, e->pod, e->zone);
	}
	show_ports(b, s->ports, s->nports);
}

static int on_upsert(struct nd_sink *s, const struct nd_object *o)
{
	struct nd_buf *b = text_of(s);

	nd_buf_printf(b, "%s %s/%s", nd_object_kind_text[o->kind], o->namespace, o->name);
	for (size_t i = 0; i < o->nlabels; i++)
		nd_buf_printf(b, " %s=%s", o->labels[i].key, o->labels[i].value);
	switch (o->kind) {
	case ND_OBJECT_SERVICE:
	case ND_OBJECT_IMPORT: show_service(b, &o->service); break;
	case ND_OBJECT_SLICE: show_slice(b, &o->slice); break;
	case ND_OBJECT_POD:
		show_ips(b, o->pod.ips, o->pod.nips);
		nd_buf_text(b, o->pod.gone ? " gone" : "");
		nd_buf_text(b, o->pod.terminating ? " terminating" : "");
		break;
	default: break;
	}
	nd_buf_text(b, "\n");
	return ND_CONTAINER(s, struct nd_sinklog, sink)->refuse;
}

static void on_unread(struct nd_sink *s, enum nd_object_kind kind, const char *why)
{
	nd_buf_printf(text_of(s), "unread %s: %s\n", nd_object_kind_text[kind], why);
}

void nd_sinklog_init(struct nd_sinklog *l)
{
	*l = (struct nd_sinklog){ .sink = { on_begin, on_upsert, on_remove, on_end, on_unread } };
	nd_buf_init(&l->text, TEXT_MAX);
}

void nd_sinklog_clear(struct nd_sinklog *l)
{
	nd_buf_clear(&l->text);
}

const char *nd_sinklog_text(struct nd_sinklog *l)
{
	return nd_buf_string(&l->text);
}
