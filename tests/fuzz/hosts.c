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

/* Every address of the name has a list of names that are complete. */
static void look_up(const struct nd_hostsfile *h, struct nd_name name)
{
	const uint8_t *address, *wire;

	for (int family = 4; family <= 6; family += 2) {
		size_t len = family == 6 ? 16 : 4, names = 0;
		struct nd_hostsfile_list l = nd_hostsfile_addresses(h, name, family);
		while ((address = nd_hostsfile_next(&l)) != NULL) {
			touch(address, len);
			struct nd_hostsfile_list back = nd_hostsfile_names(h, address, len);
			/* Bounded: each of a thousand addresses may have a thousand names. */
			while (names < 10000 && (wire = nd_hostsfile_next(&back)) != NULL) {
				touch(wire, nd_name_view(wire).len);
				names++;
			}
		}
	}
}

/* The same text in two pieces. */
static struct nd_hostsfile *parse_pieces(const char *text, size_t size, size_t first, bool reverse)
{
	struct nd_hostsfile *h = nd_hostsfile_new(&nd_name_root, 1, reverse, 0);

	if (h && (nd_hostsfile_add(h, text, first) ||
		  nd_hostsfile_add(h, text + first, size - first) || nd_hostsfile_end(h))) {
		nd_hostsfile_free(h);
		return NULL;
	}
	return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *last = size ? memrchr(text, '\n', size) : NULL;
	struct nd_name_buf buf;
	struct nd_name name = nd_name_root;
	size_t first = size ? data[size - 1] % (size + 1) : 0;

	if (last)
		last++;
	if (last && nd_name_parse_at(last, size - (size_t)(last - text), NULL, true, &buf, &name))
		name = nd_name_root;
	for (int reverse = 0; reverse < 2; reverse++) {
		struct nd_hostsfile *h = nd_hostsfile_parse(text, size, &nd_name_root, 1, reverse);
		struct nd_hostsfile *cut = parse_pieces(text, size, first, reverse);
		if (h && cut && nd_hostsfile_entries(h) != nd_hostsfile_entries(cut))
			abort();
		if (h)
			look_up(h, name);
		if (cut)
			look_up(cut, name);
		nd_hostsfile_free(h);
		nd_hostsfile_free(cut);
	}
	return 0;
}
