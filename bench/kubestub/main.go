// SPDX-License-Identifier: Apache-2.0

// A cluster of any size, served like an API server does, with very little CPU. See README.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
)

func main() {
	services := flag.Int("services", 1000, "Services, one in ten headless")
	endpoints := flag.Int("endpoints", 25000, "endpoints of all Services together")
	pods := flag.Int("pods", 0, "Pods: those of the first endpoints")
	namespaces := flag.Int("namespaces", 100, "namespaces, over which the Services are distributed")
	seed := flag.Uint64("seed", 1, "seed of uids and of the nodes of endpoints")
	port := flag.Int("port", 0, "serve on this port of 127.0.0.1 (0: any)")
	write := flag.String("write", "", "only write the recorded bytes and the objects into this `folder`")
	create := flag.String("create", "", "only create the objects in the API server of this `kubeconfig`")
	workers := flag.Int("workers", 32, "for -create: parallel requests")
	flag.Parse()
	c, err := newCluster(*services, *endpoints, *pods, *namespaces, *seed)
	if err == nil && flag.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	switch {
	case err != nil:
	case *write != "" && *create != "":
		err = errors.New("-write and -create cannot be combined")
	case *write != "":
		err = writeAll(newWorld(c), *write)
	case *create != "":
		err = createAll(newWorld(c), *create, *workers)
	default:
		err = serve(newWorld(c), *port)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kubestub:", err)
		os.Exit(1)
	}
}

// Serves until it is killed. The line of JSON means that everything is recorded.
func serve(w *world, port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	bytes := map[string]int{}
	for _, r := range w.resources {
		all, _ := r.snapshot(form{watch: true})
		bytes[r.name] = all.bytes
	}
	debug.FreeOSMemory()
	fmt.Printf("%s\n", jsonLine(map[string]any{"port": l.Addr().(*net.TCPAddr).Port, "bytes": bytes}))
	return http.Serve(l, w.handler())
}
