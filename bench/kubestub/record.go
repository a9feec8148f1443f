// SPDX-License-Identifier: Apache-2.0
package main

import "sort"

const chunkBytes = 256 << 10

// Encoded objects in sequence, in pieces for one write each. A chunk is immutable.
type chunk struct {
	bytes []byte
	ends  []int // end of each object, in bytes
	first int   // number of the first object
}

type recording struct {
	chunks []chunk
	count  int
	bytes  int
}

// Records n objects; encode returns the bytes of each.
func record(n int, encode func(i int) []byte) *recording {
	r := &recording{count: n}
	open := chunk{}
	for i := range n {
		open.bytes = append(open.bytes, encode(i)...)
		open.ends = append(open.ends, len(open.bytes))
		if len(open.bytes) >= chunkBytes || i == n-1 {
			open.bytes = append([]byte(nil), open.bytes...) // without spare capacity
			r.chunks = append(r.chunks, open)
			r.bytes += len(open.bytes)
			open = chunk{first: i + 1, bytes: make([]byte, 0, chunkBytes*5/4)}
		}
	}
	return r
}

func (r *recording) chunkOf(i int) int {
	return sort.Search(len(r.chunks), func(k int) bool { return r.chunks[k].first > i }) - 1
}

// A copy with object i replaced. Readers of the old one keep it.
func (r *recording) with(i int, bytes []byte) *recording {
	at := r.chunkOf(i)
	old, k := r.chunks[at], i-r.chunks[at].first
	begin, shift := 0, len(bytes)
	if k > 0 {
		begin = old.ends[k-1]
	}
	shift -= old.ends[k] - begin
	made := chunk{first: old.first}
	made.bytes = append(append(append(make([]byte, 0, len(old.bytes)+shift), old.bytes[:begin]...), bytes...),
		old.bytes[old.ends[k]:]...)
	made.ends = append([]int(nil), old.ends...)
	for ; k < len(made.ends); k++ {
		made.ends[k] += shift
	}
	next := &recording{count: r.count, bytes: r.bytes + shift, chunks: append([]chunk(nil), r.chunks...)}
	next.chunks[at] = made
	return next
}

// The bytes of objects [from, to).
func (r *recording) pieces(from, to int) (pieces [][]byte, total int) {
	for at := max(0, r.chunkOf(from)); at < len(r.chunks) && r.chunks[at].first < to; at++ {
		c := r.chunks[at]
		begin, end := 0, len(c.bytes)
		if from > c.first {
			begin = c.ends[from-c.first-1]
		}
		if to < c.first+len(c.ends) {
			end = c.ends[to-c.first-1]
		}
		pieces = append(pieces, c.bytes[begin:end])
		total += end - begin
	}
	return pieces, total
}
