/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - the head of a record: owner, TTL, class, type. The rdata is in text_parse.c. */
#include "wire/text.h"

#include <strings.h>
#include "wire/text_scan.h"
#include "wire/type.h"

struct head {
	uint32_t ttl;
	int type, class;
};

/* TTL and class, each once at most, in either order, then the type. A word that is both a type
 * and a class (ANY) is the class, as in miekg/dns. */
static int parse_head(struct nd_text_scan *s, struct head *head)
{
	struct nd_text_word word;
	bool have_ttl = false;
	uint32_t ttl;

	while (nd_text_scan_next(s, &word)) {
		int class = head->class < 0 ? nd_type_class_parse(word.at, word.n) : -1;
		if (word.quoted)
			return nd_text_scan_fail(s, "type, TTL or class expected, not a string");
		if (class >= 0) {
			head->class = class;
		} else if ((head->type = nd_type_parse(word.at, word.n)) >= 0) {
			return 0;
		} else if (!have_ttl && nd_text_scan_duration(word, &ttl)) {
			head->ttl = ttl;
			have_ttl = true;
		} else {
			return nd_text_scan_fail(s, "not a type, TTL or class");
		}
	}
	return nd_text_scan_fail(s, "type missing");
}

static int parse_owner(struct nd_text_scan *s, const struct nd_name *origin, struct nd_text_rr *out)
{
	struct nd_text_word word;

	while (s->p < s->end && (*s->p == '\n' || *s->p == '\r'))
		s->p++;
	if (!nd_text_scan_next(s, &word))
		return nd_text_scan_fail(s, "no record");
	if (word.spaced || word.quoted)
		return nd_text_scan_fail(s, "owner missing");
	if (nd_name_parse_at(word.at, word.n, origin, false, &out->owner_buf, &out->owner) != 0)
		return nd_text_scan_fail(s, "bad owner name");
	return 0;
}

/* Templates print a record to be read here for every answer: no copies, one pass. What follows
 * the first record's line is left alone, as miekg/dns does. */
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
	/* A parenthesis that is open here is closed in the rdata. */
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
