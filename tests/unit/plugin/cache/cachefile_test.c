/* SPDX-License-Identifier: Apache-2.0 */
/* The cache file: what is written is read again; anything else is refused as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/time.h"
#include "io/file.h"
#include "plugin/cache/cachefile.h"
#include "wire/type.h"

static const char boot[ND_CACHEFILE_BOOT] = "11111111-2222-3333-4444-555555555555\n";
static char path[64];
static struct nd_buf file;

enum { NAMES = 12 };

static struct nd_store_key key_of(const struct nd_store *s, unsigned i, struct nd_name_buf *buf)
{
	struct nd_name name;
	char text[64];

	snprintf(text, sizeof text, "name%u.test.", i);
	assert_int_equal(nd_name_parse(text, true, buf, &name), 0);
	return nd_store_key(s, name, ND_TYPE_A, ND_CLASS_IN, i % 2 ? ND_STORE_DO : 0);
}

/* A store with NAMES answers: i addresses for name i, none and a SOA for name 0. */
static struct nd_store *make_store(uint64_t now_ns)
{
	static const uint8_t soa[] =
		"\xc0\x12\0\6\0\1\0\0\0\36\0\26\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
	struct nd_store *s = nd_store_new(512, 512);

	for (unsigned i = 0; i < NAMES; i++) {
		struct nd_store_head h = { .ttl_s = 30 + i, .until_s = 60, .refresh_s = 27 };
		uint8_t body[NAMES * 16];
		struct nd_store_evicted evicted;
		struct nd_name_buf buf;
		struct nd_store_key k = key_of(s, i, &buf);
		h.body = (uint16_t)(16 + k.name.len);
		for (unsigned j = 0; j < i; j++) {
			static const uint8_t head[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4 };
			memcpy(body + 16 * j, head, sizeof head);
			memcpy(body + 16 * j + 12, (uint8_t[]){ 10, 0, (uint8_t)i, (uint8_t)j }, 4);
		}
		h.body_len = (uint16_t)(16 * i);
		h.count[0] = h.n = (uint16_t)i;
		h.flags = i % 3 ? ND_FLAG_RA | ND_FLAG_AD : ND_FLAG_AA;
		if (i == 0) {
			memcpy(body, soa, sizeof soa - 1);
			h.body_len = sizeof soa - 1;
			h.kind = ND_STORE_DENIAL;
			h.rcode = ND_RCODE_NXDOMAIN;
			h.count[1] = h.n = 1;
		}
		/* The index is not in the file: any will do here. */
		struct nd_record record[ND_STORE_INDEXED] = { 0 };
		assert_true(nd_store_put(s, &k, &h, record, body, now_ns, &evicted));
	}
	return s;
}

static void write_file(const struct nd_store *s, uint64_t view, uint64_t now_ns)
{
	_Alignas(8) static uint8_t scratch[ND_STORE_SEGMENT];
	struct nd_cachefile w;

	assert_int_equal(nd_cachefile_open(&w, path, boot, now_ns), 0);
	nd_cachefile_add(&w, s, view, now_ns, scratch);
	assert_int_equal(nd_cachefile_commit(&w), 0);
	nd_buf_clear(&file);
	nd_buf_init(&file, 1 << 20);
	assert_int_equal(nd_file_read(path, &file), 0);
}

static int make_file(void **state)
{
	struct nd_store *s = make_store(ND_S(100));
	int fd;
	(void)state;

	snprintf(path, sizeof path, "/tmp/cachefile_test.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	write_file(s, 7, ND_S(110));
	nd_store_free(s);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	nd_buf_clear(&file);
	return 0;
}

static const char *check(const void *bytes, size_t n)
{
	uint64_t age_s;

	return nd_cachefile_check(bytes, n, boot, ND_S(112), &age_s);
}

static void test_round(void **state)
{
	uint64_t age_s = 0;
	(void)state;

	assert_null(nd_cachefile_check(file.data, file.len, boot, ND_S(112), &age_s));
	assert_int_equal(age_s, 2);
	struct nd_store *s = nd_store_new(512, 512);
	assert_int_equal(nd_cachefile_adopt(file.data, file.len, 7, s, ND_S(112)), NAMES);
	for (unsigned i = 0; i < NAMES; i++) {
		struct nd_record record[ND_STORE_INDEXED];
		struct nd_name_buf buf;
		struct nd_store_hit hit;
		uint8_t body[512];
		struct nd_store_key k = key_of(s, i, &buf);
		assert_int_equal(nd_store_find(s, &k, ND_S(129), body, sizeof body, record, &hit),
				 ND_STORE_LIVE);
		assert_int_equal(hit.age_s, 29); /* it grows older all the time */
		assert_int_equal(hit.head.ttl_s, 30 + i);
		assert_int_equal(hit.head.until_s, 60);
		assert_int_equal(hit.head.refresh_s, 27);
		assert_int_equal(hit.head.kind, i ? ND_STORE_SUCCESS : ND_STORE_DENIAL);
		assert_int_equal(hit.head.rcode, i ? 0 : ND_RCODE_NXDOMAIN);
		assert_int_equal(hit.head.flags, i % 3 ? ND_FLAG_RA | ND_FLAG_AD : ND_FLAG_AA);
		assert_int_equal(hit.head.n, i ? i : 1);
		assert_int_equal(hit.head.indexed, i <= 8 ? hit.head.n : 0);
		for (unsigned j = 0; j < hit.head.indexed && i; j++) { /* made from the body */
			assert_int_equal(record[j].owner, hit.head.body + 16 * j);
			assert_int_equal(record[j].ttl_at, hit.head.body + 16 * j + 6);
			assert_int_equal(body[16 * j + 15], j);
		}
		assert_int_equal(nd_store_find(s, &k, ND_S(160), body, sizeof body, record, &hit),
				 ND_STORE_MISS);
	}
	nd_store_free(s);
}

/* What is too old, or another view's, is left out. */
static void test_left_out(void **state)
{
	struct nd_store *s = nd_store_new(512, 512);
	(void)state;

	assert_int_equal(nd_cachefile_adopt(file.data, file.len, 8, s, ND_S(112)), 0);
	assert_int_equal(nd_cachefile_adopt(file.data, file.len, 7, s, ND_S(160)), 0);
	assert_int_equal(nd_cachefile_adopt(file.data, file.len, 7, s, ND_S(159)), NAMES);
	nd_store_free(s);
}

static void test_cut(void **state)
{
	(void)state;
	for (size_t n = 0; n < file.len; n++) {
		/* A copy of this length: reading past its end is found by the sanitizer. */
		void *copy = malloc(n + !n);
		memcpy(copy, file.data, n);
		if (!check(copy, n))
			fail_msg("%zu of %zu bytes are accepted", n, file.len);
		free(copy);
	}
	nd_buf_text(&file, "12345678");
	assert_string_equal(check(file.data, file.len), "is damaged");
}

static void test_flipped(void **state)
{
	uint8_t *bytes = (uint8_t *)file.data;
	(void)state;

	for (size_t i = 0; i < file.len * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		if (!check(bytes, file.len))
			fail_msg("bit %zu is accepted", i);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_null(check(bytes, file.len));
}

static void test_foreign(void **state)
{
	static const char other[ND_CACHEFILE_BOOT] = "11111111-2222-3333-4444-555555555556\n";
	struct nd_cachefile_head *h = (struct nd_cachefile_head *)(void *)file.data;
	uint64_t age_s;
	(void)state;

	assert_string_equal(nd_cachefile_check(file.data, file.len, other, ND_S(112), &age_s),
			    "was written before the machine's last start");
	assert_string_equal(nd_cachefile_check(file.data, file.len, boot, ND_S(109), &age_s),
			    "is damaged"); /* of the future */
	h->version++;
	assert_string_equal(check(file.data, file.len), "is of another version");
	h->version--;
	h->entry_bytes += 8;
	assert_string_equal(check(file.data, file.len), "is of another version");
	assert_string_equal(check("text, not a cache file, and longer than a head is: 64 bytes.....",
				  64),
			    "is not a cache file");
	assert_string_equal(check("", 0), "is not a cache file");
}

/* Well-formed, with a good checksum, but not what a cache may hold. */
static void test_unsound(void **state)
{
	static const struct {
		const char *name;
		uint8_t body[40];
		uint16_t body_len, count[3];
		uint16_t rcode, flags;
		uint8_t key_flags;
	} rows[] = {
		{ "fewer records than the count", { 0 }, 0, { 1 }, 0, 0, 0 },
		{ "a record that is cut",
		  { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2 },
		  14,
		  { 1 },
		  0,
		  0,
		  0 },
		{ "bytes after the last record",
		  { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0 },
		  12,
		  { 0 },
		  0,
		  0,
		  0 },
		{ "a pointer to itself",
		  { 0xc0, 28, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4 },
		  16,
		  { 1 },
		  0,
		  0,
		  0 },
		{ "a pointer into the header",
		  { 0xc0, 2, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4 },
		  16,
		  { 1 },
		  0,
		  0,
		  0 },
		{ "an OPT", { 0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0 }, 11, { 0, 0, 1 }, 0, 0, 0 },
		{ "an rcode that is not kept", { 0 }, 0, { 0 }, 5, 0, 0 },
		{ "a flag that is not kept", { 0 }, 0, { 0 }, 0, ND_FLAG_TC, 0 },
		{ "a key's flag that does not exist", { 0 }, 0, { 0 }, 0, 0, 0x80 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_store *s = nd_store_new(16, 16);
		struct nd_store_head h = { .ttl_s = 30,
					   .until_s = 30,
					   .body_len = rows[i].body_len,
					   .rcode = rows[i].rcode,
					   .flags = rows[i].flags };
		struct nd_record record[1] = { { 0 } };
		struct nd_store_evicted evicted;
		struct nd_name_buf buf;
		struct nd_store_key k = key_of(s, 0, &buf);
		k.flags = rows[i].key_flags;
		memcpy(h.count, rows[i].count, sizeof h.count);
		assert_true(nd_store_put(s, &k, &h, record, rows[i].body, ND_S(100), &evicted));
		write_file(s, 7, ND_S(110));
		const char *why = check(file.data, file.len);
		if (!why || strcmp(why, "has answers that are not sound") != 0)
			fail_msg("%s: %s", rows[i].name, why ? why : "accepted");
		nd_store_free(s);
	}
}

static void test_boot_id(void **state)
{
	char a[ND_CACHEFILE_BOOT], b[ND_CACHEFILE_BOOT];
	(void)state;

	assert_true(nd_cachefile_read_boot(a));
	assert_true(nd_cachefile_read_boot(b));
	assert_memory_equal(a, b, sizeof a);
	assert_true(strlen(a) >= 32);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round),   TEST(test_left_out), TEST(test_cut),     TEST(test_flipped),
		TEST(test_foreign), TEST(test_unsound),  TEST(test_boot_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
