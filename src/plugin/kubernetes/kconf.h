/* SPDX-License-Identifier: Apache-2.0 */
/* kconf.h - the configuration of one instance of the plugin, read from its block. Lives with the
 * generation. */
#pragma once

#include "core/setup.h"
#include "plugin/kubernetes/kindex.h"

enum nd_kconf_pods { ND_KCONF_PODS_DISABLED, ND_KCONF_PODS_INSECURE, ND_KCONF_PODS_VERIFIED };

struct nd_kstore;

struct nd_kconf {
	struct nd_name *zones, *multi; /* lower case; multi: the multicluster zones among them */
	size_t nzones, nmulti;
	const struct nd_name *primary; /* the zone of PTR targets */
	const char *const *namespaces; /* empty: all */
	size_t nnamespaces;
	enum nd_kconf_pods pods;
	uint32_t ttl;
	struct nd_fallthrough fall;
	bool ignore_empty, noendpoints, zonal, pod_names;
	const char *source, *labels, *namespace_labels;
	const struct nd_conf_line *api_line, *timeout_line; /* first property about an API server;
							       startup_timeout; NULL: not given */
	const char *endpoint, *cert, *key, *ca, *kubeconfig, *context, *snapshot;
	double qps;
	unsigned burst, inflight; /* 0: the client's default */
	int64_t timeout_ns;
	bool outside;           /* `k8s_external` is in the server block */
	bool pod_labels;        /* keep pod labels, since `metadata` is in the server block */
	struct nd_name *search; /* from this server's /etc/resolv.conf, for autopath */
	size_t nsearch;
	struct nd_kip *local; /* addresses of this server, for NS */
	size_t nlocal;
	struct nd_kstore *store;       /* process object */
	const struct nd_kindex *index; /* the store's */
};

/* Reads the block and checks it. 0, ND_ECONF or ND_ELIMIT. */
int nd_kconf_read(struct nd_kconf *c, struct nd_setup *s);
bool nd_kconf_is_multi(const struct nd_kconf *c, struct nd_name zone);
/* Is the name below in-addr.arpa or ip6.arpa (CoreDNS dnsutil.IsReverse)? These two themselves are
 * not. Lower case. */
bool nd_kconf_is_reverse(struct nd_name name);
