// SPDX-License-Identifier: Apache-2.0

// CoreDNS as its own main package builds it, from its Go module: what nodens is measured beside.
package main

import (
	_ "github.com/coredns/coredns/core/plugin"
	"github.com/coredns/coredns/coremain"
)

func main() { coremain.Run() }
