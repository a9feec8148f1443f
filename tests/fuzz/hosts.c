/* SPDX-License-Identifier: Apache-2.0 */
/* A hosts file; the name in its last line is looked up. Every result must be complete. */
#include <stdlib.h>
#include <string.h>
#include "plugin/hosts/hostsfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte, for the sanitizers. */
static void touch(const void *p, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; p && i < n; i++)
		sum += ((const uint8_t *)p)[i];
	if (sum > 255 * n)
		abort();
}

static void look_up(const struct nd_hostsfile *h, struct nd_name name)
{
	size_t n, k;

	for (int family = 4; family <= 6; family += 2) {
		size_t len = family == 6 ? 16 : 4;
		const uint8_t *a = nd_hostsfile_addresses(h, name, family, &n);
		touch(a, n * len);
		for (size_t i = 0; a && i < n; i++) {
			const struct nd_name *names = nd_hostsfile_names(h, a + i * len, len, &k);
			for (size_t j = 0; names && j < k; j++)
				if (nd_name_view(names[j].wire).len != names[j].len)
					abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *last = size ? memrchr(text, '\n', size) : NULL;
	struct nd_name_buf buf;
	struct nd_name name = nd_name_root;

	if (last)
		last++;
	if (last && nd_name_parse_at(last, size - (size_t)(last - text), NULL, true, &buf, &name))
		name = nd_name_root;
	for (int reverse = 0; reverse < 2; reverse++) {
		struct nd_hostsfile *h = nd_hostsfile_parse(text, size, &nd_name_root, 1, reverse);
		if (h)
			look_up(h, name);
		nd_hostsfile_free(h);
	}
	return 0;
}
