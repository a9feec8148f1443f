// SPDX-License-Identifier: Apache-2.0

// A real Kubernetes API server on loopback for tests: etcd and kube-apiserver, each a child process
// of its own, from their Go modules. README.md describes the commands.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
)

// The reply to a command: one line of JSON.
type answer struct {
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Folder     string `json:"folder,omitempty"`
	Server     string `json:"server,omitempty"`
	Etcd       int    `json:"etcd,omitempty"` // pids
	APIServer  int    `json:"apiserver,omitempty"`
	Revision   int64  `json:"revision,omitempty"`
	Error      string `json:"error,omitempty"`
}

// A child ends with the thread that started it (PDEATHSIG), so that must be the main thread, which lasts
// as long as the process.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "etcd":
			exit(runEtcd(os.Args[2:]))
		case "kube-apiserver":
			exit(runAPIServer(os.Args[2:]))
		}
	}
	folder := flag.String("folder", "", "an empty folder, kept at the end (default: a temporary one, removed at the end)")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: %s [-folder DIR] [-- KUBE-APISERVER-FLAG...]\n", os.Args[0])
		flag.PrintDefaults()
	}
	flag.Parse()
	exit(serve(*folder, flag.Args()))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Runs until standard input ends, or a signal.
func serve(folder string, flags []string) error {
	if folder == "" {
		made, err := os.MkdirTemp("", "apiserver")
		if err != nil {
			return err
		}
		folder = made
		defer os.RemoveAll(made)
	}
	c, err := newCluster(folder)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.startEtcd(); err != nil {
		return err
	}
	if err := c.startAPIServer(flags); err != nil {
		return err
	}
	reply(c.describe())

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	for lines := read(os.Stdin); ; {
		select {
		case <-ended:
			return nil
		case line, more := <-lines:
			if !more {
				return nil
			}
			reply(c.run(line))
		}
	}
}

func read(from *os.File) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(from); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}

func reply(a answer) {
	line, _ := json.Marshal(a) // only strings and numbers: cannot fail
	fmt.Println(string(line))
}

// Runs one command: its name and arguments.
func (c *cluster) run(line string) answer {
	words := strings.Fields(line)
	if len(words) == 0 {
		return answer{Error: "empty command"}
	}
	var a answer
	var err error
	switch words[0] {
	case "kill": // like a crash: watches are cut
		c.apiserver.end()
	case "start":
		if err = c.startAPIServer(words[1:]); err == nil {
			a = c.describe()
		}
	case "compact":
		a.Revision, err = c.compact()
	default:
		err = fmt.Errorf("invalid command %q: must be kill, start [FLAG...] or compact", words[0])
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}
