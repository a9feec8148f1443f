// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func jsonLine(what any) []byte { return must(json.Marshal(what)) }

// For each kind: NAME.list.pb and NAME.json, the bodies of complete lists; NAME.stream.pb, that of a streaming list.
func writeAll(w *world, folder string) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	for _, r := range w.resources {
		for ending, f := range map[string]form{".list.pb": {}, ".json": {json: true}, ".stream.pb": {watch: true}} {
			if err := r.writeFile(filepath.Join(folder, r.name+ending), f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *store) writeFile(path string, f form) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	to := bufio.NewWriterSize(out, 1<<20)
	all, version := r.snapshot(f)
	pieces, n := all.pieces(0, all.count)
	var head, tail []byte
	if f.watch {
		tail = r.bookmark(f, version, true)
	} else {
		if f.json && n > 0 {
			pieces[0], n = pieces[0][1:], n-1
		}
		head, tail = around(f.json, r.version, r.kind, &meta.ListMeta{ResourceVersion: fmt.Sprint(version)}, n)
	}
	for _, piece := range append(append([][]byte{head}, pieces...), tail) {
		to.Write(piece)
	}
	if err := to.Flush(); err != nil {
		return err
	}
	return out.Close()
}
