/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/ask.h"

#include <string.h>

enum { PAGE = 500 };

static const char *const paths[ND_OBJECT_KINDS] = {
	[ND_OBJECT_NAMESPACE] = "/api/v1/namespaces",
	[ND_OBJECT_SERVICE] = "/api/v1/services",
	[ND_OBJECT_SLICE] = "/apis/discovery.k8s.io/v1/endpointslices",
	[ND_OBJECT_POD] = "/api/v1/pods",
	[ND_OBJECT_IMPORT] = "/apis/multicluster.x-k8s.io/v1alpha1/serviceimports",
};

const char *nd_ask_path(enum nd_object_kind kind)
{
	return paths[kind];
}

static void escape(struct nd_buf *to, const char *text)
{
	for (; *text; text++) {
		char c = *text;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c))
			nd_buf_add(to, &c, 1);
		else
			nd_buf_printf(to, "%%%02X", (uint8_t)c);
	}
}

void nd_ask_write(const struct nd_ask *a, struct nd_buf *b)
{
	nd_buf_printf(b, "%s?", paths[a->kind]);
	if (a->what == ND_ASK_LIST) {
		nd_buf_printf(b, "limit=%d", PAGE);
		if (a->more[0]) {
			nd_buf_text(b, "&continue=");
			escape(b, a->more);
		}
	} else {
		nd_buf_printf(b, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%u", a->seconds);
	}
	if (a->what == ND_ASK_STREAM)
		nd_buf_text(b, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
	if (a->what == ND_ASK_WATCH)
		nd_buf_printf(b, "&resourceVersion=%s", a->version);
	if (a->labels) {
		nd_buf_text(b, "&labelSelector=");
		escape(b, a->labels);
	}
	/* CoreDNS leaves them to the server, too. */
	if (a->kind == ND_OBJECT_POD) {
		nd_buf_text(b, "&fieldSelector=");
		escape(b, "status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown");
	}
}

const char *nd_ask_accept(const struct nd_ask *a)
{
	if (a->kind == ND_OBJECT_IMPORT)
		return "application/json";
	return a->what == ND_ASK_LIST
		       ? "application/vnd.kubernetes.protobuf, application/json"
		       : "application/vnd.kubernetes.protobuf;stream=watch, application/json";
}
