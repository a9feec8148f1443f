// SPDX-License-Identifier: Apache-2.0

// A real Kubernetes API server on loopback for tests: etcd and kube-apiserver, each a child process
// of its own, from their Go modules. README.md says how it is spoken to.
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

// What a command is answered with: one line of JSON.
type answer struct {
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Folder     string `json:"folder,omitempty"`
	Server     string `json:"server,omitempty"`
	Etcd       int    `json:"etcd,omitempty"` // pids
	APIServer  int    `json:"apiserver,omitempty"`
	Revision   int64  `json:"revision,omitempty"`
	Error      string `json:"error,omitempty"`
}

// A child ends with the thread that started it (PDEATHSIG): that must be one which lives as long as
// the process, the main thread.
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
	folder := flag.String("folder", "", "an empty folder to use and leave; without it, one that is removed at the end")
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

// Until standard input ends, or a signal.
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
	say(c.describe())

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
			say(c.obey(line))
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

func say(a answer) {
	line, _ := json.Marshal(a) // strings and numbers alone: cannot fail
	fmt.Println(string(line))
}

// One command: its name, and what follows it.
func (c *cluster) obey(line string) answer {
	words := strings.Fields(line)
	if len(words) == 0 {
		return answer{Error: "an empty line is no command"}
	}
	var a answer
	var err error
	switch words[0] {
	case "kill": // as a crash does: nothing is closed, watches are cut
		c.apiserver.end()
	case "start":
		if err = c.startAPIServer(words[1:]); err == nil {
			a = c.describe()
		}
	case "compact":
		a.Revision, err = c.compact()
	default:
		err = fmt.Errorf("%q is no command: kill, start [FLAG...], compact", words[0])
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}
