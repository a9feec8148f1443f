// SPDX-License-Identifier: Apache-2.0
package main

import (
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func at(seconds int) meta.Time { return meta.NewTime(born.Add(time.Duration(seconds) * time.Second)) }

// The managers of the fields: a large part of the bytes that an API server sends.
func written(by, version, part string, when meta.Time, fields string) meta.ManagedFieldsEntry {
	return meta.ManagedFieldsEntry{Manager: by, Operation: "Update", APIVersion: version, Time: &when,
		FieldsType: "FieldsV1", FieldsV1: &meta.FieldsV1{Raw: []byte(fields)}, Subresource: part}
}

func version(i int) string { return fmt.Sprint(100000 + i%800000) }

func owner(version, kind, name, uid string) []meta.OwnerReference {
	yes := true
	return []meta.OwnerReference{{APIVersion: version, Kind: kind, Name: name, UID: types.UID(uid),
		Controller: &yes, BlockOwnerDeletion: &yes}}
}

func (c *cluster) makeNamespace(i int) object {
	name := c.namespace(i)
	return &core.Namespace{
		TypeMeta: meta.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: meta.ObjectMeta{Name: name, UID: types.UID(c.uid("Namespace", i)), ResourceVersion: version(i),
			CreationTimestamp: at(i), Labels: map[string]string{"kubernetes.io/metadata.name": name,
				"pod-security.kubernetes.io/enforce": "baseline", "example.com/team": name},
			ManagedFields: []meta.ManagedFieldsEntry{written("kubectl-create", "v1", "", at(i),
				`{"f:metadata":{"f:labels":{".":{},"f:example.com/team":{},"f:kubernetes.io/metadata.name":{},`+
					`"f:pod-security.kubernetes.io/enforce":{}}}}`)}},
		Spec:   core.NamespaceSpec{Finalizers: []core.FinalizerName{"kubernetes"}},
		Status: core.NamespaceStatus{Phase: core.NamespaceActive},
	}
}

func labels(name string) map[string]string {
	return map[string]string{"app.kubernetes.io/name": name, "app.kubernetes.io/instance": name,
		"app.kubernetes.io/version": "2.14.3", "app.kubernetes.io/managed-by": "Helm",
		"helm.sh/chart": "service-2.14.3"}
}

func selector(name string) map[string]string {
	return map[string]string{"app.kubernetes.io/name": name, "app.kubernetes.io/instance": name}
}

func (c *cluster) makeService(i int) object {
	name, space := serviceName(i), c.namespace(i)
	ip := clusterIP(i)
	if headless(i) {
		ip = core.ClusterIPNone
	}
	inside, one := core.ServiceInternalTrafficPolicyCluster, core.IPFamilyPolicySingleStack
	return &core.Service{
		TypeMeta: meta.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: meta.ObjectMeta{Name: name, Namespace: space, UID: types.UID(c.uid("Service", i)),
			ResourceVersion: version(i), CreationTimestamp: at(i), Labels: labels(name),
			Annotations: map[string]string{"meta.helm.sh/release-name": name,
				"meta.helm.sh/release-namespace": space},
			ManagedFields: []meta.ManagedFieldsEntry{written("helm", "v1", "", at(i), serviceFields)}},
		Spec: core.ServiceSpec{ClusterIP: ip, ClusterIPs: []string{ip}, Type: core.ServiceTypeClusterIP,
			IPFamilies: []core.IPFamily{core.IPv4Protocol}, IPFamilyPolicy: &one,
			InternalTrafficPolicy: &inside, SessionAffinity: core.ServiceAffinityNone, Selector: selector(name),
			Ports: []core.ServicePort{
				{Name: "http", Protocol: core.ProtocolTCP, Port: 80, TargetPort: intstr.FromString("http")},
				{Name: "metrics", Protocol: core.ProtocolTCP, Port: 9090, TargetPort: intstr.FromString("metrics")}}},
	}
}

func (c *cluster) makeSlice(i int) object {
	s := c.slices[i]
	name, space := serviceName(s.service), c.namespace(s.service)
	uid := c.uid("Service", s.service)
	changed, touched, own := at(86400+i), "", version(i)
	if m, is := c.moved[i]; is {
		changed, touched, own = meta.NewTime(m.at), m.address, fmt.Sprint(m.version)
	}
	o := &discovery.EndpointSlice{
		TypeMeta: meta.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: meta.ObjectMeta{Name: c.sliceName(i), GenerateName: name + "-", Namespace: space,
			UID: types.UID(c.uid("EndpointSlice", i)), ResourceVersion: own, Generation: 7,
			CreationTimestamp: at(i), Labels: labels(name), OwnerReferences: owner("v1", "Service", name, uid),
			Annotations: map[string]string{
				"endpoints.kubernetes.io/last-change-trigger-time": changed.UTC().Format(time.RFC3339)},
			ManagedFields: []meta.ManagedFieldsEntry{written("kube-controller-manager", "discovery.k8s.io/v1", "",
				changed, sliceFields(uid))}},
		AddressType: discovery.AddressTypeIPv4,
	}
	o.Labels["kubernetes.io/service-name"] = name
	o.Labels["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io"
	if headless(s.service) {
		o.Labels["service.kubernetes.io/headless"] = ""
	}
	for k := range s.n {
		o.Endpoints = append(o.Endpoints, c.makeEndpoint(s, s.first+k))
	}
	if s.n > 0 {
		o.Ports = []discovery.EndpointPort{endpointPort("http", 8080), endpointPort("metrics", 9090)}
	}
	if touched != "" && s.n > 0 {
		o.Endpoints[0].Addresses = []string{touched}
	}
	return o
}

func endpointPort(name string, port int32) discovery.EndpointPort {
	tcp := core.ProtocolTCP
	return discovery.EndpointPort{Name: &name, Protocol: &tcp, Port: &port}
}

func (c *cluster) makeEndpoint(s slice, i int) discovery.Endpoint {
	yes, no := true, false
	pod, space, _ := c.pod(i)
	node := c.node(i)
	host, zone := nodeName(node), zoneOf(node)
	e := discovery.Endpoint{Addresses: []string{podIP(i)}, NodeName: &host, Zone: &zone,
		Conditions: discovery.EndpointConditions{Ready: &yes, Serving: &yes, Terminating: &no},
		TargetRef: &core.ObjectReference{Kind: "Pod", Namespace: space, Name: pod,
			UID: types.UID(c.uid("Pod", i))}}
	if ordinal(s.service) {
		e.Hostname = &pod
	}
	return e
}

const serviceFields = `{"f:metadata":{"f:annotations":{".":{},"f:meta.helm.sh/release-name":{},` +
	`"f:meta.helm.sh/release-namespace":{}},"f:labels":{".":{},"f:app.kubernetes.io/instance":{},` +
	`"f:app.kubernetes.io/managed-by":{},"f:app.kubernetes.io/name":{},"f:app.kubernetes.io/version":{},` +
	`"f:helm.sh/chart":{}}},"f:spec":{"f:internalTrafficPolicy":{},"f:ports":{".":{},` +
	`"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{},"f:protocol":{},"f:targetPort":{}},` +
	`"k:{\"port\":9090,\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{},"f:protocol":{},"f:targetPort":{}}},` +
	`"f:selector":{},"f:sessionAffinity":{},"f:type":{}}}`

func sliceFields(uid string) string {
	return `{"f:addressType":{},"f:endpoints":{},"f:metadata":{"f:annotations":{".":{},` +
		`"f:endpoints.kubernetes.io/last-change-trigger-time":{}},"f:generateName":{},"f:labels":{".":{},` +
		`"f:app.kubernetes.io/instance":{},"f:app.kubernetes.io/managed-by":{},"f:app.kubernetes.io/name":{},` +
		`"f:app.kubernetes.io/version":{},"f:endpointslice.kubernetes.io/managed-by":{},"f:helm.sh/chart":{},` +
		`"f:kubernetes.io/service-name":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"` + uid + `\"}":{}}},"f:ports":{}}`
}
