/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cache/cachefile.h"

#include <stdlib.h>
#include <string.h>
#include "base/siphash.h"
#include "base/time.h"
#include "io/file.h"
#include "wire/msg.h"
#include "wire/type.h"

static const char magic[8] = "NDCACHE\n";

enum {
	FLAGS = ND_FLAG_AA | ND_FLAG_AD | ND_FLAG_RA,
	KEY_FLAGS = ND_STORE_DO | ND_STORE_CD | ND_STORE_HOP | ND_STORE_OTHER,
	RECORDS_MAX = 4096, /* of an answer: ND_WORKER_RECORDS_MAX */
};

_Static_assert(sizeof(struct nd_cachefile_head) == 64, "no padding");
_Static_assert(sizeof(struct nd_cachefile_entry) == 56, "no padding");
_Static_assert(sizeof(struct nd_cachefile_end) == 16, "no padding");

/* In pieces: the head, each entry, the first half of the end. */
static uint64_t add_sum(uint64_t sum, const void *bytes, size_t n)
{
	static const struct nd_siphash_key key;

	return nd_siphash(&key, sum, bytes, n);
}

bool nd_cachefile_read_boot(char boot[ND_CACHEFILE_BOOT])
{
	struct nd_buf b;

	memset(boot, 0, ND_CACHEFILE_BOOT);
	nd_buf_init(&b, ND_CACHEFILE_BOOT - 1);
	bool known = nd_file_read("/proc/sys/kernel/random/boot_id", &b) == 0 && b.len > 0;
	if (known)
		memcpy(boot, b.data, b.len);
	nd_buf_clear(&b);
	return known;
}

/* --- writing --- */

static void write_piece(struct nd_cachefile *w, const void *bytes, size_t n)
{
	w->sum = add_sum(w->sum, bytes, n);
	nd_filewrite_add(&w->file, bytes, n);
}

int nd_cachefile_open(struct nd_cachefile *w, const char *path, const char *boot, uint64_t now_ns)
{
	struct nd_cachefile_head h = { .version = ND_CACHEFILE_VERSION,
				       .entry_bytes = sizeof(struct nd_cachefile_entry),
				       .saved_ns = now_ns };

	*w = (struct nd_cachefile){ 0 };
	memcpy(h.magic, magic, sizeof magic);
	memcpy(h.boot, boot, sizeof h.boot);
	int err = nd_filewrite_open(&w->file, path, ND_CACHEFILE_BYTES_MAX);
	write_piece(w, &h, sizeof h);
	return err;
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static void add_entry(void *ctx, const struct nd_store_entry *e)
{
	struct nd_cachefile *w = ctx;
	const struct nd_store_head *h = e->head;
	uint8_t piece[sizeof(struct nd_cachefile_entry) + ND_NAME_MAX + 1 + ND_MSG_MAX + 8];
	size_t n = padded(sizeof(struct nd_cachefile_entry) + h->name_len + h->body_len);
	struct nd_cachefile_entry out = {
		.bytes = (uint32_t)n,
		.body_bytes = h->body_len,
		.view = w->view,
		.stored_ns = h->stored_ns,
		.ttl_s = h->ttl_s,
		.until_s = h->until_s,
		.refresh_s = h->refresh_s,
		.qtype = h->qtype,
		.qclass = h->qclass,
		.rcode = h->rcode,
		.flags = h->flags,
		.count = { h->count[0], h->count[1], h->count[2] },
		.name_bytes = h->name_len,
		.key_flags = h->key_flags,
		.kind = h->kind,
	};

	memset(piece + n - 8, 0, 8);
	memcpy(piece, &out, sizeof out);
	memcpy(piece + sizeof out, e->name.wire, h->name_len);
	memcpy(piece + sizeof out + h->name_len, e->body, h->body_len);
	write_piece(w, piece, n);
	w->entries++;
}

void nd_cachefile_add(struct nd_cachefile *w, const struct nd_store *s, uint64_t view,
		      uint64_t now_ns, uint8_t *scratch)
{
	w->view = view;
	nd_store_walk(s, now_ns, scratch, add_entry, w);
}

int nd_cachefile_commit(struct nd_cachefile *w)
{
	struct nd_cachefile_end end = { .entries = w->entries };

	end.sum = add_sum(w->sum, &end, 8);
	nd_filewrite_add(&w->file, &end, sizeof end);
	return nd_filewrite_commit(&w->file);
}

/* --- reading --- */

/* An entry in the file, copied: bytes may be unaligned. */
struct item {
	struct nd_cachefile_entry e;
	const uint8_t *name, *body;
};

/* The entry at `at`, whose sizes fit into the rest. False: they do not. */
static bool read_item(const uint8_t *bytes, size_t n, size_t at, struct item *i)
{
	if (n - at < sizeof i->e)
		return false;
	memcpy(&i->e, bytes + at, sizeof i->e);
	size_t wanted = padded(sizeof i->e + i->e.name_bytes + (size_t)i->e.body_bytes);
	if (i->e.body_bytes > ND_MSG_MAX || i->e.bytes != wanted || wanted > n - at)
		return false;
	i->name = bytes + at + sizeof i->e;
	i->body = i->name + i->e.name_bytes;
	return true;
}

/* Room to check and store one answer. */
struct bench {
	uint8_t message[ND_MSG_MAX];
	struct nd_record record[RECORDS_MAX];
	struct nd_answer answer;
	struct nd_name_buf buf;
	struct nd_name name;
};

/* Makes the reply that the entry is, and its index. False: it is not sound. */
static bool lay_out(struct bench *b, const struct item *i)
{
	size_t head = ND_MSG_HEADER + i->e.name_bytes + 4u, n = head + i->e.body_bytes, end;
	struct nd_writer w = nd_writer_over(b->message, sizeof b->message);
	struct nd_msg m;

	memset(b->message, 0, ND_MSG_HEADER);
	nd_writer_put16(b->message + 2, ND_FLAG_QR);
	b->message[5] = 1;
	for (unsigned k = 0; k < 3; k++)
		nd_writer_put16(b->message + 6 + 2 * k, i->e.count[k]);
	w.pos = ND_MSG_HEADER;
	nd_writer_bytes(&w, i->name, i->e.name_bytes);
	nd_writer_u16(&w, i->e.qtype);
	nd_writer_u16(&w, i->e.qclass);
	nd_writer_bytes(&w, i->body, i->e.body_bytes);
	if (w.err || nd_msg_parse_response(&m, b->message, n, &b->buf) || m.edns.present ||
	    m.qname.len != i->e.name_bytes || m.question_end != head ||
	    memcmp(m.qname.wire, i->name, m.qname.len) != 0)
		return false;
	b->name = m.qname;
	b->answer = (struct nd_answer){
		.record = b->record, .max = RECORDS_MAX, .body = m.question_end, .open = true
	};
	return nd_answer_index(&b->answer, &m, &end) == 0 && end == n &&
	       memcmp(b->answer.count, i->e.count, sizeof i->e.count) == 0;
}

static bool sound(struct bench *b, const struct item *i, uint64_t now_ns)
{
	const struct nd_cachefile_entry *e = &i->e;
	bool flags = !(e->flags & (uint16_t)~FLAGS) && !(e->key_flags & ~KEY_FLAGS);
	bool kinds = e->kind < ND_STORE_KINDS &&
		     (e->rcode == ND_RCODE_NOERROR || e->rcode == ND_RCODE_NXDOMAIN);

	return flags && kinds && e->stored_ns && e->stored_ns <= now_ns && e->ttl_s <= e->until_s &&
	       lay_out(b, i);
}

static const char *check_head(const uint8_t *bytes, size_t n, const char *boot, uint64_t now_ns,
			      uint64_t *age_s)
{
	struct nd_cachefile_head h;

	if (n < sizeof h)
		return "is not a cache file";
	memcpy(&h, bytes, sizeof h);
	if (memcmp(h.magic, magic, sizeof magic) != 0)
		return "is not a cache file";
	if (h.version != ND_CACHEFILE_VERSION || h.entry_bytes != sizeof(struct nd_cachefile_entry))
		return "is of another version";
	if (memcmp(h.boot, boot, sizeof h.boot) != 0)
		return "was written before the machine's last start";
	if (h.saved_ns > now_ns)
		return "is damaged";
	*age_s = (now_ns - h.saved_ns) / ND_NS_PER_S;
	return NULL;
}

static const char *check_entries(const uint8_t *bytes, size_t n, uint64_t now_ns, struct bench *b)
{
	size_t at = sizeof(struct nd_cachefile_head);
	uint64_t sum = add_sum(0, bytes, at);
	struct nd_cachefile_end end;
	uint32_t entries = 0;
	struct item i;

	while (n - at > sizeof end) {
		if (!read_item(bytes, n, at, &i))
			return "is damaged";
		sum = add_sum(sum, bytes + at, i.e.bytes);
		at += i.e.bytes;
		entries++;
	}
	if (n - at < sizeof end)
		return "is damaged";
	memcpy(&end, bytes + at, sizeof end);
	if (end.bytes || end.entries != entries || add_sum(sum, &end, 8) != end.sum)
		return "is damaged";
	/* Then what only a program can get wrong. */
	for (at = sizeof(struct nd_cachefile_head); n - at > sizeof end; at += i.e.bytes)
		if (!read_item(bytes, n, at, &i) || !sound(b, &i, now_ns))
			return "has answers that are not sound";
	return NULL;
}

const char *nd_cachefile_check(const void *bytes, size_t n, const char *boot, uint64_t now_ns,
			       uint64_t *age_s)
{
	const char *why = check_head(bytes, n, boot, now_ns, age_s);
	struct bench *b = why ? NULL : malloc(sizeof *b);

	if (!why)
		why = b ? check_entries(bytes, n, now_ns, b) : "needs more memory than there is";
	free(b);
	return why;
}

static bool adopt(struct bench *b, const struct item *i, struct nd_store *s, uint64_t now_ns)
{
	const struct nd_cachefile_entry *e = &i->e;
	const struct nd_answer *a = &b->answer;
	struct nd_store_head h = {
		.stored_ns = e->stored_ns,
		.ttl_s = e->ttl_s,
		.until_s = e->until_s,
		.refresh_s = e->refresh_s,
		.rcode = e->rcode,
		.flags = e->flags,
		.body_len = (uint16_t)e->body_bytes,
		.body = a->body,
		.count = { a->count[0], a->count[1], a->count[2] },
		.n = a->n,
		.kind = e->kind,
	};
	struct nd_store_key key = nd_store_key(s, b->name, e->qtype, e->qclass, e->key_flags);
	struct nd_store_evicted evicted;

	return nd_store_put(s, &key, &h, a->record, i->body, now_ns, &evicted);
}

uint32_t nd_cachefile_adopt(const void *bytes, size_t n, uint64_t view, struct nd_store *s,
			    uint64_t now_ns)
{
	struct bench *b = malloc(sizeof *b);
	uint32_t adopted = 0;
	struct item i;

	for (size_t at = sizeof(struct nd_cachefile_head);
	     b && n - at > sizeof(struct nd_cachefile_end); at += i.e.bytes) {
		if (!read_item(bytes, n, at, &i))
			break;
		uint64_t age_s = (now_ns - i.e.stored_ns) / ND_NS_PER_S;
		if (i.e.view == view && age_s < i.e.until_s && sound(b, &i, now_ns))
			adopted += adopt(b, &i, s, now_ns);
	}
	free(b);
	return adopted;
}
