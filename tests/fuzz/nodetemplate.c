/* SPDX-License-Identifier: Apache-2.0 */
/* A base Corefile is rendered. With all values this always succeeds and ends with the stub
 * domain's block. Without the cluster DNS address it fails only if the text uses that
 * variable. */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "node/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const server = "10.0.0.1";
	struct nd_kubedns_stub stub = { "a.example", &server, 1 };
	struct nd_kubedns k = { .stubs = &stub, .nstubs = 1, .upstreams = { server } };
	struct nd_addr local[2];
	struct nd_template_values v = { .local = local,
					.nlocal = 2,
					.cluster_dns = "10.0.0.2",
					.cluster_dns_from = "KUBE_DNS_SERVICE_HOST",
					.prometheus = ":9253",
					.port = 53 };
	struct nd_diag d = { 0 };
	struct nd_buf in, out;

	if (size > 65536 || memchr(data, 0, size))
		return 0;
	nd_addr_parse_ip("fd00::1", 53, &local[0]);
	nd_addr_parse_ip("10.0.0.3", 53, &local[1]);
	k.nupstreams = size & 1;
	nd_buf_init(&in, 1 << 17);
	nd_buf_init(&out, 1 << 22);
	nd_buf_add(&in, data, size);
	const char *text = nd_buf_string(&in);
	ND_ASSERT(nd_template_render("base", text, &v, &k, &out, &d) == 0);
	const char *block = strstr(nd_buf_string(&out), "a.example:53 {\n");
	ND_ASSERT(block && out.data[out.len - 1] == '\n');
	nd_buf_reset(&out);
	v.cluster_dns = NULL;
	int err = nd_template_render("base", text, &v, &k, &out, &d);
	ND_ASSERT(err == 0 || (err == ND_ECONF && strstr(text, "__PILLAR__CLUSTER__DNS__")));
	nd_buf_clear(&in);
	nd_buf_clear(&out);
	return 0;
}
