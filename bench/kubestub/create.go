// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// The fields of a kubeconfig that tests/apiserver writes.
type kubeconfig struct {
	Clusters []struct {
		Cluster struct {
			Server string `json:"server"`
			CA     string `json:"certificate-authority"`
		} `json:"cluster"`
	} `json:"clusters"`
	Users []struct {
		User struct {
			Cert string `json:"client-certificate"`
			Key  string `json:"client-key"`
		} `json:"user"`
	} `json:"users"`
}

type creator struct {
	server string
	client *http.Client
}

func newCreator(path string, workers int) (*creator, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var k kubeconfig
	if err := yaml.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(k.Clusters) != 1 || len(k.Users) != 1 {
		return nil, fmt.Errorf("%s: must have one cluster and one user, with certificates as files", path)
	}
	cert, err := tls.LoadX509KeyPair(k.Users[0].User.Cert, k.Users[0].User.Key)
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(k.Clusters[0].Cluster.CA)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &creator{k.Clusters[0].Cluster.Server, &http.Client{Timeout: time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: workers,
			TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}}}}, nil
}

func (c *creator) send(method, path string, r *store, o object) error {
	body := envelope(r.version, r.kind, must(o.Marshal()))
	req, err := http.NewRequest(method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", form{}.mediaType())
	req.Header.Set("Accept", form{}.mediaType())
	answer, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 && !(answer.StatusCode == http.StatusConflict && r.kind == "Namespace") {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("%s %s: %s: %q", method, path, answer.Status, text)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// Without the fields that a server fills in; a pod's status is written afterwards, as by kubelet.
func (c *creator) create(path string, r *store, i int) error {
	o := r.make(i)
	o.SetUID("")
	o.SetResourceVersion("")
	o.SetManagedFields(nil)
	if r.kind != "Namespace" {
		path = strings.TrimSuffix(path, r.name) + "namespaces/" + o.GetNamespace() + "/" + r.name
	}
	if err := c.send(http.MethodPost, path, r, o); err != nil {
		return err
	}
	if pod, is := o.(*core.Pod); is {
		return c.send(http.MethodPut, path+"/"+pod.Name+"/status", r, o)
	}
	return nil
}

// Namespaces first, then everything else in parallel.
func createAll(w *world, path string, workers int) error {
	if workers < 1 {
		return errors.New("-workers must be at least 1")
	}
	c, err := newCreator(path, workers)
	if err != nil {
		return err
	}
	for _, at := range []string{"/api/v1/namespaces", "/api/v1/services",
		"/apis/discovery.k8s.io/v1/endpointslices", "/api/v1/pods"} {
		begun := time.Now()
		r := w.resources[at]
		if err := c.createKind(at, r, workers); err != nil {
			return err
		}
		fmt.Printf("%s: %d in %.1f s\n", r.name, r.count, time.Since(begun).Seconds())
	}
	return nil
}

// The first error ends it.
func (c *creator) createKind(path string, r *store, workers int) error {
	var next atomic.Int64
	var all sync.WaitGroup
	failed := make(chan error, workers)
	for range workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < r.count && len(failed) == 0; i = int(next.Add(1)) - 1 {
				if err := c.create(path, r, i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}
