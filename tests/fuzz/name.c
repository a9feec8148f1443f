/* SPDX-License-Identifier: Apache-2.0 */
/* An offset (one octet), then octets with a name at that offset: formatting and parsing it gives
 * the same name. The octets are also parsed as text. */
#include <stdint.h>
#include <stdlib.h>
#include "wire/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_wire(const uint8_t *data, size_t size, size_t at)
{
	struct nd_reader r = nd_reader_over(data, size), skip;
	struct nd_name_buf buf, again_buf, folded_buf;
	struct nd_name name, again, folded;
	char text[ND_NAME_TEXT_MAX];

	r.pos += at;
	skip = r;
	struct nd_reader fold = r;
	if (nd_name_read(&r, false, &buf, &name) != 0)
		return;
	if (nd_name_skip(&skip) != 0 || skip.pos != r.pos)
		abort();
	if (nd_name_format(name, text) >= sizeof text)
		abort();
	if (nd_name_parse(text, false, &again_buf, &again) != 0 || !nd_name_same(name, again) ||
	    again.labels != name.labels)
		abort();
	if (nd_name_read(&fold, true, &folded_buf, &folded) != 0 || !nd_name_equal(name, folded) ||
	    !nd_name_under(name, nd_name_parent(folded, folded.labels / 2)))
		abort();
	uint8_t address[16];
	size_t n;
	if (nd_name_reverse_address(folded, address, &n) &&
	    !nd_name_same(folded, nd_name_from_address(address, n, &buf)))
		abort();
}

static void check_text(const char *text, size_t n)
{
	struct nd_name_buf buf;
	struct nd_name name;

	if (nd_name_parse_at(text, n, NULL, true, &buf, &name) != 0)
		return;
	struct nd_name view = nd_name_view(name.wire);
	if (view.len != name.len || view.labels != name.labels)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	check_wire(data + 1, size - 1, data[0] % (size - 1));
	check_text((const char *)data + 1, size - 1);
	return 0;
}
