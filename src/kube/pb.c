/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/pb.h"

#include "kube/pb_parts.h"

bool nd_pb_view_is(struct nd_pb_view v, const char *text)
{
	return v.len == strlen(text) && (!v.len || memcmp(v.bytes, text, v.len) == 0);
}

/* TypeMeta: 1 apiVersion, 2 kind. */
int nd_pb_type(struct nd_proto p, struct nd_pb_envelope *to)
{
	struct nd_proto_field f;

	while (nd_proto_next(&p, &f)) {
		if (f.number == 1)
			to->version = nd_pb_view_of(&p, &f);
		else if (f.number == 2)
			to->kind = nd_pb_view_of(&p, &f);
	}
	return p.err;
}

int nd_pb_envelope(const uint8_t *bytes, size_t n, struct nd_pb_envelope *out)
{
	struct nd_proto p = nd_proto_over(bytes, n);
	struct nd_proto_field f;

	*out = (struct nd_pb_envelope){ 0 };
	if (n < 4 || memcmp(bytes, "k8s", 4) != 0)
		return n < 4 ? ND_ETRUNC : ND_EFORMAT;
	p.pos += 4;
	while (nd_proto_next(&p, &f)) {
		if (f.number == 1)
			nd_pb_take_error(&p, nd_pb_type(nd_proto_inside(&p, &f), out));
		else if (f.number == 2)
			out->raw = nd_pb_view_of(&p, &f);
		else if (f.number == 3)
			out->encoded = nd_pb_view_of(&p, &f).len > 0;
	}
	return p.err;
}

int nd_pb_list_meta(const uint8_t *bytes, size_t n, struct nd_meta_list *out)
{
	struct nd_proto p = nd_proto_over(bytes, n);
	struct nd_proto_field f;

	*out = (struct nd_meta_list){ .remaining = -1 };
	while (nd_proto_next(&p, &f)) {
		if (f.number == 2)
			nd_pb_text_into(&p, &f, out->version, sizeof out->version, false);
		else if (f.number == 3)
			nd_pb_text_into(&p, &f, out->more, sizeof out->more, false);
		else if (f.number == 4)
			out->remaining = nd_proto_int(&p, &f);
	}
	return p.err;
}

static int32_t read_retry(struct nd_proto *p, const struct nd_proto_field *details)
{
	struct nd_proto in = nd_proto_inside(p, details);
	struct nd_proto_field f;
	int32_t seconds = 0;

	while (nd_proto_next(&in, &f))
		if (f.number == 5)
			seconds = nd_pb_int32(&in, &f);
	nd_pb_take_error(p, in.err);
	return seconds > 0 ? seconds : 0;
}

int nd_pb_status(const uint8_t *bytes, size_t n, struct nd_meta_status *out)
{
	struct nd_proto p = nd_proto_over(bytes, n);
	struct nd_proto_field f;

	*out = (struct nd_meta_status){ 0 };
	while (nd_proto_next(&p, &f)) {
		if (f.number == 3)
			nd_pb_text_into(&p, &f, out->message, sizeof out->message, true);
		else if (f.number == 4)
			nd_pb_text_into(&p, &f, out->reason, sizeof out->reason, true);
		else if (f.number == 5)
			out->retry_after_s = read_retry(&p, &f);
		else if (f.number == 6)
			out->code = nd_pb_int32(&p, &f);
	}
	return p.err;
}

/* WatchEvent: 1 type, 2 object, a RawExtension: 1 raw. */
int nd_pb_event(const uint8_t *bytes, size_t n, struct nd_pb_event *out)
{
	struct nd_proto p = nd_proto_over(bytes, n);
	struct nd_proto_field f;

	*out = (struct nd_pb_event){ 0 };
	while (nd_proto_next(&p, &f)) {
		if (f.number == 1) {
			out->type = nd_pb_view_of(&p, &f);
		} else if (f.number == 2) {
			struct nd_proto in = nd_proto_inside(&p, &f);
			while (nd_proto_next(&in, &f))
				if (f.number == 1)
					out->raw = nd_pb_view_of(&in, &f);
			nd_pb_take_error(&p, in.err);
		}
	}
	return p.err;
}
