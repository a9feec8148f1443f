/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/queries.h"

#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/err.h"
#include "wire/type.h"

static const char blanks[] = " \t\r";

/* Parses one line into *row: NULL, or the error. */
static const char *read_row(const char *p, size_t n, struct nd_queries_row *row)
{
	char text[ND_NAME_TEXT_MAX];
	struct nd_name name;
	size_t len = 0, type_len = 0;

	while (len < n && !strchr(blanks, p[len]))
		len++;
	if (len >= sizeof text)
		return "name is too long";
	memcpy(text, p, len);
	text[len] = '\0';
	if (nd_name_parse(text, false, &row->name, &name) < 0)
		return "not a domain name";
	while (len < n && strchr(blanks, p[len]))
		len++;
	while (len + type_len < n && !strchr(blanks, p[len + type_len]))
		type_len++;
	if (type_len == 0)
		return "no type after the name";
	int type = nd_type_parse(p + len, type_len);
	if (type < 0)
		return "unknown type";
	row->type = (uint16_t)type;
	return NULL;
}

static bool reserve_row(struct nd_queries *qs, size_t *cap)
{
	struct nd_queries_row *row = nd_array_grow(qs->row, cap, qs->n + 1, sizeof *row);

	if (row)
		qs->row = row;
	return row != NULL;
}

int nd_queries_parse(struct nd_queries *qs, const char *text, unsigned *line, const char **why)
{
	size_t cap = 0;
	int err = 0;

	*qs = (struct nd_queries){ 0 };
	for (*line = 1; *text && !err; (*line)++) {
		size_t n = strcspn(text, "\n"), skip = strspn(text, blanks);
		if (skip < n && text[skip] != ';' && text[skip] != '#') {
			if (!reserve_row(qs, &cap)) {
				err = ND_ELIMIT;
				break;
			}
			*why = read_row(text + skip, n - skip, &qs->row[qs->n]);
			if (*why) {
				err = ND_EFORMAT;
				break;
			}
			qs->n++;
		}
		text += n + (text[n] == '\n');
	}
	if (!err && qs->n == 0) {
		err = ND_EFORMAT;
		*line = 0;
		*why = "contains no queries";
	}
	if (err)
		nd_queries_clear(qs);
	return err;
}

void nd_queries_clear(struct nd_queries *qs)
{
	free(qs->row);
	*qs = (struct nd_queries){ 0 };
}
