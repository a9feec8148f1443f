/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/forge.h"

#include <string.h>
#include "base/err.h"
#include "sim/world.h"
#include "wire/msg.h"
#include "wire/type.h"
#include "wire/writer.h"

static const uint8_t lie[4] = { 66, 6, 6, 6 };

static uint32_t draw(uint32_t below)
{
	return nd_world_random(ND_WORLD_SCENE, below);
}

static size_t question_end(const uint8_t *message)
{
	return ND_MSG_HEADER + nd_name_view(message + ND_MSG_HEADER).len + 4u;
}

static void put_record(struct nd_writer *w, struct nd_name owner, uint16_t type, const void *rdata,
		       uint16_t n)
{
	if (owner.len)
		nd_writer_bytes(w, owner.wire, owner.len);
	else
		nd_writer_u16(w, 0xc00c);
	nd_writer_u16(w, type);
	nd_writer_u16(w, ND_CLASS_IN);
	nd_writer_u32(w, 3600);
	nd_writer_u16(w, n);
	nd_writer_bytes(w, rdata, n);
}

/* A name that clients ask for, too. */
static struct nd_name victim(struct nd_name_buf *buf)
{
	static const char *const names[] = { "api.up.test.", "new.up.test.", "n1.up.test.",
					     "svc.default.svc.cluster.local." };
	struct nd_name name;

	ND_ASSERT(nd_name_parse(names[draw(ND_COUNT(names))], true, buf, &name) == 0);
	return name;
}

/* --- messages --- */

/* From QUESTIONS on: over TCP, where no one else can send them, the query fails. */
enum message { ID, NAME, TYPE, ECHO, HEADER, QUESTIONS, SHORT, NOISE, MESSAGES };

/* A lie in answer to this question, or to another name or type. */
static size_t put_lie(const uint8_t *question, enum message how, uint8_t *out)
{
	struct nd_writer w = nd_writer_over(out, SIM_FORGE_MAX);
	struct nd_name_buf buf;
	struct nd_name name = how == NAME ? victim(&buf) : nd_name_view(question + ND_MSG_HEADER);
	uint16_t type = how == TYPE ? ND_TYPE_AAAA : ND_TYPE_A;

	nd_writer_u16(&w, nd_reader_peek16(question));
	nd_writer_u16(&w, ND_FLAG_QR | ND_FLAG_RD | ND_FLAG_RA);
	nd_writer_u16(&w, 1);
	nd_writer_u16(&w, 1);
	nd_writer_u32(&w, 0);
	nd_writer_bytes(&w, name.wire, name.len);
	nd_writer_u16(&w, type);
	nd_writer_u16(&w, ND_CLASS_IN);
	put_record(&w, (struct nd_name){ .len = 0 }, ND_TYPE_A, lie, sizeof lie);
	ND_ASSERT(!w.err);
	return w.pos;
}

size_t sim_forge_message(const uint8_t *question, size_t n, bool stream, uint8_t out[SIM_FORGE_MAX])
{
	enum message how = (enum message)draw(stream ? QUESTIONS : MESSAGES);
	size_t len = put_lie(question, how, out);

	size_t end = question_end(question);
	if (how == NAME && len >= end &&
	    memcmp(out + ND_MSG_HEADER, question + ND_MSG_HEADER, end - ND_MSG_HEADER) == 0)
		how = ID; /* the victim is the question's name */
	switch (how) {
	case ID: out[draw(2)] ^= (uint8_t)(1 + draw(255)); break;
	case ECHO:
		memcpy(out, question, n);
		len = n;
		break;
	case HEADER:
		memset(out + 4, 0, 8);
		len = ND_MSG_HEADER;
		break;
	case QUESTIONS: out[5] = 2; break;
	case SHORT: len = draw(ND_MSG_HEADER); break;
	case NOISE:
		len = ND_MSG_HEADER + 1 + draw(100); /* a header alone may be an error */
		for (size_t i = 2; i < len; i++)
			out[i] = (uint8_t)draw(256);
		break;
	case NAME:
	case TYPE:
	case MESSAGES: break;
	}
	return len;
}

/* --- answers --- */

enum answer { CUT, LENGTH, SIZE, LOOP, COUNT, EXTRA, BARE, TARGET, ANSWERS };

/* Lies about other names, in authority and additional. */
static size_t add_extra(uint8_t *answer, size_t n)
{
	struct nd_writer w = nd_writer_over(answer, n + 300);
	struct nd_name_buf buf, target;

	w.pos = n;
	struct nd_name to = victim(&target);
	put_record(&w, victim(&buf), ND_TYPE_NS, to.wire, to.len);
	put_record(&w, to, ND_TYPE_A, lie, sizeof lie);
	ND_ASSERT(!w.err);
	answer[9] = answer[11] = 1;
	return w.pos;
}

/* Replaces the records by one whose rdata is broken. */
static size_t put_broken(uint8_t *answer, enum answer how)
{
	static const uint8_t pointer[] = { 0xc0, 0xff };
	size_t end = question_end(answer);
	struct nd_writer w = nd_writer_over(answer, end + 100);

	w.pos = end;
	if (how == SIZE)
		put_record(&w, (struct nd_name){ .len = 0 }, ND_TYPE_A, lie, 3);
	else if (how == TARGET)
		put_record(&w, (struct nd_name){ .len = 0 }, ND_TYPE_CNAME, pointer, 2);
	else
		put_record(&w, (struct nd_name){ .len = 0 }, ND_TYPE_A, lie, 4);
	if (how == LOOP) /* an owner that points to itself */
		nd_writer_put16(answer + end, (uint16_t)(0xc000 | end));
	if (how == LENGTH)
		answer[w.pos - 5] = 200;
	answer[6] = 0;
	answer[7] = 1;
	return w.pos;
}

size_t sim_forge_answer(uint8_t *answer, size_t n)
{
	enum answer how = (enum answer)draw(ANSWERS);
	size_t cut;

	switch (how) {
	case CUT: /* a question alone would be an answer without records, as with CoreDNS */
		cut = ND_MSG_HEADER + draw((uint32_t)(n - ND_MSG_HEADER));
		return cut == question_end(answer) ? n : cut;
	case COUNT: answer[7]++; return n;
	case EXTRA: return add_extra(answer, n);
	case BARE:
		nd_writer_put16(answer + 2,
				ND_FLAG_QR | ND_FLAG_RD | ND_FLAG_RA | ND_RCODE_SERVFAIL);
		memset(answer + 4, 0, 8);
		return ND_MSG_HEADER;
	case LENGTH:
	case SIZE:
	case LOOP:
	case TARGET:
	case ANSWERS: break;
	}
	return put_broken(answer, how);
}
