// SPDX-License-Identifier: Apache-2.0
package main

import (
	"fmt"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

const logMax = 1000 // events kept for watches from an earlier version

var untyped schema.GroupVersionKind

// State common to the whole cluster.
type world struct {
	cluster   *cluster
	version   atomic.Int64
	resources map[string]*store // by path
}

// The objects of one kind, for lists and watches.
type store struct {
	world               *world
	name, version, kind string
	count               int
	make                func(i int) object
	tally               tally

	mu       sync.Mutex
	recorded map[form]*recording
	watchers map[*watcher]bool
	log      []event // events that a watch from `since` gets
	since    int64
	oldest   int64 // earlier versions are refused
}

type tally struct{ lists, listing, pages, watches, watching, events, bytes atomic.Int64 }

type event struct {
	version int64
	bytes   map[bool][]byte // by json
}

func newWorld(c *cluster) *world {
	w := &world{cluster: c, resources: map[string]*store{}}
	w.version.Store(1000000)
	w.add("/api/v1/namespaces", "namespaces", "v1", "Namespace", c.namespaces, c.makeNamespace)
	w.add("/api/v1/services", "services", "v1", "Service", c.services, c.makeService)
	w.add("/apis/discovery.k8s.io/v1/endpointslices", "endpointslices", "discovery.k8s.io/v1", "EndpointSlice",
		len(c.slices), c.makeSlice)
	w.add("/api/v1/pods", "pods", "v1", "Pod", c.pods, c.makePod)
	return w
}

func (w *world) add(path, name, version, kind string, count int, make func(i int) object) {
	w.resources[path] = &store{world: w, name: name, version: version, kind: kind, count: count, make: make,
		recorded: map[form]*recording{}, watchers: map[*watcher]bool{}, since: w.version.Load(),
		oldest: w.version.Load()}
}

func (r *store) encode(f form, i int) []byte {
	if f.watch {
		return eventBytes(f.json, "ADDED", r.version, r.kind, r.make(i))
	}
	return itemBytes(f.json, r.make(i))
}

// With r.mu held. Records at the first request; encoding is the slow part, in JSON.
func (r *store) recording(f form) *recording {
	if r.recorded[f] == nil {
		r.recorded[f] = record(r.count, func(i int) []byte { return r.encode(f, i) })
	}
	return r.recorded[f]
}

// The current state and its version.
func (r *store) snapshot(f form) (*recording, int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recording(f), r.world.version.Load()
}

// Replaces object i in all recordings and sends it to all watchers. Returns the clock before the first write.
func (r *store) change(i int, edit func(version int64)) (int64, int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	version := r.world.version.Add(1)
	edit(version)
	for f, old := range r.recorded {
		r.recorded[f] = old.with(i, r.encode(f, i))
	}
	e := event{version: version, bytes: map[bool][]byte{}}
	for _, asJSON := range []bool{false, true} {
		e.bytes[asJSON] = eventBytes(asJSON, "MODIFIED", r.version, r.kind, r.make(i))
	}
	if r.log = append(r.log, e); len(r.log) > logMax {
		r.since = r.log[0].version
		r.log = r.log[1:]
	}
	now := monotonic()
	for w := range r.watchers {
		w.deliver(e.bytes[w.form.json], false)
		r.tally.events.Add(1)
	}
	return now, version
}

// Ends every watch with an error; earlier versions become invalid.
func (r *store) expire(version int64) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.oldest, r.since, r.log = version, version, nil
	n := len(r.watchers)
	for w := range r.watchers {
		w.deliver(statusEvent(w.form.json, expired(version-1)), true)
		delete(r.watchers, w)
	}
	return n
}

func (r *store) knows(version int64) bool { return version >= r.oldest }

// Starts a watch from version: queues the missed events, after initial if that is not nil, and adds it to the watchers.
// Returns false if the version is too old.
func (r *store) join(w *watcher, version int64, initial **recording) (int64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.world.version.Load()
	if initial != nil {
		*initial = r.recording(w.form)
	} else {
		if !r.knows(version) || version < r.since {
			return now, false
		}
		for _, e := range r.log {
			if e.version > version {
				w.deliver(e.bytes[w.form.json], false)
			}
		}
	}
	r.watchers[w] = true
	return now, true
}

func (r *store) leave(w *watcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.watchers, w)
}

func (r *store) state() map[string]any {
	t := &r.tally
	return map[string]any{"objects": r.count, "lists": t.lists.Load(), "listing": t.listing.Load(),
		"pages": t.pages.Load(), "watches": t.watches.Load(), "watching": t.watching.Load(),
		"events": t.events.Load(), "bytes": t.bytes.Load()}
}

func (r *store) bookmark(f form, version int64, initialEnd bool) []byte {
	o := r.bare()
	o.SetResourceVersion(fmt.Sprint(version))
	if initialEnd {
		o.SetAnnotations(map[string]string{"k8s.io/initial-events-end": "true"})
	}
	return eventBytes(f.json, "BOOKMARK", r.version, r.kind, o)
}
