// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const readyWithin = 90 * time.Second // a busy machine with two cores

// The two children, their ports and files.
type cluster struct {
	folder          string
	etcdPort        int
	peerPort        int
	port            int
	keys            *keys
	etcd, apiserver child
}

type child struct {
	process *os.Process
	ended   chan struct{}
	log     string
}

func newCluster(folder string) (*cluster, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	k, err := newKeys(folder)
	if err != nil {
		return nil, err
	}
	c := &cluster{folder: folder, etcdPort: ports[0], peerPort: ports[1], port: ports[2], keys: k}
	return c, k.writeConfigs(c.server())
}

func (c *cluster) server() string { return fmt.Sprintf("https://127.0.0.1:%d", c.port) }

func (c *cluster) path(name string) string { return filepath.Join(c.folder, name) }

func (c *cluster) describe() answer {
	return answer{Kubeconfig: c.path("admin.kubeconfig"), Folder: c.folder, Server: c.server(),
		Etcd: c.etcd.pid(), APIServer: c.apiserver.pid()}
}

// Ports below the kernel's ephemeral range, and above those of the other tests.
func freePorts(n int) ([]int, error) {
	var ports []int
	for try := 0; len(ports) < n && try < 1000; try++ {
		port := 32001 + rand.Intn(760)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // at the end, so that no port is returned twice
		ports = append(ports, port)
	}
	if len(ports) < n {
		return nil, errors.New("no free ports from 32001 to 32760 on 127.0.0.1")
	}
	return ports, nil
}

func (c *cluster) startEtcd() error {
	if err := c.etcd.start(c.path("etcd.log"), "etcd", c.path("etcd"), fmt.Sprint(c.etcdPort),
		fmt.Sprint(c.peerPort)); err != nil {
		return err
	}
	return c.etcd.wait(func() error {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", c.etcdPort), time.Second)
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// A later flag overrides an earlier one; list flags accumulate.
func (c *cluster) startAPIServer(flags []string) error {
	if c.apiserver.runs() {
		return errors.New("the API server is already running: kill it first")
	}
	args := []string{"kube-apiserver",
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", c.etcdPort),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", // needs no default route
		fmt.Sprintf("--secure-port=%d", c.port),
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + c.path("server.crt"), "--tls-private-key-file=" + c.path("server.key"),
		"--client-ca-file=" + c.path("ca.crt"), "--token-auth-file=" + c.path("tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.path("sa.pub"),
		"--service-account-signing-key-file=" + c.path("sa.key"),
		"--service-cluster-ip-range=10.96.0.0/14,fd00:10:96::/112",
		"--authorization-mode=RBAC",
		"--allow-privileged=true",
		// No controller creates ServiceAccounts for Pods.
		"--disable-admission-plugins=ServiceAccount",
		// Tests create thousands of objects at once.
		"--max-requests-inflight=0", "--max-mutating-requests-inflight=0", "--enable-priority-and-fairness=false",
		"--event-ttl=5m",
	}
	if err := c.apiserver.start(c.path("apiserver.log"), append(args, flags...)...); err != nil {
		return err
	}
	return c.apiserver.wait(c.ready)
}

func (c *cluster) ready() error {
	pool := x509.NewCertPool()
	pool.AddCert(c.keys.ca)
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: pool}}}
	resp, err := client.Get(c.server() + "/readyz")
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s", resp.Status)
	}
	return nil
}

// Compacts all revisions but the last. The API server may still have older ones in its cache.
func (c *cluster) compact() (int64, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{fmt.Sprintf("127.0.0.1:%d", c.etcdPort)},
		DialTimeout: 5 * time.Second})
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	got, err := client.Get(ctx, "compact_rev_key")
	if err != nil {
		return 0, err
	}
	revision := got.Header.Revision
	_, err = client.Compact(ctx, revision, clientv3.WithCompactPhysical())
	return revision, err
}

func (c *cluster) end() {
	c.apiserver.end()
	c.etcd.end()
}

// Starts this program in another role; its output goes to the log.
func (p *child) start(log string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.process, p.log, p.ended = cmd.Process, log, make(chan struct{})
	go func(ended chan struct{}) {
		cmd.Wait()
		close(ended)
	}(p.ended)
	return nil
}

func (p *child) pid() int {
	if !p.runs() {
		return 0
	}
	return p.process.Pid
}

func (p *child) runs() bool {
	if p.process == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

func (p *child) wait(ready func() error) error {
	var err error
	for end := time.Now().Add(readyWithin); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if !p.runs() {
			return fmt.Errorf("process ended; end of %s:\n%s", p.log, tail(p.log))
		}
		if err = ready(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("not ready after %s: %w; end of %s:\n%s", readyWithin, err, p.log, tail(p.log))
}

func (p *child) end() {
	if p.runs() {
		p.process.Kill()
		<-p.ended
	}
}

func tail(path string) string {
	text, _ := os.ReadFile(path)
	return string(text[max(0, len(text)-3000):])
}
