/* SPDX-License-Identifier: Apache-2.0 */
/* An option is added to a resolv.conf and removed. After adding it occurs exactly once, adding it
 * again changes nothing, and after removing it does not occur. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tools/resolvconf/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *ctx, const char *word, size_t n)
{
	unsigned *found = ctx;

	*found += n >= 5 && memcmp(word, "ndots", 5) == 0 && (n == 5 || word[5] == ':');
}

static unsigned found_in(const struct nd_buf *text)
{
	unsigned found = 0;

	nd_edit_each(nd_buf_string(text), count, &found);
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nd_buf in, once, twice, without;

	nd_buf_init(&in, ND_EDIT_BYTES);
	nd_buf_init(&once, ND_EDIT_BYTES);
	nd_buf_init(&twice, ND_EDIT_BYTES);
	nd_buf_init(&without, ND_EDIT_BYTES);
	if (nd_buf_add(&in, data, size) == 0 &&
	    nd_edit_add(nd_buf_string(&in), "ndots:2", &once) == 0) {
		ND_ASSERT(found_in(&once) == 1);
		ND_ASSERT(nd_edit_add(nd_buf_string(&once), "ndots:2", &twice) == 0);
		ND_ASSERT(strcmp(nd_buf_string(&once), nd_buf_string(&twice)) == 0);
		ND_ASSERT(nd_edit_remove(nd_buf_string(&once), "ndots", &without) == 0);
		ND_ASSERT(found_in(&without) == 0);
	}
	nd_buf_clear(&in);
	nd_buf_clear(&once);
	nd_buf_clear(&twice);
	nd_buf_clear(&without);
	return 0;
}
