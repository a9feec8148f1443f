/* SPDX-License-Identifier: Apache-2.0 */
/* Records of replies: nd_rr_check, and through it the parts of rdata.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "wire/rr.h"
#include "wire/type.h"

/* Numbers of types without a constant. */
enum {
	LOC = 29,
	APL = 42,
	IPSECKEY = 45,
	HIP = 55,
	CSYNC = 62,
	NID = 104,
	EUI48 = 108,
	EUI64 = 109,
	TKEY = 249,
	AMTRELAY = 260,
};

#define ROW(name, type, rdata, err)                       \
	{                                                 \
		name, type, rdata, sizeof(rdata) - 1, err \
	}

/* Rdata at offset 23; the owner is the root. ND_ETRUNC is what miekg/dns calls an overflow. */
static const struct {
	const char *name;
	uint16_t type;
	const char *rdata;
	size_t n;
	int err;
} rows[] = {
	ROW("A", ND_TYPE_A, "\1\2\3\4", 0),
	ROW("A, three octets", ND_TYPE_A, "\1\2\3", ND_ETRUNC),
	ROW("A, five octets", ND_TYPE_A, "\1\2\3\4\5", ND_EFORMAT),
	ROW("A, empty", ND_TYPE_A, "", ND_ETRUNC),
	ROW("AAAA, four octets", ND_TYPE_AAAA, "\1\2\3\4", ND_ETRUNC),
	ROW("TXT", ND_TYPE_TXT, "\2hi\0\1x", 0),
	ROW("TXT, empty", ND_TYPE_TXT, "", 0),
	ROW("TXT past the end", ND_TYPE_TXT, "\2hi\5abc", ND_ETRUNC),
	ROW("CNAME", ND_TYPE_CNAME, "\1a\0", 0),
	ROW("CNAME, empty", ND_TYPE_CNAME, "", ND_ETRUNC),
	ROW("CNAME pointing to itself", ND_TYPE_CNAME, "\xc0\x17", ND_EFORMAT),
	ROW("CNAME pointing forward", ND_TYPE_CNAME, "\xc0\x19\0", ND_EFORMAT),
	ROW("CNAME, half a pointer", ND_TYPE_CNAME, "\xc0", ND_ETRUNC),
	ROW("CNAME, reserved label type", ND_TYPE_CNAME, "\x80\0", ND_EFORMAT),
	ROW("NS, octets after the name", ND_TYPE_NS, "\1a\0x", ND_EFORMAT),
	ROW("MX without its name", ND_TYPE_MX, "\0\1", ND_ETRUNC),
	ROW("SOA, last number cut", ND_TYPE_SOA, "\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0",
	    ND_ETRUNC),
	ROW("SRV, port cut", ND_TYPE_SRV, "\0\1\0\2\0", ND_ETRUNC),
	ROW("NAPTR", ND_TYPE_NAPTR, "\0\1\0\2\1S\0\2xy\0", 0),
	ROW("NAPTR, flags past the end", ND_TYPE_NAPTR, "\0\1\0\2\1S\xff", ND_ETRUNC),
	ROW("HINFO, one string", ND_TYPE_HINFO, "\1a", 0),
	ROW("HINFO, three strings", ND_TYPE_HINFO, "\1a\1b\1c", ND_EFORMAT),
	ROW("LOC", LOC, "\0\1\2\3\0\0\0\1\0\0\0\2\0\0\0\3", 0),
	ROW("LOC, cut", LOC, "\0\1\2\3\0\0\0\1\0\0\0\2\0\0\0", ND_ETRUNC),
	ROW("CAA", ND_TYPE_CAA, "\0\5issueca.example", 0),
	ROW("CAA, tag past the end", ND_TYPE_CAA, "\0\5iss", ND_ETRUNC),
	ROW("RRSIG", ND_TYPE_RRSIG, "\0\1\10\2\0\0\1\54\0\0\0\1\0\0\0\2\0\3\1a\0sig", 0),
	ROW("RRSIG, signer past the end", ND_TYPE_RRSIG,
	    "\0\1\10\2\0\0\1\54\0\0\0\1\0\0\0\2\0\3\7a", ND_ETRUNC),
	ROW("NSEC", ND_TYPE_NSEC, "\1a\0\0\6\x40\1\0\0\0\3\1\1\x80", 0),
	ROW("NSEC, no types", ND_TYPE_NSEC, "\1a\0", 0),
	ROW("NSEC, half a block", ND_TYPE_NSEC, "\0\0", ND_ETRUNC),
	ROW("NSEC, empty block", ND_TYPE_NSEC, "\0\0\0", ND_EFORMAT),
	ROW("NSEC, block past the end", ND_TYPE_NSEC, "\0\0\2\x40", ND_ETRUNC),
	ROW("NSEC, block of 33", ND_TYPE_NSEC, "\0\0\x21zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
	    ND_EFORMAT),
	ROW("NSEC, blocks out of order", ND_TYPE_NSEC, "\0\1\1\x80\0\1\x40", ND_EFORMAT),
	ROW("NSEC, a block twice", ND_TYPE_NSEC, "\0\1\1\x80\1\1\x40", ND_EFORMAT),
	ROW("NSEC3", ND_TYPE_NSEC3, "\1\0\0\0\2\xaa\xbb\4hash\0\1\x40", 0),
	ROW("NSEC3, no salt, no types", ND_TYPE_NSEC3, "\1\0\0\0\0\4hash", 0),
	ROW("NSEC3, salt past the end", ND_TYPE_NSEC3, "\1\0\0\0\11\xaa", ND_ETRUNC),
	ROW("NSEC3, hash past the end", ND_TYPE_NSEC3, "\1\0\0\0\0\24hash", ND_ETRUNC),
	ROW("NSEC3, empty block", ND_TYPE_NSEC3, "\1\0\0\0\0\4hash\0\0", ND_EFORMAT),
	ROW("NSEC3PARAM, octet after the salt", ND_TYPE_NSEC3PARAM, "\1\0\0\0\1\xaa\xbb",
	    ND_EFORMAT),
	ROW("CSYNC", CSYNC, "\0\0\0\1\0\3\0\1\x40", 0),
	ROW("HTTPS", ND_TYPE_HTTPS, "\0\1\0\0\1\0\3\2h2\0\3\0\2\1\xbb", 0),
	ROW("HTTPS, alias", ND_TYPE_HTTPS, "\0\0\1a\0", 0),
	ROW("SVCB, half a length", ND_TYPE_SVCB, "\0\1\0\0\3\0", ND_ETRUNC),
	ROW("SVCB, value past the end", ND_TYPE_SVCB, "\0\1\0\0\3\0\2\1", ND_ETRUNC),
	ROW("SVCB, keys out of order", ND_TYPE_SVCB, "\0\1\0\0\3\0\2\1\xbb\0\2\0\0", ND_EFORMAT),
	ROW("SVCB, a key twice", ND_TYPE_SVCB, "\0\1\0\0\2\0\0\0\2\0\0", ND_EFORMAT),
	ROW("SVCB, reserved key", ND_TYPE_SVCB, "\0\1\0\xff\xff\0\0", ND_EFORMAT),
	ROW("SVCB, unknown key", ND_TYPE_SVCB, "\0\1\0\xfe\0\0\1x", 0),
	ROW("SVCB, half a mandatory key", ND_TYPE_SVCB, "\0\1\0\0\0\0\1\0", ND_EFORMAT),
	ROW("SVCB, alpn past its end", ND_TYPE_SVCB, "\0\1\0\0\1\0\3\3h2", ND_ETRUNC),
	ROW("SVCB, empty alpn", ND_TYPE_SVCB, "\0\1\0\0\1\0\1\0", ND_EFORMAT),
	ROW("SVCB, value of no-default-alpn", ND_TYPE_SVCB, "\0\1\0\0\2\0\1x", ND_EFORMAT),
	ROW("SVCB, port of one octet", ND_TYPE_SVCB, "\0\1\0\0\3\0\1\1", ND_EFORMAT),
	ROW("SVCB, ipv4hint of five octets", ND_TYPE_SVCB, "\0\1\0\0\4\0\5\1\2\3\4\5", ND_EFORMAT),
	ROW("SVCB, empty ipv4hint", ND_TYPE_SVCB, "\0\1\0\0\4\0\0", ND_EFORMAT),
	ROW("SVCB, ipv6hint of four octets", ND_TYPE_SVCB, "\0\1\0\0\6\0\4\1\2\3\4", ND_EFORMAT),
	ROW("SVCB, mapped ipv6hint", ND_TYPE_SVCB,
	    "\0\1\0\0\6\0\20\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4", ND_EFORMAT),
	ROW("APL", APL, "\0\1\x10\x82\x0a\1\0\2\0\0", 0),
	ROW("APL, unknown family", APL, "\0\3\0\0", ND_EFORMAT),
	ROW("APL, prefix too long", APL, "\0\1\x21\0", ND_EFORMAT),
	ROW("APL, address too long", APL, "\0\1\x20\5\1\2\3\4\5", ND_EFORMAT),
	ROW("APL, address past the end", APL, "\0\1\x20\4\1", ND_ETRUNC),
	ROW("APL, zero at the end", APL, "\0\1\x20\2\1\0", ND_EFORMAT),
	ROW("IPSECKEY", IPSECKEY, "\1\1\2\1\2\3\4key", 0),
	ROW("IPSECKEY, gateway cut", IPSECKEY, "\1\2\2\1\2\3\4", ND_ETRUNC),
	ROW("IPSECKEY, compressed name", IPSECKEY, "\1\3\2\xc0\14key", ND_EFORMAT),
	ROW("AMTRELAY", AMTRELAY, "\1\x83\1a\0", 0),
	ROW("AMTRELAY, octets after none", AMTRELAY, "\1\0x", ND_EFORMAT),
	ROW("HIP", HIP, "\2\1\0\1HHK\1a\0\1b\0", 0),
	ROW("HIP, key past the end", HIP, "\2\1\0\5HHK", ND_ETRUNC),
	ROW("NID", NID, "\0\1zzzzzzzz", 0),
	ROW("EUI48, five octets", EUI48, "zzzzz", ND_ETRUNC),
	ROW("EUI64", EUI64, "zzzzzzzz", 0),
	ROW("TSIG", ND_TYPE_TSIG, "\0\0\0\0\0\0\1\1\54\0\2MM\0\1\0\0\0\0", 0),
	ROW("TSIG, MAC past the end", ND_TYPE_TSIG, "\0\0\0\0\0\0\1\1\54\0\7MM", ND_ETRUNC),
	ROW("TKEY", TKEY, "\0\0\0\0\1\0\0\0\2\0\3\0\0\0\1K\0\0", 0),
	ROW("ANY as a record", ND_TYPE_ANY, "x", ND_EFORMAT),
	ROW("OPT", ND_TYPE_OPT, "\0\3\0\1x", 0),
	ROW("OPT, option past the end", ND_TYPE_OPT, "\0\3\0\5x", ND_EFORMAT),
	ROW("unknown type", 65280, "\xc0\xff", 0),
	ROW("unknown type, empty", 65280, "", 0),
};

/* Checks the only record of a response. The message reader must agree. */
static int check(enum nd_section section, const char *owner, size_t owner_len, uint16_t type,
		 const char *rdata, size_t n)
{
	uint8_t bytes[256] = { [2] = 0x81, [3] = 0x80 };
	size_t at = 12 + owner_len;
	struct nd_name_buf buf;
	struct nd_msg m;
	struct nd_rr rr;

	bytes[7 + 2 * section] = 1;
	memcpy(bytes + 12, owner, owner_len);
	bytes[at] = (uint8_t)(type >> 8);
	bytes[at + 1] = (uint8_t)type;
	bytes[at + 3] = 1;
	bytes[at + 9] = (uint8_t)n;
	memcpy(bytes + at + 10, rdata, n);

	int err = nd_msg_parse_response(&m, bytes, at + 10 + n, &buf);
	assert_int_equal(m.count[1 + section], err == 0);
	m.count[1 + section] = 1;
	struct nd_rr_iter iter = nd_rr_iter_over(&m);
	assert_true(nd_rr_next(&iter, &rr));
	assert_int_equal(nd_rr_check(&m, &rr), err);
	return err;
}

static void test_rdata(void **state)
{
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		enum nd_section section = rows[i].type == ND_TYPE_OPT ? ND_SECTION_ADDITIONAL
								      : ND_SECTION_ANSWER;
		int err = check(section, "", 1, rows[i].type, rows[i].rdata, rows[i].n);
		if (err != rows[i].err)
			fail_msg("%s: got %d, want %d", rows[i].name, err, rows[i].err);
	}
}

/* RFC 6891 s6.1.1: an OPT is in the additional section. */
static void test_place_of_opt(void **state)
{
	(void)state;

	assert_int_equal(check(ND_SECTION_ADDITIONAL, "", 1, ND_TYPE_OPT, "", 0), 0);
	assert_int_equal(check(ND_SECTION_ANSWER, "", 1, ND_TYPE_OPT, "", 0), ND_EFORMAT);
	assert_int_equal(check(ND_SECTION_AUTHORITY, "", 1, ND_TYPE_OPT, "", 0), ND_EFORMAT);
}

static void test_owner(void **state)
{
	static const char ip[] = "\1\2\3\4";
	(void)state;

	assert_int_equal(check(ND_SECTION_ANSWER, "\1a", 3, ND_TYPE_A, ip, 4), 0);
	assert_int_equal(check(ND_SECTION_ANSWER, "\xc0\14", 2, ND_TYPE_A, ip, 4), ND_EFORMAT);
	assert_int_equal(check(ND_SECTION_ANSWER, "\1a\xc0\14", 4, ND_TYPE_A, ip, 4), ND_EFORMAT);
	assert_int_equal(check(ND_SECTION_ANSWER, "\xc0\x18", 2, ND_TYPE_A, ip, 4), ND_EFORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rdata),
		cmocka_unit_test(test_place_of_opt),
		cmocka_unit_test(test_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
