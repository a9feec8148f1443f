/* SPDX-License-Identifier: Apache-2.0 */
/* One record of a reply: the first two bytes are its type, the rest its rdata. What nd_rr_check()
 * accepts can be expanded, is valid without compression, and has a text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "wire/msg.h"
#include "wire/rr.h"
#include "wire/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A response whose only record is owned by the question's name, "a.b.". */
static const uint8_t head[] = { 0, 1,   0x81, 0x80, 0, 1, 0, 1, 0, 0,    0, 0,
				1, 'a', 1,    'b',  0, 0, 1, 0, 1, 0xc0, 12 };
enum { RDATA = sizeof head + 10 };

static void use(const struct nd_msg *m, const struct nd_rr *rr)
{
	static uint8_t rdata[ND_MSG_MAX];
	char text[512];

	int n = nd_rr_expand_rdata(m->base, m->len, rr->rdata, rr->rdata_len, rr->type, rdata,
				   sizeof rdata);
	if (n < 0)
		abort();
	if (n && rr->type != ND_TYPE_OPT && !nd_rr_rdata_valid(rr->type, rdata, (size_t)n))
		abort();
	if (nd_text_format_rdata(rr->type, rdata, (size_t)n, text, sizeof text) != strlen(text))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nd_name_buf buf;
	struct nd_msg m;
	struct nd_rr rr;

	if (size < 2 || size - 2 > 4096)
		return 0;
	size_t n = size - 2;
	uint8_t *bytes = calloc(1, RDATA + n); /* exact, so that ASan sees a read past the end */
	if (!bytes)
		return 0;
	memcpy(bytes, head, sizeof head);
	memcpy(bytes + sizeof head, data, 2);
	bytes[sizeof head + 3] = 1;
	bytes[RDATA - 2] = (uint8_t)(n >> 8);
	bytes[RDATA - 1] = (uint8_t)n;
	memcpy(bytes + RDATA, data + 2, n);
	if (nd_msg_parse_response(&m, bytes, RDATA + n, &buf) == 0) {
		struct nd_rr_iter iter = nd_rr_iter_over(&m);
		if (!nd_rr_next(&iter, &rr))
			abort();
		use(&m, &rr);
	}
	free(bytes);
	return 0;
}
