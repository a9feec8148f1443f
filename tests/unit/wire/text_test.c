/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "wire/rr.h"
#include "wire/text.h"
#include "wire/type.h"

/* Text to rdata to text; want NULL: the same text. */
static void test_records(void **state)
{
	static const struct {
		const char *text, *want; /* "owner ttl class type rdata" */
	} rows[] = {
		{ "a.example. 60 IN A 10.0.0.1", NULL },
		{ "a.example 60 A 10.0.0.1", "a.example. 60 IN A 10.0.0.1" },
		{ "a.example IN 60 A 10.0.0.1", "a.example. 60 IN A 10.0.0.1" },
		{ "a.example IN A 10.0.0.1", "a.example. 3600 IN A 10.0.0.1" },
		{ "a.example A 10.0.0.1", "a.example. 3600 IN A 10.0.0.1" },
		{ "A.Example. 1h30m in a 10.0.0.1\n", "A.Example. 5400 IN A 10.0.0.1" },
		{ "a. 2W1d1S A 10.0.0.1 ; comment", "a. 1296001 IN A 10.0.0.1" },
		{ "a.\tTYPE1\t10.0.0.1\r\n", "a. 3600 IN A 10.0.0.1" },
		{ "a. 60 CLASS3 A 10.0.0.1", "a. 60 CH A 10.0.0.1" },
		{ "\n\na. A 10.0.0.1\nb. A no address", "a. 3600 IN A 10.0.0.1" },
		{ ". 60 IN NS a.", NULL },
		{ "@ 60 IN NS @", ". 60 IN NS ." },
		{ "example.net 60 IN CNAME target.example.com",
		  "example.net. 60 IN CNAME target.example.com." },
		{ "invalid. 60 IN SOA a.invalid. b.invalid. (1 60 60 60 60)",
		  "invalid. 60 IN SOA a.invalid. b.invalid. 1 60 60 60 60" },
		{ "z. SOA a. b. ( ; open\n 1 ; serial\n 2h 15m 3w\n 1d )",
		  "z. 3600 IN SOA a. b. 1 7200 900 1814400 86400" },
		{ "z. 5 SOA a. b. 1 2 3", "z. 5 IN SOA a. b. 1 2 3 0 0" },
		{ "a. ( 60 IN A\n 10.0.0.1 )", "a. 60 IN A 10.0.0.1" },
		{ "a. 60 IN AAAA 2001:db8::1", NULL },
		{ "a. 60 IN AAAA ::ffff:1.2.3.4", NULL },
		{ "a. 60 IN PTR b.a.", NULL },
		{ "a. 60 IN DNAME b.a.", NULL },
		{ "a. 60 IN MX 10 mail.a.", NULL },
		{ "a. 60 IN SRV 0 65535 53 t.a.", NULL },
		{ "a. 60 IN TXT \"a b\"", NULL },
		{ "a. 60 IN TXT a b", "a. 60 IN TXT \"a\" \"b\"" },
		{ "a. 60 IN TXT \"\" \"x;(y)\" \"q\\\"\\\\\"", NULL },
		{ "a. 60 IN TXT \"a\"\"b\"", "a. 60 IN TXT \"a\" \"b\"" },
		{ "a. 60 IN TXT \\065\\000\\255\\;", "a. 60 IN TXT \"A\\000\\255;\"" },
		{ "a. 60 IN SPF \"v=spf1 -all\"", NULL },
		{ "a. 60 IN HINFO \"ANY obsoleted\" \"See RFC 8482\"", NULL },
		{ "a. 60 IN HINFO cpu", "a. 60 IN HINFO \"cpu\" \"\"" },
		{ "a. 60 IN NAPTR 100 10 \"S\" \"SIP+D2U\" \"!^.*$!sip:x@a!\" _sip._udp.a.", NULL },
		{ "a. 60 IN CAA 0 issue \"ca.example; p=1\"", NULL },
		{ "a. 60 IN CAA 128 iodef \"\"", NULL },
		{ "a. 60 IN URI 10 1 \"ftp://a/x\"", NULL },
		{ "a. 60 IN DS 60485 5 1 2BB183AF 5F22588179A5",
		  "a. 60 IN DS 60485 5 1 2BB183AF5F22588179A5" },
		{ "a. 60 IN DS 1 RSASHA256 2 ab", "a. 60 IN DS 1 8 2 AB" },
		{ "a. 60 IN SSHFP 2 1 abcd", "a. 60 IN SSHFP 2 1 ABCD" },
		{ "a. 60 IN TLSA 3 1 1 ABcd", "a. 60 IN TLSA 3 1 1 abcd" },
		{ "a. 60 IN DNSKEY 257 3 13 AQPS Kmyn", "a. 60 IN DNSKEY 257 3 13 AQPSKmyn" },
		{ "a. 60 IN DNSKEY 257 3 13 AQ==", NULL },
		{ "a. 60 IN DNSKEY 257 3 13 AQI=", NULL },
		{ "a. 60 IN RRSIG A 5 3 86400 20030322173103 20030220173103 2642 a. oJB1", NULL },
		{ "a. 60 IN RRSIG A 5 3 86400 1048354263 1045762263 2642 a. oJB1",
		  "a. 60 IN RRSIG A 5 3 86400 20030322173103 20030220173103 2642 a. oJB1" },
		{ "a. 60 IN RRSIG TYPE1234 ED25519 0 0 20240229000000 19700101000000 0 . oJB1",
		  "a. 60 IN RRSIG TYPE1234 15 0 0 20240229000000 19700101000000 0 . oJB1" },
		{ "a. 60 IN NSEC host.a. A MX RRSIG NSEC TYPE1234", NULL },
		{ "a. 60 IN NSEC b. MX A", "a. 60 IN NSEC b. A MX" },
		{ "a. 60 IN NSEC b.", NULL },
		{ "a. 60 IN NSEC b. TYPE0 NXNAME TYPE65535", NULL },
		{ "a. 60 IN HTTPS 0 b.", NULL },
		{ "a. 60 IN HTTPS 1 . alpn=\"h2,h3\" port=\"8443\" ipv4hint=\"1.2.3.4,1.2.3.5\"",
		  NULL },
		{ "a. 60 IN SVCB 1 b. ipv6hint=2001:db8::1 key667=hello no-default-alpn alpn=h2",
		  "a. 60 IN SVCB 1 b. alpn=\"h2\" no-default-alpn=\"\" ipv6hint=\"2001:db8::1\" "
		  "key667=\"hello\"" },
		{ "a. 60 IN SVCB 1 b. mandatory=port,alpn port=1 alpn=h2",
		  "a. 60 IN SVCB 1 b. mandatory=\"alpn,port\" alpn=\"h2\" port=\"1\"" },
		{ "a. 60 IN SVCB 1 b. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
		  "a. 60 IN SVCB 1 b. alpn=\"f\\\\\\092oo\\\\\\044bar,h2\"" },
		{ "a. 60 IN SVCB 1 b. ech=AQI= dohpath=/q{?dns} ohttp",
		  "a. 60 IN SVCB 1 b. ech=\"AQI=\" dohpath=\"/q{?dns}\" ohttp=\"\"" },
		{ "a. 60 IN TYPE65280 \\# 3 abcdef", NULL },
		{ "a. 60 IN TYPE65280 \\# 3 AB ( CD\n EF )", "a. 60 IN TYPE65280 \\# 3 abcdef" },
		{ "a. 60 IN TYPE65280 \\# 0", NULL },
		{ "a. 60 IN A \\# 4 0a000001", "a. 60 IN A 10.0.0.1" },
		{ "a. 60 IN MX \\# 5 0001 0161 00", "a. 60 IN MX 1 a." },
		{ "a\\.b.c. 60 IN NS \\@.c.", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_text_rr rr;
		const char *why = NULL;
		char name[ND_NAME_TEXT_MAX], type[ND_NUMBER_TEXT_MAX], class[ND_NUMBER_TEXT_MAX];
		char rdata[2048], got[4096];
		int ret = nd_text_parse_rr(rows[i].text, strlen(rows[i].text), NULL, 3600, &rr,
					   &why);
		if (ret)
			fail_msg("%s: %s", rows[i].text, why);
		if (rr.rdata_len && !nd_rr_rdata_valid(rr.type, rr.rdata, rr.rdata_len))
			fail_msg("%s: rdata is not valid", rows[i].text);
		nd_name_format(rr.owner, name);
		size_t n = nd_text_format_rdata(rr.type, rr.rdata, rr.rdata_len, rdata,
						sizeof rdata);
		assert_int_equal(n, strlen(rdata));
		snprintf(got, sizeof got, "%s %u %s %s %s", name, rr.ttl,
			 nd_type_class_text(rr.class, class), nd_type_text(rr.type, type), rdata);
		if (strcmp(got, rows[i].want ? rows[i].want : rows[i].text) != 0)
			fail_msg("%s: got %s", rows[i].text, got);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "no record" },
		{ "; only a comment", "no record" },
		{ " 60 IN A 10.0.0.1", "missing owner name" },
		{ "a..b 60 IN A 10.0.0.1", "invalid owner name" },
		{ "\"a\" 60 IN A 10.0.0.1", "missing owner name" },
		{ "a.", "missing type" },
		{ "a. 60 IN", "missing type" },
		{ "a. 60 61 A 10.0.0.1", "invalid type, TTL or class" },
		{ "a. IN CH A 10.0.0.1", "invalid type, TTL or class" },
		{ "a. 1x A 10.0.0.1", "invalid type, TTL or class" },
		{ "a. 4294967296 A 10.0.0.1", "invalid type, TTL or class" },
		{ "a. 7102w A 10.0.0.1", "invalid type, TTL or class" },
		{ "a. TYPE65536 \\# 0", "invalid type, TTL or class" },
		{ "a. \"60\" A 10.0.0.1", "type, TTL and class cannot be quoted" },
		{ "a. A", "incomplete rdata" },
		{ "a. A 10.0.0", "invalid address" },
		{ "a. A 10.0.0.256", "invalid address" },
		{ "a. A 010.0.0.1", "invalid address" },
		{ "a. A ::1", "invalid address" },
		{ "a. A 10.0.0.1 10.0.0.2", "unexpected text after rdata" },
		{ "a. A (10.0.0.1", "unmatched opening parenthesis" },
		{ "a. A 10.0.0.1)", "unmatched closing parenthesis" },
		{ "a. AAAA 10.0.0.1", "invalid address" },
		{ "a. NS a..b", "invalid name" },
		{ "a. NS \"b\"", "invalid name" },
		{ "a. MX 65536 b.", "invalid number" },
		{ "a. MX b.", "invalid number" },
		{ "a. MX 1", "incomplete rdata" },
		{ "a. SOA a. b. 1h 1 1 1 1", "invalid number" },
		{ "a. SOA a. b.", "incomplete rdata" },
		{ "a. SOA a. b. 1 x 1 1 1", "invalid number of seconds" },
		{ "a. TXT", "incomplete rdata" },
		{ "a. TXT \"open", "unterminated quoted string" },
		{ "a. TXT \\300", "invalid escape" },
		{ "a. CAA 0 \"issue\" x", "a property tag cannot be quoted" },
		{ "a. DS 1 8 2 abc", "odd number of hexadecimal digits" },
		{ "a. DS 1 8 2 xy", "invalid hexadecimal digit" },
		{ "a. DNSKEY 257 3 13 A", "truncated base64" },
		{ "a. DNSKEY 257 3 13 AQI=AQ", "invalid base64" },
		{ "a. DNSKEY 257 3 13 A===", "invalid base64" },
		{ "a. RRSIG A 5 3 1 20031322173103 20030220173103 1 a. oJB1", "invalid time" },
		{ "a. RRSIG NOTYPE 5 3 1 1 1 1 a. oJB1", "unknown type" },
		{ "a. RRSIG A NOALG 3 1 1 1 1 a. oJB1", "invalid number" },
		{ "a. NSEC b. A NOTYPE", "unknown type" },
		{ "a. SVCB 1 b. unknown=1", "unknown service parameter" },
		{ "a. SVCB 1 b. key0667=1", "unknown service parameter" },
		{ "a. SVCB 1 b. key3=1", "unknown service parameter" },
		{ "a. SVCB 1 b. port=1 port=2", "service parameter given twice" },
		{ "a. SVCB 1 b. port=x", "invalid port" },
		{ "a. SVCB 1 b. alpn=a,,b", "empty protocol in alpn" },
		{ "a. SVCB 1 b. alpn=\"h2\"port=1",
		  "service parameters must be separated by a space" },
		{ "a. SVCB 1 b. ipv4hint=::1", "invalid address hint" },
		{ "a. SVCB 1 b. ipv6hint=::ffff:1.2.3.4", "invalid address hint" },
		{ "a. SVCB 1 b. ech=A", "invalid base64 in ech" },
		{ "a. SVCB 1 b. ohttp=1", "service parameter takes no value" },
		{ "a. TYPE65280 x", "rdata of this type must be written as \\# LENGTH HEX" },
		{ "a. TYPE65280 \\# 2 ab", "wrong length of generic rdata" },
		{ "a. TYPE65280 \\# x", "invalid length of generic rdata" },
		{ "a. A \\# 3 010203", "generic rdata is invalid for its type" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_text_rr rr;
		const char *why = "nothing";
		int ret = nd_text_parse_rr(rows[i].text, strlen(rows[i].text), NULL, 60, &rr, &why);
		if (ret != ND_EFORMAT || strcmp(why, rows[i].why) != 0)
			fail_msg("%s: %d, %s", rows[i].text, ret, why);
		assert_int_equal(nd_text_parse_rr(rows[i].text, strlen(rows[i].text), NULL, 60, &rr,
						  NULL),
				 ND_EFORMAT);
	}
}

static void test_origin(void **state)
{
	static const char text[] = "www MX 10 @";
	struct nd_text_rr rr;
	struct nd_name_buf buf;
	struct nd_name origin;
	(void)state;

	assert_int_equal(nd_name_parse("example.org.", false, &buf, &origin), 0);
	assert_int_equal(nd_text_parse_rr(text, strlen(text), &origin, 5, &rr, NULL), 0);
	assert_int_equal(rr.ttl, 5);
	assert_memory_equal(rr.owner.wire, "\3www\7example\3org", 17);
	assert_int_equal(rr.rdata_len, 15);
	assert_memory_equal(rr.rdata, "\0\12\7example\3org", 15);
}

/* As in miekg/dns, a TXT word over 255 octets becomes several strings; in other types it is an
 * error. */
static void test_long_string(void **state)
{
	char text[400] = "a. TXT ";
	struct nd_text_rr rr;
	const char *why = NULL;
	(void)state;

	memset(text + strlen(text), 'x', 300);
	assert_int_equal(nd_text_parse_rr(text, strlen(text), NULL, 5, &rr, NULL), 0);
	assert_int_equal(rr.rdata_len, 302);
	assert_int_equal(rr.rdata[0], 255);
	assert_int_equal(rr.rdata[256], 45);
	text[7 + 255] = '\0'; /* exactly one string */
	assert_int_equal(nd_text_parse_rr(text, strlen(text), NULL, 5, &rr, NULL), 0);
	assert_int_equal(rr.rdata_len, 256);
	text[7 + 255] = 'x';
	assert_int_equal(nd_text_parse_rdata(ND_TYPE_HINFO, text + 7, 300, NULL, rr.rdata,
					     sizeof rr.rdata, &why),
			 ND_EFORMAT);
	assert_string_equal(why, "string over 255 bytes");
}

static void test_room(void **state)
{
	uint8_t out[4];
	const char *why = NULL;
	char text[8], none[1] = "x";
	(void)state;

	assert_int_equal(nd_text_parse_rdata(ND_TYPE_A, "1.2.3.4", 7, NULL, out, 4, &why), 4);
	assert_int_equal(nd_text_parse_rdata(ND_TYPE_A, "1.2.3.4", 7, NULL, out, 3, &why),
			 ND_ELIMIT);
	assert_string_equal(why, "rdata too long");
	assert_int_equal(nd_text_format_rdata(ND_TYPE_A, out, 4, text, sizeof text), 7);
	assert_string_equal(text, "1.2.3.4");
	assert_int_equal(nd_text_format_rdata(ND_TYPE_A, out, 4, text, 4), 3);
	assert_string_equal(text, "1.2");
	assert_int_equal(nd_text_format_rdata(ND_TYPE_A, out, 4, none, 0), 0);
	assert_int_equal(none[0], 'x');
}

/* Rdata that does not match its type is formatted as in RFC 3597, which can be parsed again. */
static void test_format_malformed(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		const char *rdata;
		size_t n;
		const char *want;
	} rows[] = {
		{ "A of three", ND_TYPE_A, "\1\2\3", 3, "\\# 3 010203" },
		{ "A of five", ND_TYPE_A, "\1\2\3\4\5", 5, "\\# 5 0102030405" },
		{ "name cut", ND_TYPE_NS, "\1", 1, "\\# 1 01" },
		{ "pointer", ND_TYPE_MX, "\0\1\xc0\0", 4, "\\# 4 0001c000" },
		{ "string cut", ND_TYPE_TXT, "\3ab", 3, "\\# 3 036162" },
		{ "tag with a quote", ND_TYPE_CAA, "\0\2a\"x", 5, "\\# 5 0002612278" },
		{ "bitmap windows out of order", ND_TYPE_NSEC, "\0\1\1\x40\0\1\x40", 7,
		  "\\# 7 00010140000140" },
		{ "parameter cut", ND_TYPE_SVCB, "\0\1\0\0\3\0\2\0", 8, "\\# 8 0001000003000200" },
		{ "empty", ND_TYPE_A, "", 0, "\\# 0" },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		char text[128];
		nd_text_format_rdata(rows[i].type, (const uint8_t *)rows[i].rdata, rows[i].n, text,
				     sizeof text);
		if (strcmp(text, rows[i].want) != 0)
			fail_msg("%s: got %s", rows[i].name, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_origin),  cmocka_unit_test(test_long_string),
		cmocka_unit_test(test_room),    cmocka_unit_test(test_format_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
