/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/invalid.h"

/* Writes "FILE:LINE - ", "FILE - " without a line, or "" without a file. */
static size_t put_place(char *to, size_t n, const char *file, int line)
{
	int len = 0;

	if (!file || !*file)
		return 0;
	if (line > 0)
		len = snprintf(to, n, "%.512s:%d - ", file, line);
	else
		len = snprintf(to, n, "%.512s - ", file);
	return len < 0 ? 0 : (size_t)len < n ? (size_t)len : n - 1;
}

int nd_diag_at(struct nd_diag *d, const char *file, int line, const char *format, ...)
{
	va_list args;

	if (!d || d->set)
		return ND_ECONF;
	d->set = true;
	d->text[0] = '\0';
	size_t at = put_place(d->text, sizeof d->text, file, line);
	va_start(args, format);
	int len = vsnprintf(d->text + at, sizeof d->text - at, format, args);
	va_end(args);
	/* mark a cut text */
	if (len >= 0 && (size_t)len >= sizeof d->text - at)
		memcpy(d->text + sizeof d->text - 4, "...", 4);
	return ND_ECONF;
}

int nd_diag_invalid(struct nd_diag *d, const char *file, int line, const char *where,
		    const char *what, const char *value, const char *must)
{
	char text[768];

	return nd_diag_at(d, file, line, "%s%s", where,
			  nd_invalid_format(text, sizeof text, what, value, must));
}
