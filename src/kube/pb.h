/* SPDX-License-Identifier: Apache-2.0 */
/* pb.h - Kubernetes messages in protobuf, each whole in memory, to objects.
 *
 * Field numbers are those of k8s.io/api and k8s.io/apimachinery. Unknown fields are skipped.
 * Missing fields have the value that the API server would fill in, as in decode.h; Go writes a text
 * that is not set as an empty one, so the two are the same here. Where a message of one occurrence
 * stands twice (nobody writes that) the last one counts, alone. Owns:    nothing. Objects and their
 * text lie in the arena given; views point into the bytes given. Errors:  ND_ETRUNC, ND_EFORMAT (no
 * protobuf, other wire types, NUL in a text), -ENOMEM (the arena's maximum included), ND_ELIMIT (a
 * text with a place of fixed size). Outputs are unset then. A port from outside 0 to 65535, or an
 * address that is none, is not: the port counts as not given, the address has len 0, its user
 * decides. Threads: any.
 */
#pragma once

#include "base/arena.h"
#include "kube/meta.h"
#include "kube/objects.h"
#include "kube/proto.h"

struct nd_pb_view {
	const uint8_t *bytes; /* never NULL where len > 0 */
	size_t len;
};

bool nd_pb_view_is(struct nd_pb_view v, const char *text);

/* runtime.Unknown behind "k8s\0". */
struct nd_pb_envelope {
	struct nd_pb_view version, kind; /* apiVersion, kind: of typeMeta */
	struct nd_pb_view raw;
	bool encoded; /* it names a contentEncoding: raw is not what kind says */
};

int nd_pb_type(struct nd_proto p, struct nd_pb_envelope *to);
int nd_pb_envelope(const uint8_t *bytes, size_t n, struct nd_pb_envelope *out);

struct nd_pb_object {
	struct nd_object object;               /* name "": it has none, and is of no use */
	char version[ND_META_VERSION_MAX + 1]; /* metadata.resourceVersion */
	bool initial_end;                      /* annotated as the end of a streaming list */
};

/* Any kind but ServiceImport, which is a custom resource: the API server has no protobuf for it. */
int nd_pb_object(enum nd_object_kind kind, const uint8_t *bytes, size_t n, struct nd_arena *a,
		 struct nd_pb_object *out);

int nd_pb_list_meta(const uint8_t *bytes, size_t n, struct nd_meta_list *out);

int nd_pb_status(const uint8_t *bytes, size_t n, struct nd_meta_status *out);

struct nd_pb_event {
	struct nd_pb_view type; /* "ADDED" */
	struct nd_pb_view raw;  /* an envelope */
};

int nd_pb_event(const uint8_t *bytes, size_t n, struct nd_pb_event *out);
