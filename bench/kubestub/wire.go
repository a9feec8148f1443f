// SPDX-License-Identifier: Apache-2.0
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// The methods of all our types.
type object interface {
	meta.Object
	runtime.Object
	Marshal() ([]byte, error)
}

// The encoding of objects: as items of a list or events of a watch, in protobuf or JSON.
type form struct{ watch, json bool }

func (f form) mediaType() string {
	switch {
	case f.json:
		return "application/json"
	case f.watch:
		return "application/vnd.kubernetes.protobuf;stream=watch"
	}
	return "application/vnd.kubernetes.protobuf"
}

// All objects are our own: a failure to marshal one is a bug in this program.
func must[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}

// The protobuf envelope: magic, and the object with its type.
func envelope(version, kind string, raw []byte) []byte {
	u := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: version, Kind: kind}, Raw: raw}
	return append([]byte("k8s\x00"), must(u.Marshal())...)
}

// A complete event of a watch: preceded by its length, or as a line.
func eventBytes(json bool, what, version, kind string, o object) []byte {
	if json {
		return jsonEvent(what, o)
	}
	return protobufEvent(what, version, kind, must(o.Marshal()))
}

func protobufEvent(what, version, kind string, raw []byte) []byte {
	e := meta.WatchEvent{Type: what, Object: runtime.RawExtension{Raw: envelope(version, kind, raw)}}
	body := must(e.Marshal())
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, len(body)+4), uint32(len(body))), body...)
}

func jsonEvent(what string, o any) []byte {
	e := struct {
		Type   string `json:"type"`
		Object any    `json:"object"`
	}{what, o}
	return append(must(json.Marshal(e)), '\n')
}

// An item of a list: field number 2, or JSON preceded by a comma.
func itemBytes(asJSON bool, o object) []byte {
	if asJSON {
		o.GetObjectKind().SetGroupVersionKind(untyped)
		return append([]byte{','}, must(json.Marshal(o))...)
	}
	raw := must(o.Marshal())
	return append(field(2, len(raw)), raw...)
}

func field(number byte, n int) []byte { return binary.AppendUvarint([]byte{number<<3 | 2}, uint64(n)) }

// The bytes before and after n bytes of items in a list.
func around(asJSON bool, version, kind string, m *meta.ListMeta, n int) (head, tail []byte) {
	if asJSON {
		head = fmt.Appendf(nil, `{"kind":%q,"apiVersion":%q,"metadata":%s,"items":[`, kind+"List", version,
			must(json.Marshal(m)))
		return head, []byte("]}\n")
	}
	typeMeta := must((&runtime.TypeMeta{APIVersion: version, Kind: kind + "List"}).Marshal())
	listMeta := must(m.Marshal())
	head = append([]byte("k8s\x00"), field(1, len(typeMeta))...)
	head = append(head, typeMeta...)
	inner := append(field(1, len(listMeta)), listMeta...)
	head = append(head, field(2, len(inner)+n)...)
	return append(head, inner...), []byte{3<<3 | 2, 0, 4<<3 | 2, 0} // contentEncoding and contentType
}

func status(code int32, reason meta.StatusReason, message string) *meta.Status {
	return &meta.Status{TypeMeta: meta.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: meta.StatusFailure,
		Code: code, Reason: reason, Message: message}
}

func expired(version int64) *meta.Status {
	return status(410, meta.StatusReasonExpired, fmt.Sprintf("too old resource version: %d", version))
}

func statusEvent(asJSON bool, s *meta.Status) []byte {
	if asJSON {
		return jsonEvent("ERROR", s)
	}
	return protobufEvent("ERROR", "v1", "Status", must(s.Marshal()))
}

func statusBody(asJSON bool, s *meta.Status) []byte {
	if asJSON {
		return append(must(json.Marshal(s)), '\n')
	}
	return envelope("v1", "Status", must(s.Marshal()))
}
