// SPDX-License-Identifier: Apache-2.0
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	bookmarkEvery = 60 * time.Second // as the API server
	writeWithin   = 30 * time.Second // a watcher that reads nothing for this long is disconnected
	// The selector of CoreDNS and nodens for pods. All of ours are Running.
	livePods = "status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown"
)

func (r *store) bare() object {
	t := meta.TypeMeta{APIVersion: r.version, Kind: r.kind}
	switch r.kind {
	case "Namespace":
		return &core.Namespace{TypeMeta: t}
	case "Service":
		return &core.Service{TypeMeta: t}
	case "Pod":
		return &core.Pod{TypeMeta: t}
	}
	return &discovery.EndpointSlice{TypeMeta: t}
}

func (r *store) ServeHTTP(to http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	asJSON := !strings.Contains(req.Header.Get("Accept"), "application/vnd.kubernetes.protobuf")
	if why := refused(req.Method, q); why != nil {
		answerStatus(to, asJSON, why)
		return
	}
	if on(q.Get("watch")) {
		r.watch(to, req, q, asJSON)
	} else {
		r.list(to, q, asJSON)
	}
}

func on(value string) bool { return value == "true" || value == "1" }

// Refuses requests for anything not recorded, instead of answering them wrongly.
func refused(method string, q url.Values) *meta.Status {
	if method != http.MethodGet {
		return status(405, meta.StatusReasonMethodNotAllowed, "the stub supports only GET")
	}
	if s := q.Get("fieldSelector"); s != "" && s != livePods {
		return status(400, meta.StatusReasonBadRequest, "the stub supports only the fieldSelector "+livePods+" alone")
	}
	if q.Get("labelSelector") != "" {
		return status(400, meta.StatusReasonBadRequest, "the stub does not support a labelSelector")
	}
	return nil
}

func answerStatus(to http.ResponseWriter, asJSON bool, s *meta.Status) {
	body := statusBody(asJSON, s)
	to.Header().Set("Content-Type", form{json: asJSON}.mediaType())
	to.Header().Set("Content-Length", fmt.Sprint(len(body)))
	to.WriteHeader(int(s.Code))
	to.Write(body)
}

// --- lists ---

type token struct {
	Version int64 `json:"rv"`
	Start   int   `json:"start"`
}

func (t token) String() string {
	return base64.RawURLEncoding.EncodeToString(must(json.Marshal(t)))
}

func (r *store) readToken(text string) (token, *meta.Status) {
	var t token
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err != nil || t.Start < 0 || t.Start > r.count {
		return t, status(400, meta.StatusReasonBadRequest, "continue key is not valid")
	}
	return t, nil
}

func (r *store) list(to http.ResponseWriter, q url.Values, asJSON bool) {
	f := form{json: asJSON}
	r.tally.listing.Add(1)
	defer r.tally.listing.Add(-1)
	all, now := r.snapshot(f)
	m := meta.ListMeta{ResourceVersion: fmt.Sprint(now)}
	start, end := 0, all.count
	if text := q.Get("continue"); text != "" {
		t, bad := r.readToken(text)
		if bad == nil && !r.knows(t.Version) {
			bad = expired(t.Version)
		}
		if bad != nil {
			answerStatus(to, asJSON, bad)
			return
		}
		start, now, m.ResourceVersion = t.Start, t.Version, fmt.Sprint(t.Version)
	}
	if limit, _ := strconv.Atoi(q.Get("limit")); limit > 0 && start+limit < end {
		end = start + limit
		left := int64(all.count - end)
		m.Continue, m.RemainingItemCount = token{now, end}.String(), &left
	}
	pieces, n := all.pieces(start, end)
	if asJSON && n > 0 {
		pieces[0], n = pieces[0][1:], n-1 // its comma
	}
	head, tail := around(asJSON, r.version, r.kind, &m, n)
	to.Header().Set("Content-Type", f.mediaType())
	to.Header().Set("Content-Length", fmt.Sprint(len(head)+n+len(tail)))
	for _, piece := range append(append([][]byte{head}, pieces...), tail) {
		if _, err := to.Write(piece); err != nil {
			return
		}
		r.tally.bytes.Add(int64(len(piece)))
	}
	if r.tally.pages.Add(1); m.Continue == "" {
		r.tally.lists.Add(1)
	}
}

// --- watches ---

// Written by its own goroutine until it is live, then also by the goroutine of a change.
type watcher struct {
	form    form
	tally   *tally
	to      http.ResponseWriter
	control *http.ResponseController

	mu      sync.Mutex
	live    bool
	ended   bool
	backlog []byte
	done    chan struct{} // closed when ended
}

// With w.mu held, or by its own goroutine before it is live.
func (w *watcher) write(bytes []byte) error {
	w.control.SetWriteDeadline(time.Now().Add(writeWithin))
	n, err := w.to.Write(bytes)
	w.tally.bytes.Add(int64(n))
	return err
}

func (w *watcher) flush() error { return w.control.Flush() }

// Sends at once, or queues until the initial events are written. last: ends the watch.
func (w *watcher) deliver(bytes []byte, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended:
		return
	case !w.live:
		w.backlog = append(w.backlog, bytes...)
	case w.write(bytes) != nil || w.flush() != nil:
		last = true
	}
	if last {
		w.end()
	}
}

func (w *watcher) end() {
	if !w.ended {
		close(w.done)
	}
	w.ended = true
}

// The initial events are written; sends the events queued meanwhile.
func (w *watcher) goLive() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live = true
	if err := w.write(w.backlog); err != nil {
		return err
	}
	w.backlog = nil
	return w.flush()
}

func (r *store) watch(to http.ResponseWriter, req *http.Request, q url.Values, asJSON bool) {
	w := &watcher{form: form{watch: true, json: asJSON}, tally: &r.tally, to: to,
		control: http.NewResponseController(to), done: make(chan struct{})}
	from, _ := strconv.ParseInt(q.Get("resourceVersion"), 10, 64)
	var initial *recording
	withList := on(q.Get("sendInitialEvents")) || from == 0
	place := &initial
	if !withList {
		place = nil
	}
	now, known := r.join(w, from, place)
	defer r.leave(w)
	to.Header().Set("Content-Type", w.form.mediaType())
	if !known { // as the API server does: status 200, and an ERROR event
		w.write(statusEvent(asJSON, expired(from)))
		return
	}
	if withList && !r.sendInitial(w, initial, now, on(q.Get("sendInitialEvents"))) {
		return
	}
	r.tally.watches.Add(1)
	r.tally.watching.Add(1)
	defer r.tally.watching.Add(-1)
	if w.goLive() != nil {
		return
	}
	r.hold(w, req, q)
}

// The list within a watch (a streaming list).
func (r *store) sendInitial(w *watcher, all *recording, version int64, marked bool) bool {
	r.tally.listing.Add(1)
	defer r.tally.listing.Add(-1)
	for _, c := range all.chunks {
		if w.write(c.bytes) != nil {
			return false
		}
	}
	if marked && w.write(r.bookmark(w.form, version, true)) != nil {
		return false
	}
	if w.flush() != nil {
		return false
	}
	r.tally.lists.Add(1)
	return true
}

// Returns when the client leaves, at its timeout, or when the watch was ended.
func (r *store) hold(w *watcher, req *http.Request, q url.Values) {
	seconds, _ := strconv.Atoi(q.Get("timeoutSeconds"))
	if seconds <= 0 {
		seconds = 1800
	}
	over := time.NewTimer(time.Duration(seconds) * time.Second)
	defer over.Stop()
	marks := time.NewTicker(bookmarkEvery)
	defer marks.Stop()
	for {
		select {
		case <-marks.C:
			if on(q.Get("allowWatchBookmarks")) {
				r.mark(w)
			}
			continue
		case <-over.C:
		case <-w.done:
		case <-req.Context().Done():
		}
		w.mu.Lock() // no writes to a response after its handler returned
		w.end()
		w.mu.Unlock()
		return
	}
}

// No change happens between reading the version and writing it.
func (r *store) mark(w *watcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.deliver(r.bookmark(w.form, r.world.version.Load(), false), false)
}
