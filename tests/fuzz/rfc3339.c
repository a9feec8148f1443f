/* SPDX-License-Identifier: Apache-2.0 */
/* Any text: a time in the supported years, or an error. Nothing is read past the end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "kube/rfc3339.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	int64_t ns = 7;

	memcpy(text, data, size);
	text[size] = '\0';
	int err = nd_rfc3339_parse(text, &ns);
	ND_ASSERT(err ? err == ND_EFORMAT && ns == 7
		      : ns / 1000000000 >= -8600000000 && ns / 1000000000 <= 7300000000);
	free(text);
	return 0;
}
