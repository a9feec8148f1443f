// SPDX-License-Identifier: Apache-2.0

// CoreDNS, built from its Go module like its own main package. nodens is compared with it.
package main

import (
	_ "github.com/coredns/coredns/core/plugin"
	"github.com/coredns/coredns/coremain"
)

func main() { coremain.Run() }
