/* SPDX-License-Identifier: Apache-2.0 */
/* pb.h - decodes Kubernetes messages in protobuf, each complete in memory, to objects.
 *
 * Field numbers are those of k8s.io/api and k8s.io/apimachinery. Unknown fields are skipped. A
 * missing field has the value that the API server would fill in, as in decode.h; Go writes an unset
 * string as an empty one, so the two are the same here. Of a repeated singular message only the
 * last one is used. A port outside 0 to 65535 counts as not given; an invalid address has len 0.
 *
 * Owns:    nothing. Objects and their text are in the arena given; views point into the input.
 * Errors:  ND_ETRUNC; ND_EFORMAT: not protobuf, another wire type, a NUL in a string; -ENOMEM: also
 *          when the arena is full (nd_arena.full); ND_ELIMIT: a string too long for a fixed field.
 *          Outputs are then undefined; but an object has what was read of its names and version.
 * Threads: any.
 */
#pragma once

#include "base/arena.h"
#include "kube/meta.h"
#include "kube/objects.h"
#include "kube/proto.h"

struct nd_pb_view {
	const uint8_t *bytes; /* not NULL if len > 0 */
	size_t len;
};

bool nd_pb_view_is(struct nd_pb_view v, const char *text);

/* runtime.Unknown, after "k8s\0". */
struct nd_pb_envelope {
	struct nd_pb_view version, kind; /* apiVersion, kind: of typeMeta */
	struct nd_pb_view raw;
	bool encoded; /* it has a contentEncoding: raw is not the message itself */
};

int nd_pb_type(struct nd_proto p, struct nd_pb_envelope *to);
int nd_pb_envelope(const uint8_t *bytes, size_t n, struct nd_pb_envelope *out);

struct nd_pb_object {
	struct nd_object object;               /* name "": none, to be skipped */
	char version[ND_META_VERSION_MAX + 1]; /* metadata.resourceVersion */
	bool initial_end;                      /* annotation: the end of a streaming list */
};

/* Any kind but ServiceImport: the API server has no protobuf for custom resources. */
int nd_pb_object(enum nd_object_kind kind, const uint8_t *bytes, size_t n, struct nd_arena *a,
		 struct nd_pb_object *out);

int nd_pb_list_meta(const uint8_t *bytes, size_t n, struct nd_meta_list *out);

int nd_pb_status(const uint8_t *bytes, size_t n, struct nd_meta_status *out);

struct nd_pb_event {
	struct nd_pb_view type; /* "ADDED" */
	struct nd_pb_view raw;  /* an envelope */
};

int nd_pb_event(const uint8_t *bytes, size_t n, struct nd_pb_event *out);
