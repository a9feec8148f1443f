/* SPDX-License-Identifier: Apache-2.0 */
/* master.c - entries of a master file: directives and records. */
#include "zone/master.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "base/err.h"
#include "base/invalid.h"
#include "wire/type.h"
#include "zone/master_parts.h"

enum { GENERATE_TTL = 3600 };

enum kind { KIND_NOTHING, KIND_RECORD, KIND_TTL, KIND_ORIGIN, KIND_INCLUDE, KIND_GENERATE };

/* What was read at the cursor. Nothing has changed yet: the entry may be incomplete. */
struct entry {
	enum kind kind;
	struct nd_text_word word, second; /* the arguments of a directive */
	const char *rest, *rest_end;      /* of $GENERATE */
	struct nd_name_buf name_buf;
	struct nd_name name; /* a record's owner, if it states one; an origin */
	bool named;
	bool has_ttl, has_class;
	uint32_t ttl;
	int type, class;
	int rdata_len;
	uint32_t default_ttl;
	bool default_known;
};

/* --- errors --- */

static const char *cure_of(const char *why)
{
	static const struct {
		const char *why, *cure;
	} cures[] = {
		{ "invalid address", "must be an IPv4 address for A, an IPv6 address for AAAA" },
		{ "invalid name", "labels must have 1 to 63 bytes, the whole name at most 255" },
		{ "invalid owner name",
		  "labels must have 1 to 63 bytes, the whole name at most 255" },
		{ "invalid number", "must be a decimal number that fits into its field" },
		{ "invalid type, TTL or class",
		  "must be a type like A, a TTL like 300 or 1h, or a class like IN" },
		{ "unmatched opening parenthesis", "close it" },
		{ "unterminated quoted string", "close the quote" },
		{ "missing owner name", "the first record of a file must state its owner" },
		{ "missing TTL", "give the record a TTL, or put $TTL before it" },
		{ "rdata of this type must be written as \\# LENGTH HEX",
		  "see RFC 3597 section 5" },
	};

	for (size_t i = 0; i < ND_COUNT(cures); i++)
		if (strcmp(cures[i].why, why) == 0)
			return cures[i].cure;
	return NULL;
}

int nd_master_fail(struct nd_master *m, int err, const char *what, const char *word, size_t n,
		   const char *cure)
{
	struct nd_master_input *in = m->depth >= 0 ? &m->in[m->depth] : NULL;
	char shown[ND_INVALID_TEXT_MAX];
	size_t len = 0;

	if (m->err)
		return m->err;
	m->err = err;
	for (; word && len < n && len < sizeof shown - 1; len++)
		shown[len] = word[len] < ' ' || word[len] > '~' ? '?' : word[len];
	shown[len] = '\0';
	size_t at = 0;
	if (in)
		at = (size_t)snprintf(m->error, sizeof m->error, "%s:%d: ", in->path,
				      nd_master_input_line(in, in->pos));
	if (at < sizeof m->error)
		snprintf(m->error + at, sizeof m->error - at, word ? "%s \"%s\"%s%s" : "%s%s%s%s",
			 what, shown, cure ? ": " : "", cure ? cure : "");
	return err;
}

/* The line of the error is that of the word. */
static int fail_scan(struct nd_master *m, const struct nd_text_scan *s)
{
	struct nd_master_input *in = &m->in[m->depth];
	const char *word = s->last, *end = s->p;

	if (!m->gen.on) {
		const char *at = word && word >= in->text + in->pos ? word : s->p;
		in->pos = (size_t)(at - in->text);
	}
	return nd_master_fail(m, ND_EFORMAT, s->why, word, word ? (size_t)(end - word) : 0,
			      cure_of(s->why));
}

/* --- reading an entry --- */

static bool is_word(struct nd_text_word word, const char *text)
{
	return !word.quoted && word.n == strlen(text) && strncasecmp(word.at, text, word.n) == 0;
}

/* TTL and class in either order, then the type. */
static void read_head(struct nd_text_scan *s, struct nd_text_word word, bool have, struct entry *e)
{
	e->class = ND_CLASS_IN;
	for (; have || nd_text_scan_next(s, &word); have = false) {
		int class = e->has_class ? -1 : nd_type_class_parse(word.at, word.n);
		if (word.quoted) {
			nd_text_scan_fail(s, "type, TTL and class cannot be quoted");
			return;
		}
		if (class >= 0) {
			e->class = class;
			e->has_class = true;
		} else if ((e->type = nd_type_parse(word.at, word.n)) >= 0) {
			if (nd_type_is_meta(e->type))
				nd_text_scan_fail(s, "this type cannot be in a zone:");
			return;
		} else if (!e->has_ttl && nd_text_scan_duration(word, &e->ttl)) {
			e->has_ttl = true;
		} else {
			nd_text_scan_fail(s, "invalid type, TTL or class");
			return;
		}
	}
	nd_text_scan_fail(s, "missing type");
}

static void read_record(struct nd_master *m, struct nd_text_scan *s, struct nd_text_word word,
			struct entry *e)
{
	struct nd_master_input *in = &m->in[m->depth];
	bool blank = word.spaced;

	e->kind = KIND_RECORD;
	if (!blank) {
		e->named = true;
		if (word.quoted ||
		    nd_name_parse_at(word.at, word.n, &in->origin, false, &e->name_buf, &e->name)) {
			nd_text_scan_fail(s, "invalid owner name");
			return;
		}
	} else if (!in->owner.len || m->gen.on) {
		nd_text_scan_fail(s, "missing owner name");
		return;
	}
	read_head(s, word, blank, e);
	if (s->why)
		return;
	if (!e->has_ttl && !e->default_known && !blank && !e->has_class) {
		nd_text_scan_fail(s, "missing TTL");
		return;
	}
	if (!e->has_ttl)
		e->ttl = e->default_known ? e->default_ttl : 0;
	e->rdata_len = nd_text_parse_fields(s, (uint16_t)e->type, &in->origin, m->rdata,
					    sizeof m->rdata);
}

/* A directive's first argument, and the end of the line after `max` of them. */
static void read_words(struct nd_text_scan *s, struct entry *e, int max)
{
	struct nd_text_word more;

	if (!nd_text_scan_next(s, &e->word)) {
		nd_text_scan_fail(s, "missing argument of the directive");
		return;
	}
	if (max == 2 && !nd_text_scan_next(s, &e->second))
		e->second.n = 0;
	if (!s->why && nd_text_scan_next(s, &more))
		nd_text_scan_fail(s, "unexpected text after the directive");
}

/* The pattern ends with its line or at a comment outside quotes. */
static void read_pattern(struct nd_text_scan *s, struct entry *e)
{
	bool quoted = false;

	if (!nd_text_scan_next(s, &e->word)) {
		nd_text_scan_fail(s, "missing argument of the directive");
		return;
	}
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
		s->p++;
	e->rest = s->p;
	for (; s->p < s->end && *s->p != '\n' && (quoted || *s->p != ';'); s->p++) {
		if (*s->p == '\\' && s->p + 1 < s->end && s->p[1] != '\n')
			s->p++;
		else if (*s->p == '"')
			quoted = !quoted;
	}
	e->rest_end = s->p;
	while (s->p < s->end && *s->p != '\n')
		s->p++;
	if (e->rest == e->rest_end)
		nd_text_scan_fail(s, "missing pattern of $GENERATE");
}

static void read_origin(struct nd_master *m, struct nd_text_scan *s, struct nd_text_word word,
			struct entry *e)
{
	if (s->why)
		return;
	if (word.quoted || nd_name_parse_at(word.at, word.n, &m->in[m->depth].origin, false,
					    &e->name_buf, &e->name))
		nd_text_scan_fail(s, "invalid name");
	e->named = true;
}

/* False: it is not a directive. */
static bool read_directive(struct nd_master *m, struct nd_text_scan *s, struct nd_text_word word,
			   struct entry *e)
{
	if (is_word(word, "$TTL")) {
		e->kind = KIND_TTL;
		read_words(s, e, 1);
		if (!s->why && !nd_text_scan_duration(e->word, &e->ttl))
			nd_text_scan_fail(s, "invalid TTL");
	} else if (is_word(word, "$ORIGIN")) {
		e->kind = KIND_ORIGIN;
		read_words(s, e, 1);
		read_origin(m, s, e->word, e);
	} else if (is_word(word, "$INCLUDE")) {
		e->kind = KIND_INCLUDE;
		read_words(s, e, 2);
		if (e->second.n)
			read_origin(m, s, e->second, e);
	} else if (is_word(word, "$GENERATE")) {
		e->kind = KIND_GENERATE;
		read_pattern(s, e);
	} else {
		return false;
	}
	return true;
}

/* One entry, up to the end of its last line. Errors are in s. */
static void read_entry(struct nd_master *m, struct nd_text_scan *s, struct entry *e)
{
	struct nd_text_word word;

	e->kind = KIND_NOTHING;
	if (!nd_text_scan_next(s, &word))
		return;
	if (!word.spaced && !m->gen.on && word.n && *word.at == '$' &&
	    read_directive(m, s, word, e))
		return;
	read_record(m, s, word, e);
}

/* --- what it does --- */

static void give(struct nd_master *m, struct nd_name owner, const struct entry *e,
		 struct nd_master_rr *rr)
{
	*rr = (struct nd_master_rr){
		.owner = owner,
		.type = (uint16_t)e->type,
		.class = (uint16_t)e->class,
		.ttl = e->ttl,
		.rdata = m->rdata,
		.n = (uint16_t)e->rdata_len,
	};
}

static int do_record(struct nd_master *m, const struct entry *e, struct nd_master_rr *rr)
{
	struct nd_master_input *in = &m->in[m->depth];

	if (e->named)
		in->owner = nd_name_copy(e->name, &in->owner_buf);
	if (e->has_ttl && !in->ttl_directive) {
		in->ttl = e->ttl;
		in->ttl_known = true;
	}
	give(m, in->owner, e, rr);
	return 1;
}

static int do_include(struct nd_master *m, const struct entry *e)
{
	struct nd_master_input *in = &m->in[m->depth];
	char path[4096];

	if (m->depth >= ND_MASTER_DEPTH_MAX)
		return nd_master_fail(m, ND_ELIMIT, "too deeply nested $INCLUDE", e->word.at,
				      e->word.n, "at most 7 levels");
	if (m->includes >= ND_MASTER_INCLUDES_MAX)
		return nd_master_fail(m, ND_ELIMIT, "too many files: $INCLUDE", e->word.at,
				      e->word.n, "at most 10000 in all");
	if (e->word.n >= sizeof path || memchr(e->word.at, '\0', e->word.n))
		return nd_master_fail(m, ND_EFORMAT, "invalid path", e->word.at, e->word.n, NULL);
	memcpy(path, e->word.at, e->word.n);
	path[e->word.n] = '\0';
	m->includes++;
	return nd_master_input_open(m, path, e->named ? e->name : in->origin);
}

/* 1: a record; 0; or an error. */
static int do_entry(struct nd_master *m, const struct entry *e, struct nd_master_rr *rr)
{
	struct nd_master_input *in = &m->in[m->depth];

	switch (e->kind) {
	case KIND_RECORD: return do_record(m, e, rr);
	case KIND_TTL:
		in->ttl = e->ttl;
		in->ttl_known = in->ttl_directive = true;
		return 0;
	case KIND_ORIGIN: in->origin = nd_name_copy(e->name, &in->origin_buf); return 0;
	case KIND_INCLUDE: return do_include(m, e);
	case KIND_GENERATE:
		return nd_master_generate_begin(m, e->word, e->rest,
						(size_t)(e->rest_end - e->rest));
	default: return 0;
	}
}

/* The next entry of the current file. 1: a record; 0: none; or an error. An entry that ends where
 * the window ends may be incomplete: it is read again when there is more text. */
static int next_entry(struct nd_master *m, struct nd_master_rr *rr)
{
	struct nd_master_input *in = &m->in[m->depth];
	int err = in->text ? 0 : nd_master_input_fill(m);

	while (!err) {
		struct nd_text_scan s = { .p = in->text + in->pos, .end = in->text + in->len };
		struct entry e = { .default_ttl = in->ttl, .default_known = in->ttl_known };
		if (in->pos < in->len)
			read_entry(m, &s, &e);
		if (s.p == s.end && !in->eof) {
			err = nd_master_input_fill(m);
			continue;
		}
		if (s.why)
			return fail_scan(m, &s);
		/* The words of the entry are before its end. */
		size_t end = (size_t)(s.p - in->text) + (s.p < s.end);
		if (end == in->len && in->eof && e.kind == KIND_NOTHING) {
			nd_master_input_close(m);
			return 0;
		}
		int got = do_entry(m, &e, rr);
		if (got >= 0)
			in->pos = end;
		return got;
	}
	return err;
}

static int next_generated(struct nd_master *m, struct nd_master_rr *rr)
{
	struct entry e = { .default_ttl = GENERATE_TTL, .default_known = true };
	int more = nd_master_generate_next(m);

	if (more <= 0)
		return more;
	struct nd_text_scan s = { .p = m->gen.line, .end = m->gen.line + m->gen.line_len };
	read_entry(m, &s, &e);
	if (!s.why && e.kind != KIND_RECORD)
		nd_text_scan_fail(&s, "missing record in the pattern of $GENERATE");
	if (s.why)
		return fail_scan(m, &s);
	struct nd_master_input *in = &m->in[m->depth];
	in->owner = nd_name_copy(e.name, &in->owner_buf);
	give(m, in->owner, &e, rr);
	return 1;
}

int nd_master_next(struct nd_master *m, struct nd_master_rr *rr)
{
	int got = m->err;

	while (!got && m->depth >= 0)
		got = m->gen.on ? next_generated(m, rr) : next_entry(m, rr);
	return got;
}

struct nd_master *nd_master_new(const char *path, struct nd_name origin,
				const struct nd_master_files *files)
{
	struct nd_master *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->files = *files;
	m->depth = -1;
	(void)nd_master_input_open(m, path, origin); /* its error is sticky */
	return m;
}

void nd_master_free(struct nd_master *m)
{
	if (!m)
		return;
	nd_master_generate_end(m);
	while (m->depth >= 0)
		nd_master_input_close(m);
	free(m);
}

const char *nd_master_error(const struct nd_master *m)
{
	return m->error;
}

const char *nd_master_path(const struct nd_master *m)
{
	return m->depth >= 0 ? m->in[m->depth].path : "";
}

int nd_master_line(const struct nd_master *m)
{
	/* A record ends at pos; its line is counted from what is left in the window. */
	struct nd_master_input in = m->depth >= 0 ? m->in[m->depth]
						  : (struct nd_master_input){ .line = 0 };
	size_t at = in.pos > in.counted ? in.pos - 1 : in.pos;

	return in.text ? nd_master_input_line(&in, at) : in.line;
}

unsigned nd_master_includes(const struct nd_master *m)
{
	return m->includes;
}
