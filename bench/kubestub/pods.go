// SPDX-License-Identifier: Apache-2.0
package main

import (
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const image = "registry.example.com/platform/service:2.14.3"

// One container, with the additions of admission, scheduler and kubelet. All pods are Running.
func (c *cluster) makePod(i int) object {
	name, space, owns := c.pod(i)
	service, kind, generate := owns, "ReplicaSet", owns+"-"
	if i < c.endpoints {
		service = serviceName(c.serviceOf(i))
		if ordinal(c.serviceOf(i)) {
			kind = "StatefulSet"
		}
	}
	p := &core.Pod{
		TypeMeta: meta.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: meta.ObjectMeta{Name: name, GenerateName: generate, Namespace: space,
			UID: types.UID(c.uid("Pod", i)), ResourceVersion: version(i), Generation: 1, CreationTimestamp: at(i),
			Labels: labels(service), OwnerReferences: owner("apps/v1", kind, owns, c.uid(owns, 0)),
			Annotations: map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "9090",
				"checksum/config": c.uid("config", i) + c.uid("config", i+1)},
			ManagedFields: []meta.ManagedFieldsEntry{
				written("kube-controller-manager", "v1", "", at(i), podFields(c.uid(owns, 0))),
				written("kubelet", "v1", "status", at(i+12), statusFields(podIP(i)))}},
		Spec:   c.podSpec(i, service),
		Status: c.podStatus(i),
	}
	if kind == "StatefulSet" {
		p.Labels["apps.kubernetes.io/pod-index"] = name[strings.LastIndexByte(name, '-')+1:]
		p.Spec.Hostname, p.Spec.Subdomain = name, service
	} else {
		p.Labels["pod-template-hash"] = owns[strings.LastIndexByte(owns, '-')+1:]
	}
	return p
}

func (c *cluster) podSpec(i int, service string) core.PodSpec {
	grace, seconds, yes, links := int64(30), int64(300), true, true
	priority, preempt := int32(0), core.PreemptLowerPriority
	return core.PodSpec{
		Volumes: []core.Volume{tokenVolume(),
			{Name: "config", VolumeSource: core.VolumeSource{ConfigMap: &core.ConfigMapVolumeSource{
				LocalObjectReference: core.LocalObjectReference{Name: service + "-config"}, DefaultMode: mode()}}}},
		Containers:    []core.Container{container(service)},
		RestartPolicy: core.RestartPolicyAlways, TerminationGracePeriodSeconds: &grace, DNSPolicy: core.DNSClusterFirst,
		ServiceAccountName: "default", DeprecatedServiceAccount: "default", NodeName: nodeName(c.node(i)),
		SecurityContext: &core.PodSecurityContext{RunAsNonRoot: &yes}, SchedulerName: "default-scheduler",
		Tolerations: []core.Toleration{
			{Key: "node.kubernetes.io/not-ready", Operator: core.TolerationOpExists, Effect: core.TaintEffectNoExecute,
				TolerationSeconds: &seconds},
			{Key: "node.kubernetes.io/unreachable", Operator: core.TolerationOpExists,
				Effect: core.TaintEffectNoExecute, TolerationSeconds: &seconds}},
		Priority: &priority, EnableServiceLinks: &links, PreemptionPolicy: &preempt,
	}
}

func mode() *int32 {
	m := int32(420)
	return &m
}

// The token, CA and namespace that every pod gets.
func tokenVolume() core.Volume {
	hour := int64(3607)
	return core.Volume{Name: "kube-api-access-x9wz4", VolumeSource: core.VolumeSource{
		Projected: &core.ProjectedVolumeSource{DefaultMode: mode(), Sources: []core.VolumeProjection{
			{ServiceAccountToken: &core.ServiceAccountTokenProjection{ExpirationSeconds: &hour, Path: "token"}},
			{ConfigMap: &core.ConfigMapProjection{
				LocalObjectReference: core.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items:                []core.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}}}},
			{DownwardAPI: &core.DownwardAPIProjection{Items: []core.DownwardAPIVolumeFile{{Path: "namespace",
				FieldRef: &core.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}}}}}}}}}
}

func container(service string) core.Container {
	no := false
	return core.Container{
		Name: "service", Image: image, ImagePullPolicy: core.PullIfNotPresent,
		Args: []string{"--listen=:8080", "--metrics=:9090", "--config=/etc/service/config.yaml"},
		Ports: []core.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: core.ProtocolTCP},
			{Name: "metrics", ContainerPort: 9090, Protocol: core.ProtocolTCP}},
		Env: []core.EnvVar{{Name: "SERVICE_NAME", Value: service}, {Name: "LOG_LEVEL", Value: "info"},
			{Name: "POD_NAME", ValueFrom: &core.EnvVarSource{
				FieldRef: &core.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}},
			{Name: "DATABASE_URL", ValueFrom: &core.EnvVarSource{SecretKeyRef: &core.SecretKeySelector{
				LocalObjectReference: core.LocalObjectReference{Name: service + "-database"}, Key: "url"}}}},
		Resources: core.ResourceRequirements{
			Requests: core.ResourceList{core.ResourceCPU: cpu, core.ResourceMemory: memory},
			Limits:   core.ResourceList{core.ResourceMemory: memory}},
		VolumeMounts: []core.VolumeMount{{Name: "config", ReadOnly: true, MountPath: "/etc/service"},
			{Name: "kube-api-access-x9wz4", ReadOnly: true,
				MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}},
		LivenessProbe: probe("/live"), ReadinessProbe: probe("/ready"),
		TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: core.TerminationMessageReadFile,
		SecurityContext: &core.SecurityContext{AllowPrivilegeEscalation: &no,
			Capabilities: &core.Capabilities{Drop: []core.Capability{"ALL"}}},
	}
}

var cpu, memory = resource.MustParse("100m"), resource.MustParse("256Mi")

func probe(path string) *core.Probe {
	return &core.Probe{ProbeHandler: core.ProbeHandler{HTTPGet: &core.HTTPGetAction{Path: path,
		Port: intstr.FromString("http"), Scheme: core.URISchemeHTTP}},
		TimeoutSeconds: 1, PeriodSeconds: 10, SuccessThreshold: 1, FailureThreshold: 3}
}

func (c *cluster) podStatus(i int) core.PodStatus {
	host, ip, started, yes := hostIP(c.node(i)), podIP(i), at(i+2), true
	s := core.PodStatus{Phase: core.PodRunning, ObservedGeneration: 1, HostIP: host,
		HostIPs: []core.HostIP{{IP: host}}, PodIP: ip, PodIPs: []core.PodIP{{IP: ip}}, StartTime: &started,
		QOSClass: core.PodQOSBurstable,
		ContainerStatuses: []core.ContainerStatus{{Name: "service", Ready: true, Started: &yes, Image: image,
			State: core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: at(i + 5)}},
			ImageID: "registry.example.com/platform/service@sha256:" +
				"6f1d2a3c4b5e69788790a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6",
			ContainerID: "containerd://" + c.uid("container", i) + c.uid("container", i+1)}}}
	for k, kind := range []core.PodConditionType{core.PodReadyToStartContainers, core.PodInitialized, core.PodReady,
		core.ContainersReady, core.PodScheduled} {
		s.Conditions = append(s.Conditions, core.PodCondition{Type: kind, Status: core.ConditionTrue,
			ObservedGeneration: 1, LastTransitionTime: at(i + k)})
	}
	return s
}

func podFields(uid string) string {
	return `{"f:metadata":{"f:annotations":{".":{},"f:checksum/config":{},"f:prometheus.io/port":{},` +
		`"f:prometheus.io/scrape":{}},"f:generateName":{},"f:labels":{".":{},"f:app.kubernetes.io/instance":{},` +
		`"f:app.kubernetes.io/managed-by":{},"f:app.kubernetes.io/name":{},"f:app.kubernetes.io/version":{},` +
		`"f:helm.sh/chart":{},"f:pod-template-hash":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"` + uid +
		`\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"service\"}":{".":{},"f:args":{},"f:env":{".":{},` +
		`"k:{\"name\":\"DATABASE_URL\"}":{".":{},"f:name":{},"f:valueFrom":{".":{},"f:secretKeyRef":{}}},` +
		`"k:{\"name\":\"LOG_LEVEL\"}":{".":{},"f:name":{},"f:value":{}},"k:{\"name\":\"POD_NAME\"}":{".":{},` +
		`"f:name":{},"f:valueFrom":{".":{},"f:fieldRef":{}}},"k:{\"name\":\"SERVICE_NAME\"}":{".":{},"f:name":{},` +
		`"f:value":{}}},"f:image":{},"f:imagePullPolicy":{},"f:livenessProbe":{".":{},"f:failureThreshold":{},` +
		`"f:httpGet":{".":{},"f:path":{},"f:port":{},"f:scheme":{}},"f:periodSeconds":{},"f:successThreshold":{},` +
		`"f:timeoutSeconds":{}},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}":` +
		`{".":{},"f:containerPort":{},"f:name":{},"f:protocol":{}},"k:{\"containerPort\":9090,\"protocol\":\"TCP\"}":` +
		`{".":{},"f:containerPort":{},"f:name":{},"f:protocol":{}}},"f:readinessProbe":{".":{},` +
		`"f:failureThreshold":{},"f:httpGet":{".":{},"f:path":{},"f:port":{},"f:scheme":{}},"f:periodSeconds":{},` +
		`"f:successThreshold":{},"f:timeoutSeconds":{}},"f:resources":{".":{},"f:limits":{".":{},"f:memory":{}},` +
		`"f:requests":{".":{},"f:cpu":{},"f:memory":{}}},"f:securityContext":{".":{},` +
		`"f:allowPrivilegeEscalation":{},"f:capabilities":{".":{},"f:drop":{}}},"f:terminationMessagePath":{},` +
		`"f:terminationMessagePolicy":{},"f:volumeMounts":{".":{},"k:{\"mountPath\":\"/etc/service\"}":{".":{},` +
		`"f:mountPath":{},"f:name":{},"f:readOnly":{}}}}},"f:dnsPolicy":{},"f:enableServiceLinks":{},` +
		`"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{".":{},"f:runAsNonRoot":{}},` +
		`"f:terminationGracePeriodSeconds":{},"f:volumes":{".":{},"k:{\"name\":\"config\"}":{".":{},"f:configMap":` +
		`{".":{},"f:defaultMode":{},"f:name":{}},"f:name":{}}}}}`
}

func statusFields(ip string) string {
	conditions := ""
	for _, kind := range []string{"ContainersReady", "Initialized", "PodReadyToStartContainers", "Ready"} {
		conditions += `,"k:{\"type\":\"` + kind + `\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},` +
			`"f:observedGeneration":{},"f:status":{},"f:type":{}}`
	}
	return `{"f:status":{"f:conditions":{` + conditions[1:] + `},"f:containerStatuses":{},"f:hostIP":{},` +
		`"f:hostIPs":{},"f:observedGeneration":{},"f:phase":{},"f:podIP":{},"f:podIPs":{".":{},"k:{\"ip\":\"` + ip +
		`\"}":{".":{},"f:ip":{}}},"f:startTime":{}}}`
}
