/* SPDX-License-Identifier: Apache-2.0 */
/* A value of each of the node agent's flags and environment variables. */
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"
#include "io/fdset.h"
#include "node/figures.h"
#include "node/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text names no descriptor of this process, so none may be accepted. */
static void try_descriptors(const char *text)
{
	struct nd_fdset *s = nd_fdset_new();
	struct nd_buf b;

	nd_buf_init(&b, 4096);
	if (nd_fdset_add_text(s, text) == 0)
		ND_ASSERT(strspn(text, " ") == strlen(text));
	nd_fdset_format(s, &b);
	ND_ASSERT(b.len == 0);
	nd_buf_clear(&b);
	nd_fdset_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nd_addr addrs[ND_OPTIONS_ADDRS_MAX], one;
	char name[ND_OPTIONS_ENV_MAX];
	struct nd_diag d = { 0 };
	struct nd_buf in;
	uint64_t ns = 1;
	size_t n = 0;

	nd_buf_init(&in, 1 << 16);
	if (nd_buf_add(&in, data, size) == 0) {
		const char *text = nd_buf_string(&in);
		if (nd_options_local(text, 53, addrs, &n, &d) == 0)
			ND_ASSERT(n >= 1 && n <= ND_OPTIONS_ADDRS_MAX);
		if (nd_options_interval(text, &ns, &d) == 0)
			ND_ASSERT(ns >= ND_S(1));
		if (nd_options_service(text, name, &d) == 0)
			ND_ASSERT(strlen(name) == strlen(text) + strlen("_SERVICE_HOST"));
		if (nd_figures_address(text, &one) == 0)
			ND_ASSERT(nd_addr_port(&one) != 0);
		try_descriptors(text);
	}
	nd_buf_clear(&in);
	return 0;
}
