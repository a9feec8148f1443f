// SPDX-License-Identifier: Apache-2.0
package main

import (
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// etcd FOLDER CLIENT-PORT PEER-PORT
func runEtcd(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("invalid etcd arguments %q: must be FOLDER CLIENT-PORT PEER-PORT", args)
	}
	client, err := url.Parse("http://127.0.0.1:" + args[1])
	if err != nil {
		return err
	}
	peer, err := url.Parse("http://127.0.0.1:" + args[2])
	if err != nil {
		return err
	}
	c := embed.NewConfig()
	c.Dir = args[0]
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	c.UnsafeNoFsync = true // the data is not needed after the test
	c.WatchProgressNotifyInterval = 5 * time.Second
	c.LogLevel = "warn"
	e, err := embed.StartEtcd(c)
	if err != nil {
		return err
	}
	return <-e.Err()
}

// Once per process: its signal handler cannot be installed twice.
func runAPIServer(args []string) error {
	command := app.NewAPIServerCommand()
	command.SetArgs(args)
	command.SilenceUsage = true
	return command.Execute()
}
