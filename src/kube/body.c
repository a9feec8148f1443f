/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/body.h"

#include <string.h>

enum {
	OBJECT_BYTES_MAX = 8 << 20, /* etcd's limit is 1.5 MB, of protobuf; JSON is longer */
	REFUSAL_BYTES_MAX = 16 << 10,
};

void nd_body_init(struct nd_body *b)
{
	*b = (struct nd_body){ .kind = ND_BODY_REFUSAL };
	nd_buf_init(&b->refusal, REFUSAL_BYTES_MAX);
}

void nd_body_close(struct nd_body *b)
{
	if (b->open && b->kind == ND_BODY_PROTOBUF_LIST)
		nd_pbstream_list_clear(&b->in.list);
	else if (b->open && b->kind == ND_BODY_PROTOBUF_WATCH)
		nd_pbstream_watch_clear(&b->in.watch);
	else if (b->open && b->kind == ND_BODY_JSON)
		nd_jsonstream_clear(&b->in.json);
	b->open = false;
}

void nd_body_clear(struct nd_body *b)
{
	nd_body_close(b);
	nd_buf_clear(&b->refusal);
}

static enum nd_body_kind kind_of(const struct nd_apirequest *asked, int status, const char *type)
{
	if (status != 200 || !type)
		return ND_BODY_REFUSAL;
	if (strncmp(type, "application/vnd.kubernetes.protobuf", 35) == 0 &&
	    asked->kind != ND_OBJECT_IMPORT)
		return asked->type == ND_APIREQUEST_LIST ? ND_BODY_PROTOBUF_LIST
							 : ND_BODY_PROTOBUF_WATCH;
	return strncmp(type, "application/json", 16) == 0 ? ND_BODY_JSON : ND_BODY_REFUSAL;
}

void nd_body_open(struct nd_body *b, const struct nd_apirequest *asked, struct nd_sink *sink,
		  int status, const char *type)
{
	enum nd_body_kind kind = kind_of(asked, status, type);
	bool stream = asked->type == ND_APIREQUEST_STREAM;

	nd_buf_reset(&b->refusal);
	if (b->open && b->kind == kind)
		return;
	/* A page in another encoding than the first would be read as a list of its own. */
	if (asked->more[0] && asked->type == ND_APIREQUEST_LIST)
		kind = ND_BODY_REFUSAL;
	nd_body_close(b);
	b->kind = kind;
	b->open = kind != ND_BODY_REFUSAL;
	if (kind == ND_BODY_PROTOBUF_LIST)
		nd_pbstream_list_init(&b->in.list, asked->kind, sink, OBJECT_BYTES_MAX);
	else if (kind == ND_BODY_PROTOBUF_WATCH)
		nd_pbstream_watch_init(&b->in.watch, asked->kind, sink, OBJECT_BYTES_MAX, stream);
	else if (kind == ND_BODY_JSON)
		nd_jsonstream_init(&b->in.json, asked->kind, sink, OBJECT_BYTES_MAX,
				   asked->type != ND_APIREQUEST_LIST, stream);
}

int nd_body_feed(struct nd_body *b, const uint8_t *bytes, size_t n)
{
	size_t room = REFUSAL_BYTES_MAX - b->refusal.len;

	switch (b->kind) {
	case ND_BODY_PROTOBUF_LIST: return nd_pbstream_list_feed(&b->in.list, bytes, n);
	case ND_BODY_PROTOBUF_WATCH: return nd_pbstream_watch_feed(&b->in.watch, bytes, n);
	case ND_BODY_JSON: return nd_jsonstream_feed(&b->in.json, bytes, n);
	default:
		nd_buf_add(&b->refusal, bytes, n < room ? n : room);
		return n <= room ? 0 : ND_ELIMIT;
	}
}

int nd_body_finish(struct nd_body *b)
{
	return b->kind == ND_BODY_PROTOBUF_LIST    ? nd_pbstream_list_finish(&b->in.list)
	       : b->kind == ND_BODY_PROTOBUF_WATCH ? nd_pbstream_watch_finish(&b->in.watch)
						   : nd_jsonstream_finish(&b->in.json);
}

static const struct nd_intake *intake_of(const struct nd_body *b)
{
	return b->kind == ND_BODY_PROTOBUF_LIST    ? &b->in.list.to
	       : b->kind == ND_BODY_PROTOBUF_WATCH ? &b->in.watch.to
						   : &b->in.json.to;
}

size_t nd_body_count(const struct nd_body *b)
{
	return intake_of(b)->count;
}

size_t nd_body_skipped(const struct nd_body *b)
{
	return intake_of(b)->skipped;
}

bool nd_body_refused(const struct nd_body *b)
{
	return intake_of(b)->refused;
}

bool nd_body_initial(const struct nd_body *b)
{
	return b->kind == ND_BODY_PROTOBUF_WATCH ? b->in.watch.initial : b->in.json.initial;
}

const char *nd_body_version(const struct nd_body *b)
{
	return b->kind == ND_BODY_PROTOBUF_WATCH ? b->in.watch.version : b->in.json.version;
}

const struct nd_meta_list *nd_body_meta(const struct nd_body *b)
{
	return b->kind == ND_BODY_PROTOBUF_LIST ? &b->in.list.meta : &b->in.json.meta;
}

void nd_body_status(struct nd_body *b, int status, struct nd_meta_status *out)
{
	struct nd_pb_envelope e;
	const char *text = nd_buf_string(&b->refusal);

	*out = (struct nd_meta_status){ .code = status };
	if (b->kind != ND_BODY_REFUSAL)
		*out = intake_of(b)->status;
	else if (b->refusal.len > 4 && memcmp(text, "k8s", 4) == 0) {
		if (nd_pb_envelope((const uint8_t *)text, b->refusal.len, &e) ||
		    nd_pb_status(e.raw.bytes, e.raw.len, out))
			*out = (struct nd_meta_status){ .code = status };
	} else
		nd_jsonstream_status(text, b->refusal.len, out);
	if (!out->code)
		out->code = status;
}
