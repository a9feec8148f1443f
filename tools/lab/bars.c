/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lab/bars.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "base/err.h"

__attribute__((format(printf, 4, 5))) static void require(struct nd_bars *b, bool ok,
							  const struct nd_row *row,
							  const char *format, ...)
{
	va_list args;

	b->checked++;
	if (ok)
		return;
	ND_ASSERT(b->missed < ND_BARS_MAX);
	char *text = b->text[b->missed++];
	int n = snprintf(text, ND_BARS_TEXT,
			 "%s, %s / %s: ", row->cause == ND_ROW_BURST ? "burst" : "race", row->dns,
			 row->cure);
	va_start(args, format);
	vsnprintf(text + n, (size_t)(ND_BARS_TEXT - n), format, args);
	va_end(args);
}

/* A cured row: nothing late, wrong or lost. */
static void check_cured(struct nd_bars *b, const struct nd_row_result *r)
{
	const struct nd_figures *f = &r->figures;
	uint64_t lost = f->counted.pod_rcvbuf + f->counted.node_rcvbuf + f->counted.dns_rcvbuf;

	require(b, f->requests > 0, r->row, "no lookups were made");
	require(b, f->timeouts == 0, r->row, "%" PRIu64 " timeouts, expected 0", f->timeouts);
	require(b, f->errors == 0, r->row, "%" PRIu64 " errors, expected 0", f->errors);
	require(b, lost == 0, r->row, "%" PRIu64 " UdpRcvbufErrors, expected 0", lost);
	require(b, f->max_ms < ND_BARS_SLOW_MS, r->row, "max %.0f ms, expected less than %d ms",
		f->max_ms, ND_BARS_SLOW_MS);
}

static void check_stalls(struct nd_bars *b, const struct nd_row_result *r)
{
	const struct nd_figures *f = &r->figures;

	if (r->row->cause == ND_ROW_BURST) {
		require(b, f->timeouts > 0, r->row, "no lookup stalled");
		require(b, f->counted.dns_rcvbuf + f->counted.node_rcvbuf > 0, r->row,
			"no UdpRcvbufErrors, expected some");
		return;
	}
	require(b, f->timeouts > 0 && f->timeouts * 100 >= f->requests, r->row,
		"%" PRIu64 " of %" PRIu64 " lookups stalled, expected 1 %% or more", f->timeouts,
		f->requests);
}

/* The control: without the cause, no stall. */
static void check_control(struct nd_bars *b, const struct nd_row_result *r)
{
	require(b, r->figures.timeouts == 0, r->row,
		"%" PRIu64 " timeouts in the control row, expected 0", r->figures.timeouts);
}

/* A cured row answers at least as many requests as each original under the same load. */
static void check_requests(struct nd_bars *b, const struct nd_row_result *r,
			   const struct nd_row_result *rows, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct nd_row *other = rows[i].row;
		if (other->cause != r->row->cause || !(other->what & ND_ROW_IS_ORIGINAL))
			continue;
		require(b, r->figures.requests >= rows[i].figures.requests, r->row,
			"%" PRIu64 " requests, fewer than %s / %s: %" PRIu64, r->figures.requests,
			other->dns, other->cure, rows[i].figures.requests);
	}
}

void nd_bars_check(struct nd_bars *b, const struct nd_row_result *rows, unsigned n,
		   bool default_buffers)
{
	*b = (struct nd_bars){ 0 };
	for (unsigned i = 0; i < n; i++) {
		unsigned what = rows[i].row->what;
		if (what & ND_ROW_CURED) {
			check_cured(b, &rows[i]);
			check_requests(b, &rows[i], rows, n);
		}
		if ((what & ND_ROW_STALLS) &&
		    (default_buffers || rows[i].row->cause != ND_ROW_BURST))
			check_stalls(b, &rows[i]);
		if (what & ND_ROW_CONTROL)
			check_control(b, &rows[i]);
	}
}
