/* SPDX-License-Identifier: Apache-2.0 */
/* A record as text. Accepted rdata is valid, and formatting and parsing it gives the same
 * rdata. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wire/rr.h"
#include "wire/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nd_text_rr rr;
	static char text[1 << 20];
	static uint8_t again[sizeof rr.rdata];
	const char *why = NULL;

	/* any octets can be formatted */
	if (size > 2 && size < 4096) {
		uint16_t type = nd_reader_peek16(data);
		if (nd_text_format_rdata(type, data + 2, size - 2, text, sizeof text) !=
		    strlen(text))
			abort();
		if (nd_text_format_rdata(type, data + 2, size - 2, text, 20) > 19)
			abort();
	}
	if (nd_text_parse_rr((const char *)data, size, NULL, 60, &rr, &why) != 0) {
		if (!why)
			abort();
		return 0;
	}
	if (rr.rdata_len && !nd_rr_rdata_valid(rr.type, rr.rdata, rr.rdata_len))
		abort();
	size_t n = nd_text_format_rdata(rr.type, rr.rdata, rr.rdata_len, text, sizeof text);
	int len = nd_text_parse_rdata(rr.type, text, n, NULL, again, sizeof again, &why);
	if (len != rr.rdata_len || memcmp(again, rr.rdata, rr.rdata_len) != 0) {
		fprintf(stderr, "%s: %d, %s\n", text, len, why ? why : "differs");
		abort();
	}
	return 0;
}
