/* SPDX-License-Identifier: Apache-2.0 */
/* The cache file. An even first byte: the rest is the file. An odd one: the rest is the answers of
 * a table, of which a file with a good checksum is made. What is accepted is adopted, and each
 * answer must then be a reply as a client reads it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/time.h"
#include "io/file.h"
#include "plugin/cache/cachefile.h"
#include "wire/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char boot[ND_CACHEFILE_BOOT] = "boot";
enum { VIEW = 7 };

static void check(bool good)
{
	if (!good)
		abort();
}

static void on_entry(void *ctx, const struct nd_store_entry *e)
{
	const struct nd_store_head *h = e->head;
	uint8_t *m = malloc(ND_MSG_MAX + 1);
	struct nd_writer w = nd_writer_over(m, ND_MSG_MAX);
	struct nd_name_buf buf;
	struct nd_msg msg;
	unsigned *n = ctx;

	++*n;
	nd_writer_u16(&w, 1);
	nd_writer_u16(&w, ND_FLAG_QR);
	nd_writer_u16(&w, 1);
	for (unsigned i = 0; i < 3; i++)
		nd_writer_u16(&w, h->count[i]);
	nd_writer_bytes(&w, e->name.wire, e->name.len);
	nd_writer_u16(&w, h->qtype);
	nd_writer_u16(&w, h->qclass);
	check(!w.err && w.pos == h->body);
	nd_writer_bytes(&w, e->body, h->body_len);
	check(!w.err && nd_msg_parse_response(&msg, m, w.pos, &buf) == 0);
	check(memcmp(msg.count + 1, h->count, sizeof h->count) == 0);
	for (unsigned i = 0; i < h->indexed; i++) {
		const struct nd_record *r = &e->record[i];
		check(r->owner >= h->body && r->ttl_at > r->owner && r->rdata == r->ttl_at + 6 &&
		      r->rdata + r->rdata_len <= h->body + h->body_len);
	}
	free(m);
}

static void use(const void *bytes, size_t n)
{
	_Alignas(8) static uint8_t scratch[ND_STORE_SEGMENT];
	struct nd_store *s = nd_store_new(64, 64);
	uint64_t age_s;
	unsigned found = 0;

	check(s != NULL);
	if (!nd_cachefile_check(bytes, n, boot, ND_S(200), &age_s)) {
		nd_cachefile_adopt(bytes, n, VIEW, s, ND_S(200));
		nd_store_walk(s, ND_S(200), scratch, on_entry, &found);
	}
	nd_store_free(s);
}

static uint8_t take(const uint8_t **data, size_t *size)
{
	return *size ? (--*size, *(*data)++) : 0;
}

/* An answer: flags, rcode, counts, length; then the body. */
static void put(struct nd_store *s, unsigned i, const uint8_t **data, size_t *size)
{
	struct nd_record record[ND_STORE_INDEXED] = { 0 };
	struct nd_store_head h = { .ttl_s = 300, .until_s = 300 };
	struct nd_store_evicted evicted;
	uint8_t name[] = { 1, (uint8_t)('a' + i), 4, 't', 'e', 's', 't', 0 };
	struct nd_store_key key;

	h.flags = (uint16_t)(take(data, size) << 4);
	h.rcode = take(data, size) & 7;
	h.kind = h.rcode & 1;
	for (unsigned k = 0; k < 3; k++)
		h.count[k] = take(data, size) & 3;
	h.body_len = (uint16_t)(take(data, size) * 2);
	if (h.body_len > *size)
		h.body_len = (uint16_t)*size;
	key = nd_store_key(s, nd_name_view(name), take(data, size), 1, 0);
	if (h.body_len > *size)
		h.body_len = (uint16_t)*size;
	nd_store_put(s, &key, &h, record, *data, ND_S(100), &evicted);
	*data += h.body_len;
	*size -= h.body_len;
}

static void make(const uint8_t *data, size_t size)
{
	_Alignas(8) static uint8_t scratch[ND_STORE_SEGMENT];
	struct nd_store *s = nd_store_new(64, 64);
	struct nd_cachefile w;
	struct nd_buf b;
	char path[64];

	check(s != NULL);
	for (unsigned i = 0; size && i < 20; i++)
		put(s, i, &data, &size);
	snprintf(path, sizeof path, "/dev/shm/fuzz-cachefile.%d", (int)getpid());
	nd_cachefile_open(&w, path, boot, ND_S(150));
	nd_cachefile_add(&w, s, VIEW, ND_S(150), scratch);
	check(nd_cachefile_commit(&w) == 0);
	nd_store_free(s);
	nd_buf_init(&b, ND_CACHEFILE_BYTES_MAX);
	check(nd_file_read(path, &b) == 0);
	unlink(path);
	/* Of exact size, so that reading past the end is found. */
	void *bytes = malloc(b.len);
	memcpy(bytes, b.data, b.len);
	use(bytes, b.len);
	free(bytes);
	nd_buf_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] & 1)
		make(data + 1, size - 1);
	else
		use(data + 1, size - 1);
	return 0;
}
