/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/snapshot.h"

#include <string.h>
#include "base/err.h"
#include "kube/snapshot_parts.h"

static void put_fixed(struct nd_buf *b, uint64_t n, unsigned n_bytes)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < n_bytes; i++)
		bytes[i] = (uint8_t)(n >> (8 * i));
	nd_buf_add(b, bytes, n_bytes);
}

static void put_number(struct nd_buf *b, size_t n)
{
	uint8_t bytes[10];
	size_t len = 0;

	for (; n >= 0x80; n >>= 7)
		bytes[len++] = (uint8_t)(n | 0x80);
	bytes[len++] = (uint8_t)n;
	nd_buf_add(b, bytes, len);
}

static void put_text(struct nd_buf *b, const char *text)
{
	size_t n = strlen(text);

	put_number(b, n);
	if (n)
		nd_buf_add(b, text, n + 1);
}

/* --- objects to bytes --- */

static void put_ip(struct nd_buf *b, const struct nd_object_ip *ip)
{
	nd_buf_add(b, &ip->len, 1);
	nd_buf_add(b, ip->bytes, ip->len);
}

static void put_ips(struct nd_buf *b, const struct nd_object_ip *ips, size_t n)
{
	put_number(b, n);
	for (size_t i = 0; i < n; i++)
		put_ip(b, &ips[i]);
}

static void put_ports(struct nd_buf *b, const struct nd_object_port *ports, size_t n)
{
	put_number(b, n);
	for (size_t i = 0; i < n; i++) {
		put_text(b, ports[i].name);
		put_text(b, ports[i].protocol);
		put_number(b, (size_t)ports[i].port + 1); /* 0: none (-1) */
	}
}

static void put_service(struct nd_buf *b, const struct nd_object_service *s)
{
	uint8_t flags = (uint8_t)((s->external ? ND_SNAPSHOT_EXTERNAL : 0) |
				  (s->headless ? ND_SNAPSHOT_HEADLESS : 0));

	nd_buf_add(b, &flags, 1);
	put_text(b, s->external_name);
	put_ips(b, s->ips, s->nips);
	put_ports(b, s->ports, s->nports);
	put_number(b, s->noutside);
	for (size_t i = 0; i < s->noutside; i++)
		put_text(b, s->outside[i]);
}

static void put_slice(struct nd_buf *b, const struct nd_object_slice *s)
{
	put_text(b, s->service);
	put_text(b, s->import);
	put_text(b, s->cluster);
	put_number(b, s->nendpoints);
	for (size_t i = 0; i < s->nendpoints; i++) {
		const struct nd_object_endpoint *e = &s->endpoints[i];
		put_ip(b, &e->ip);
		put_text(b, e->text);
		put_text(b, e->hostname);
		put_text(b, e->pod);
		put_text(b, e->zone);
	}
	put_ports(b, s->ports, s->nports);
}

static void put_object(struct nd_buf *b, const struct nd_object *o)
{
	uint8_t kind = (uint8_t)o->kind;

	nd_buf_add(b, &kind, 1);
	put_text(b, o->namespace);
	put_text(b, o->name);
	put_number(b, o->nlabels);
	for (size_t i = 0; i < o->nlabels; i++) {
		put_text(b, o->labels[i].key);
		put_text(b, o->labels[i].value);
	}
	switch (o->kind) {
	case ND_OBJECT_SERVICE:
	case ND_OBJECT_IMPORT: put_service(b, &o->service); break;
	case ND_OBJECT_SLICE: put_slice(b, &o->slice); break;
	case ND_OBJECT_POD: put_ips(b, o->pod.ips, o->pod.nips); break;
	default: break;
	}
}

/* --- writing --- */

static void write_out(struct nd_snapshot *w, const struct nd_buf *b)
{
	w->sum = nd_snapshot_add_sum(w->sum, b->data, b->len);
	nd_filewrite_add(&w->file, b->data, b->len);
}

int nd_snapshot_open(struct nd_snapshot *w, const char *path, const struct nd_snapshot_head *head)
{
	*w = (struct nd_snapshot){ 0 };
	nd_buf_init(&w->record, ND_SNAPSHOT_OBJECT_BYTES_MAX);
	int err = nd_filewrite_open(&w->file, path, ND_SNAPSHOT_BYTES_MAX);
	if (err)
		return err;
	nd_buf_add(&w->record, ND_SNAPSHOT_MAGIC, 8);
	put_fixed(&w->record, ND_SNAPSHOT_VERSION, 4);
	put_fixed(&w->record, head->kinds, 4);
	put_fixed(&w->record, head->who, 8);
	put_fixed(&w->record, head->saved_s, 8);
	if (w->record.err)
		return w->file.err = w->record.err;
	write_out(w, &w->record);
	return 0;
}

int nd_snapshot_add(struct nd_snapshot *w, const struct nd_object *o)
{
	struct nd_buf length;

	if (w->file.err)
		return w->file.err;
	nd_buf_reset(&w->record);
	put_object(&w->record, o);
	nd_buf_init(&length, 16);
	put_number(&length, w->record.len);
	if (w->record.err || length.err) {
		w->file.err = w->record.err ? w->record.err : length.err;
	} else {
		write_out(w, &length);
		write_out(w, &w->record);
		w->objects++;
	}
	nd_buf_clear(&length);
	return w->file.err;
}

int nd_snapshot_commit(struct nd_snapshot *w)
{
	nd_buf_reset(&w->record);
	put_number(&w->record, 0);
	put_fixed(&w->record, w->objects, 4);
	if (!w->file.err && !w->record.err) {
		write_out(w, &w->record);
		nd_buf_reset(&w->record);
		put_fixed(&w->record, w->sum, 8);
		nd_filewrite_add(&w->file, w->record.data, w->record.len);
	}
	if (!w->file.err)
		w->file.err = w->record.err;
	nd_buf_clear(&w->record);
	return nd_filewrite_commit(&w->file);
}
