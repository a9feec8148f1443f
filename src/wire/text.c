/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - owner, TTL, class and type of a record. The rdata is in text_parse.c. */
#include "wire/text.h"

#include <strings.h>
#include "wire/text_scan.h"
#include "wire/type.h"

struct head {
	uint32_t ttl;
	int type, class;
};

/* Optional TTL and class in either order, then the type. As in miekg/dns, ANY is the class. */
static int parse_head(struct nd_text_scan *s, struct head *head)
{
	struct nd_text_word word;
	bool have_ttl = false;
	uint32_t ttl;

	while (nd_text_scan_next(s, &word)) {
		int class = head->class < 0 ? nd_type_class_parse(word.at, word.n) : -1;
		if (word.quoted)
			return nd_text_scan_fail(s, "type, TTL and class cannot be quoted");
		if (class >= 0) {
			head->class = class;
		} else if ((head->type = nd_type_parse(word.at, word.n)) >= 0) {
			return 0;
		} else if (!have_ttl && nd_text_scan_duration(word, &ttl)) {
			head->ttl = ttl;
			have_ttl = true;
		} else {
			return nd_text_scan_fail(s, "invalid type, TTL or class");
		}
	}
	return nd_text_scan_fail(s, "missing type");
}

static int parse_owner(struct nd_text_scan *s, const struct nd_name *origin, struct nd_text_rr *out)
{
	struct nd_text_word word;

	while (s->p < s->end && (*s->p == '\n' || *s->p == '\r'))
		s->p++;
	if (!nd_text_scan_next(s, &word))
		return nd_text_scan_fail(s, "no record");
	if (word.spaced || word.quoted)
		return nd_text_scan_fail(s, "missing owner name");
	if (nd_name_parse_at(word.at, word.n, origin, false, &out->owner_buf, &out->owner) != 0)
		return nd_text_scan_fail(s, "invalid owner name");
	return 0;
}

/* The template plugin parses a record for every answer: one pass, no copies. As in miekg/dns, the
 * text after the first record is ignored. */
int nd_text_parse_rr(const char *text, size_t n, const struct nd_name *origin, uint32_t ttl,
		     struct nd_text_rr *out, const char **why)
{
	struct nd_text_scan s = { .p = text, .end = text + n };
	struct head head = { .ttl = ttl, .type = -1, .class = -1 };

	if (parse_owner(&s, origin, out) != 0 || parse_head(&s, &head) != 0) {
		if (why)
			*why = s.why;
		return ND_EFORMAT;
	}
	/* an open parenthesis is closed in the rdata */
	int len = nd_text_parse_fields(&s, (uint16_t)head.type, origin, out->rdata,
				       sizeof out->rdata);
	if (len < 0) {
		if (why)
			*why = s.why;
		return ND_EFORMAT;
	}
	out->type = (uint16_t)head.type;
	out->class = head.class < 0 ? ND_CLASS_IN : (uint16_t)head.class;
	out->ttl = head.ttl;
	out->rdata_len = (uint16_t)len;
	return 0;
}

int nd_text_parse_rdata(uint16_t type, const char *text, size_t n, const struct nd_name *origin,
			uint8_t *out, size_t cap, const char **why)
{
	struct nd_text_scan s = { .p = text, .end = text + n };
	int len = nd_text_parse_fields(&s, type, origin, out, cap);

	if (len < 0 && why)
		*why = s.why;
	return len;
}
