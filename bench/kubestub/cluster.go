// SPDX-License-Identifier: Apache-2.0
package main

import (
	"fmt"
	"net/netip"
	"time"
)

const (
	perSlice      = 100 // endpoints, as the EndpointSlice controller's default
	headlessEvery = 10  // Services
	ordinalEvery  = 20  // Services of a StatefulSet: its pods are numbered, its endpoints have hostnames
	largeEvery    = 50  // Services (none of them headless) with
	largeWeight   = 10  // times the endpoints of the others
	zones         = "abc"
)

// The creation time of every object: equal flags make equal bytes.
var born = time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC)

// A cluster defined by numbers: each object is derived from its number when needed, always the same.
type cluster struct {
	services, endpoints, pods, namespaces int
	seed                                  uint64

	first  []int   // per Service: its first endpoint; one more for the end
	slices []slice // by Service, then by endpoint
	start  []int   // per Service: its first slice
	moved  map[int]move
}

type slice struct{ service, first, n int }

// A slice as changed by POST /stub/move.
type move struct {
	address string
	version int64
	at      time.Time
}

func newCluster(services, endpoints, pods, namespaces int, seed uint64) (*cluster, error) {
	const most = 1 << 22 // of endpoints: half of 10.128.0.0/9
	if services < 1 || services > 200000 || endpoints < 0 || endpoints > most || pods < 0 || pods > most ||
		namespaces < 1 || namespaces > services {
		return nil, fmt.Errorf("must be: -services 1 to 200000, -endpoints and -pods 0 to %d, "+
			"-namespaces 1 to the number of Services", most)
	}
	c := &cluster{services: services, endpoints: endpoints, pods: pods, namespaces: namespaces, seed: seed,
		moved: map[int]move{}}
	c.spread()
	return c, nil
}

// Distributes endpoints over Services and slices. A Service without endpoints has one empty slice, as from the
// controller.
func (c *cluster) spread() {
	total := 0
	for i := range c.services {
		total += weight(i)
	}
	seen := 0
	for i := range c.services {
		first := c.endpoints * seen / total
		seen += weight(i)
		end := c.endpoints * seen / total
		c.first = append(c.first, first)
		c.start = append(c.start, len(c.slices))
		for at := first; at == first || at < end; at += perSlice {
			c.slices = append(c.slices, slice{i, at, min(perSlice, end-at)})
		}
	}
	c.first = append(c.first, c.endpoints)
}

func weight(service int) int {
	if service%largeEvery == largeEvery/2+2 {
		return largeWeight
	}
	return 1
}

func headless(service int) bool { return service%headlessEvery == 0 }
func ordinal(service int) bool  { return service%ordinalEvery == 0 }

func (c *cluster) namespace(i int) string { return fmt.Sprintf("team-%d", i%c.namespaces) }
func serviceName(i int) string            { return fmt.Sprintf("service-%d", i) }

// The suffix that the API server adds to a generateName; different for any two numbers below 27^5.
func suffix(i int) string {
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	const all = 27 * 27 * 27 * 27 * 27
	var text [5]byte
	n := (i*7919 + 4242421) % all // 7919 and 27 have no common factor
	for k := range text {
		text[k] = letters[n%27]
		n /= 27
	}
	return string(text[:])
}

func (c *cluster) sliceName(i int) string { return serviceName(c.slices[i].service) + "-" + suffix(i) }

// The Service of an endpoint, and of the pod with the same number.
func (c *cluster) serviceOf(endpoint int) int {
	low, high := 0, c.services
	for high-low > 1 {
		if middle := (low + high) / 2; c.first[middle] <= endpoint {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// Pods after the last endpoint belong to a Deployment without a Service.
func (c *cluster) pod(i int) (name, namespace, owner string) {
	if i >= c.endpoints {
		return fmt.Sprintf("batch-%s-%s", templateHash(i/20), suffix(i)), c.namespace(i / 20),
			fmt.Sprintf("batch-%s", templateHash(i/20))
	}
	service := c.serviceOf(i)
	if ordinal(service) {
		return fmt.Sprintf("%s-%d", serviceName(service), i-c.first[service]), c.namespace(service),
			serviceName(service)
	}
	owner = serviceName(service) + "-" + templateHash(service)
	return owner + "-" + suffix(i), c.namespace(service), owner
}

func templateHash(i int) string { return fmt.Sprintf("%09x", mix(uint64(i)+1)>>28) }

func address(net uint32, i int) string {
	n := net + uint32(i)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}).String()
}

func clusterIP(service int) string { return address(10<<24|96<<16|1<<8, service) } // in tests/apiserver's range
func podIP(i int) string           { return address(10<<24|128<<16|1, i) }

func (c *cluster) node(i int) int {
	return int(mix(uint64(i)^c.seed) % uint64(max(3, max(c.pods, c.endpoints)/100)))
}

func hostIP(node int) string   { return address(172<<24|20<<16|10, node) }
func zoneOf(node int) string   { return "eu-central-1" + zones[node%len(zones):node%len(zones)+1] }
func nodeName(node int) string { return "node-" + suffix(node) + ".eu-central-1.compute.internal" }

// splitmix64
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

func (c *cluster) uid(kind string, i int) string {
	n := c.seed
	for _, b := range []byte(kind) {
		n = mix(n ^ uint64(b))
	}
	high := mix(n ^ uint64(i))
	low := mix(high)
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", high>>32, high>>16&0xffff, high&0xfff,
		low>>48&0x3fff|0x8000, low&0xffffffffffff)
}
