/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/apirequest.h"

#include <string.h>
#include "base/ascii.h"

static const char *const paths[ND_OBJECT_KINDS] = {
	[ND_OBJECT_NAMESPACE] = "/api/v1/namespaces",
	[ND_OBJECT_SERVICE] = "/api/v1/services",
	[ND_OBJECT_SLICE] = "/apis/discovery.k8s.io/v1/endpointslices",
	[ND_OBJECT_POD] = "/api/v1/pods",
	[ND_OBJECT_IMPORT] = "/apis/multicluster.x-k8s.io/v1alpha1/serviceimports",
};

const char *nd_apirequest_path(enum nd_object_kind kind)
{
	return paths[kind];
}

static void put_escaped(struct nd_buf *to, const char *text)
{
	for (; *text; text++) {
		if (nd_ascii_is_alnum(*text) || strchr("-._~", *text))
			nd_buf_add(to, text, 1);
		else
			nd_buf_printf(to, "%%%02X", (uint8_t)*text);
	}
}

void nd_apirequest_write(const struct nd_apirequest *r, struct nd_buf *b)
{
	nd_buf_printf(b, "%s?", paths[r->kind]);
	if (r->type == ND_APIREQUEST_LIST) {
		nd_buf_printf(b, "limit=%d", ND_APIREQUEST_PAGE_OBJECTS);
		if (r->more[0]) {
			nd_buf_text(b, "&continue=");
			put_escaped(b, r->more);
		}
	} else {
		nd_buf_printf(b, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%u",
			      r->timeout_s);
	}
	if (r->type == ND_APIREQUEST_STREAM)
		nd_buf_text(b, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
	if (r->type == ND_APIREQUEST_WATCH)
		nd_buf_printf(b, "&resourceVersion=%s", r->version);
	if (r->labels) {
		nd_buf_text(b, "&labelSelector=");
		put_escaped(b, r->labels);
	}
	/* CoreDNS has the server filter these out, too. */
	if (r->kind == ND_OBJECT_POD) {
		nd_buf_text(b, "&fieldSelector=");
		put_escaped(b,
			    "status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown");
	}
}

const char *nd_apirequest_accept(const struct nd_apirequest *r)
{
	if (r->kind == ND_OBJECT_IMPORT)
		return "application/json";
	return r->type == ND_APIREQUEST_LIST
		       ? "application/vnd.kubernetes.protobuf, application/json"
		       : "application/vnd.kubernetes.protobuf;stream=watch, application/json";
}
