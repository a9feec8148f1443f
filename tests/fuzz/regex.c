/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern, a line feed, and the text to match. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "text/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = memchr(data, '\n', size);
	size_t n = line ? (size_t)(line - data) : size;
	char *pattern = strndup((const char *)data, n), why[200];
	struct nd_regex_scratch *s = nd_regex_scratch_new();
	struct nd_regex_match m;
	struct nd_regex *re;

	if (pattern && s && nd_regex_new(pattern, &re, why, sizeof why) == 0) {
		size_t len = line ? size - n - 1 : 0;
		if (nd_regex_match(re, s, line ? (const char *)line + 1 : "", len, &m))
			for (size_t i = 0; i < m.n; i++)
				if (m.group[i].start != SIZE_MAX &&
				    (m.group[i].start > m.group[i].end || m.group[i].end > len))
					abort();
		nd_regex_free(re);
	}
	nd_regex_scratch_free(s);
	free(pattern);
	return 0;
}
