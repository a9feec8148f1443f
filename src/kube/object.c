/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/objects.h"

#include <arpa/inet.h>
#include <string.h>

const char *const nd_object_kind_text[ND_OBJECT_KINDS] = { "Namespace", "Service", "EndpointSlice",
							   "Pod", "ServiceImport" };

/* The prefix of apiVersion; "v1" must match exactly: the core group. */
static const char *const groups[ND_OBJECT_KINDS] = { "v1", "v1", "discovery.k8s.io/", "v1",
						     "multicluster.x-k8s.io/" };

int nd_object_find_kind(const char *version, const char *kind)
{
	for (int i = 0; i < ND_OBJECT_KINDS; i++) {
		size_t n = strlen(groups[i]);
		bool whole = groups[i][n - 1] != '/';
		if (strcmp(kind, nd_object_kind_text[i]) == 0 &&
		    strncmp(version, groups[i], n) == 0 && (!whole || !version[n]))
			return i;
	}
	return -1;
}

void nd_object_init(struct nd_object *o, enum nd_object_kind kind)
{
	*o = (struct nd_object){ .kind = kind,
				 .namespace = kind == ND_OBJECT_NAMESPACE ? "" : "default",
				 .name = "" };
	if (kind == ND_OBJECT_SERVICE || kind == ND_OBJECT_IMPORT)
		o->service.external_name = "";
	else if (kind == ND_OBJECT_SLICE)
		o->slice.changed = "";
}

struct nd_object_port nd_object_port(void)
{
	return (struct nd_object_port){ .name = "", .protocol = "TCP", .port = -1 };
}

const char *nd_object_label(const struct nd_object *o, const char *key)
{
	for (size_t i = 0; i < o->nlabels; i++)
		if (strcmp(o->labels[i].key, key) == 0)
			return o->labels[i].value;
	return "";
}

void nd_object_set_type(struct nd_object_service *s, const char *type, const char *address)
{
	s->external = strcmp(type, "ExternalName") == 0;
	s->headless = strcmp(address, "None") == 0;
}

void nd_object_set_owner(struct nd_object *o)
{
	o->slice.service = nd_object_label(o, "kubernetes.io/service-name");
	o->slice.import = nd_object_label(o, "multicluster.kubernetes.io/service-name");
	o->slice.cluster = nd_object_label(o, "multicluster.kubernetes.io/source-cluster");
}

bool nd_object_pod_gone(const char *phase)
{
	return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0 ||
	       strcmp(phase, "Unknown") == 0;
}

struct nd_object_ip nd_object_ip(const char *text)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct nd_object_ip ip = { 0 };

	if (inet_pton(AF_INET, text, ip.bytes) == 1) {
		ip.len = 4;
	} else if (inet_pton(AF_INET6, text, ip.bytes) == 1) {
		ip.len = 16;
		if (memcmp(ip.bytes, mapped, sizeof mapped) == 0) {
			memmove(ip.bytes, ip.bytes + 12, 4);
			memset(ip.bytes + 4, 0, 12);
			ip.len = 4;
		}
	}
	return ip;
}
