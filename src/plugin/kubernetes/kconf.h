/* SPDX-License-Identifier: Apache-2.0 */
/* kconf.h - an instance of the plugin: what its block said. Lives with the generation. */
#pragma once

#include "core/setup.h"
#include "plugin/kubernetes/kindex.h"

enum nd_kconf_pods { ND_KCONF_PODS_DISABLED, ND_KCONF_PODS_INSECURE, ND_KCONF_PODS_VERIFIED };

struct nd_kstore;

struct nd_kconf {
	struct nd_name *zones, *multi; /* lower case; multi: those that are multicluster zones */
	size_t nzones, nmulti;
	const struct nd_name *primary; /* what PTR answers end in */
	const char *const *namespaces; /* none: all */
	size_t nnamespaces;
	enum nd_kconf_pods pods;
	uint32_t ttl;
	struct nd_fallthrough fall;
	bool ignore_empty, noendpoints, zonal, pod_names;
	const char *source, *labels, *namespace_labels;
	const struct nd_conf_line *api_line,
		*timeout_line; /* first line that speaks of an API server; of the wait for it */
	const char *endpoint, *cert, *key, *ca, *kubeconfig, *context, *snapshot;
	double qps;
	unsigned burst, inflight; /* 0: the client's own */
	int64_t timeout_ns;
	bool outside;    /* `k8s_external` stands in the block */
	bool pod_labels; /* somebody may ask for a client's labels: `metadata` stands in the block */
	struct nd_name *search; /* of this server's own resolv.conf, for autopath */
	size_t nsearch;
	struct nd_kip *local; /* addresses of this server, for NS */
	size_t nlocal;
	struct nd_kstore *store;       /* process object */
	const struct nd_kindex *index; /* the store's */
};

/* Reads the block. 0 or ND_ECONF. */
int nd_kconf_read(struct nd_kconf *c, struct nd_setup *s);
bool nd_kconf_is_multi(const struct nd_kconf *c, struct nd_name zone);
/* Is it below in-addr.arpa or ip6.arpa, not one of these (CoreDNS dnsutil.IsReverse)? Lower case. */
bool nd_kconf_is_reverse(struct nd_name name);
