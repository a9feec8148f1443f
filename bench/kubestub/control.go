// SPDX-License-Identifier: Apache-2.0
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"syscall"
	"time"
	"unsafe"
)

// CLOCK_MONOTONIC, the same for all processes of this machine.
func monotonic() int64 {
	var t syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}

func say(to http.ResponseWriter, code int, what any) {
	to.Header().Set("Content-Type", "application/json")
	to.WriteHeader(code)
	to.Write(append(must(json.Marshal(what)), '\n'))
}

func sayError(to http.ResponseWriter, code int, format string, args ...any) {
	say(to, code, map[string]any{"error": fmt.Sprintf(format, args...)})
}

// The control endpoints, and requests other than lists and watches.
func (w *world) handler() http.Handler {
	mux := http.NewServeMux()
	for path, r := range w.resources {
		mux.Handle(path, r)
	}
	mux.HandleFunc("POST /stub/expire", w.expire)
	mux.HandleFunc("POST /stub/move", w.move)
	mux.HandleFunc("GET /stub/state", w.state)
	for path, body := range w.discovery() {
		mux.HandleFunc("GET "+path, func(to http.ResponseWriter, _ *http.Request) { say(to, 200, body) })
	}
	for _, path := range []string{"/healthz", "/livez", "/readyz"} {
		mux.HandleFunc("GET "+path, func(to http.ResponseWriter, _ *http.Request) { fmt.Fprint(to, "ok") })
	}
	return mux // everything else, custom resources too: 404 page not found, as from the API server
}

func (w *world) discovery() map[string]any {
	lists := map[string][]any{}
	for _, r := range w.resources {
		lists[r.version] = append(lists[r.version], map[string]any{"name": r.name, "singularName": "",
			"namespaced": r.kind != "Namespace", "kind": r.kind, "verbs": []string{"list", "watch"}})
	}
	of := func(version string) any {
		return map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version,
			"resources": lists[version]}
	}
	group := map[string]any{"groupVersion": "discovery.k8s.io/v1", "version": "v1"}
	return map[string]any{
		"/version": map[string]any{"major": "1", "minor": "37", "gitVersion": "v1.37.2", "platform": "linux/amd64"},
		"/api":     map[string]any{"kind": "APIVersions", "versions": []string{"v1"}},
		"/api/v1":  of("v1"),
		"/apis": map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": []any{map[string]any{
			"name": "discovery.k8s.io", "versions": []any{group}, "preferredVersion": group}}},
		"/apis/discovery.k8s.io/v1": of("discovery.k8s.io/v1"),
	}
}

// As a compaction, and for every watch: each client has to relist.
func (w *world) expire(to http.ResponseWriter, _ *http.Request) {
	version, ended := w.version.Add(1000), 0
	for _, r := range w.resources {
		ended += r.expire(version)
	}
	say(to, 200, map[string]any{"ended": ended, "resourceVersion": fmt.Sprint(version)})
}

func (w *world) move(to http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	address, err := netip.ParseAddr(q.Get("address"))
	if err != nil || !address.Is4() {
		sayError(to, 400, "invalid address=%q: must be an IPv4 address", q.Get("address"))
		return
	}
	c := w.cluster
	i, found := c.findService(q.Get("service"), q.Get("namespace"))
	if !found {
		sayError(to, 404, "no Service %q in namespace %q", q.Get("service"), q.Get("namespace"))
		return
	}
	at := c.start[i]
	if c.slices[at].n == 0 {
		sayError(to, 409, "Service %q has no endpoints", q.Get("service"))
		return
	}
	slices := w.resources["/apis/discovery.k8s.io/v1/endpointslices"]
	now, version := slices.change(at, func(version int64) {
		c.moved[at] = move{address.String(), version, time.Now()}
	})
	say(to, 200, map[string]any{"monotonic_ns": now, "resourceVersion": fmt.Sprint(version),
		"slice": c.sliceName(at)})
}

func (c *cluster) findService(name, namespace string) (int, bool) {
	var i int
	if n, err := fmt.Sscanf(name, "service-%d", &i); n != 1 || err != nil || i < 0 || i >= c.services {
		return 0, false
	}
	return i, serviceName(i) == name && c.namespace(i) == namespace
}

func (w *world) state(to http.ResponseWriter, _ *http.Request) {
	each, listing := map[string]any{}, int64(0)
	for _, r := range w.resources {
		each[r.name] = r.state()
		listing += r.tally.listing.Load()
	}
	say(to, 200, map[string]any{"resourceVersion": fmt.Sprint(w.version.Load()), "listing": listing,
		"resources": each})
}
