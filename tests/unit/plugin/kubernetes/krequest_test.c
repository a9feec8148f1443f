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
#include "plugin/kubernetes/kobject.h"
#include "plugin/kubernetes/krequest.h"

static void put(char *to, size_t cap, const char *what, struct nd_klabel l)
{
	size_t n = strlen(to);

	if (l.n)
		snprintf(to + n, cap - n, " %s=%.*s", what, l.n, (const char *)l.at);
}

static void show(const struct nd_krequest *r, char *to, size_t cap)
{
	snprintf(to, cap, "%s", r->top ? "top" : r->pod ? "pod" : "svc");
	put(to, cap, "ns", r->namespace);
	put(to, cap, "service", r->service);
	put(to, cap, "endpoint", r->endpoint);
	put(to, cap, "cluster", r->cluster);
	put(to, cap, "port", r->port);
	put(to, cap, "protocol", r->protocol);
	if (r->zone_labels) {
		size_t n = strlen(to);
		snprintf(to + n, cap - n, " %s=%u", r->prefer ? "prefer" : "pin", r->zone_labels);
	}
}

static void test_parse(void **state)
{
	static const struct {
		const char *name;
		bool multi, zonal;
		const char *want; /* NULL: no such name */
	} rows[] = {
		{ "z.", 0, 0, "top" },
		{ "svc.z.", 0, 0, "top" },
		{ "pod.z.", 0, 0, "top" },
		{ "pood.z.", 0, 0, NULL },
		{ "n.svc.z.", 0, 0, "svc ns=n" },
		{ "s.n.svc.z.", 0, 0, "svc ns=n service=s" },
		{ "s.n.pod.z.", 0, 0, "pod ns=n service=s" },
		{ "e.s.n.svc.z.", 0, 0, "svc ns=n service=s endpoint=e" },
		{ "_http._tcp.s.n.svc.z.", 0, 0, "svc ns=n service=s port=http protocol=tcp" },
		{ "http.tcp.s.n.svc.z.", 0, 0, "svc ns=n service=s port=http protocol=tcp" },
		{ "_._.s.n.svc.z.", 0, 0, "svc ns=n service=s" },
		{ "__x._tcp.s.n.svc.z.", 0, 0, "svc ns=n service=s port=_x protocol=tcp" },
		{ "a.b.c.s.n.svc.z.", 0, 0, NULL },
		{ "e.c.s.n.svc.z.", 1, 0, "svc ns=n service=s endpoint=e cluster=c" },
		{ "_e.c.s.n.svc.z.", 1, 0, "svc ns=n service=s port=e protocol=c" },
		{ "e._c.s.n.svc.z.", 1, 0, "svc ns=n service=s port=e protocol=c" },
		{ "t.pin._zone.s.n.svc.z.", 0, 0, NULL },
		{ "t.pin._zone.s.n.svc.z.", 0, 1, "svc ns=n service=s pin=1" },
		{ "u.t.prefer._zone.s.n.svc.z.", 0, 1, "svc ns=n service=s prefer=2" },
		{ "t.other._zone.s.n.svc.z.", 0, 1, NULL },
		{ "t.pin.zone.s.n.svc.z.", 0, 1, NULL },
		{ "t.pin._zone.s.n.pod.z.", 0, 1, NULL },
		{ "t.pin._zone.s.n.svc.z.", 1, 1, NULL },
		{ "pin._zone.s.n.svc.z.", 0, 1, "svc ns=n service=s port=pin protocol=zone" },
	};
	struct nd_name_buf a, b;
	struct nd_name name, zone;
	(void)state;

	assert_int_equal(nd_name_parse("z.", true, &b, &zone), 0);
	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_krequest r;
		char got[256] = "";
		assert_int_equal(nd_name_parse(rows[i].name, true, &a, &name), 0);
		bool ok = nd_krequest_parse(name, zone, rows[i].multi, rows[i].zonal, &r);
		if (ok)
			show(&r, got, sizeof got);
		if (ok != (rows[i].want != NULL) || (ok && strcmp(got, rows[i].want) != 0))
			fail_msg("%s: got \"%s\"", rows[i].name, ok ? got : "no such name");
	}
}

static void test_zone(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} rows[] = { { "eu.west", true }, { "eu", false }, { "eu.west.1", false },
		     { "euwest", false }, { "", false },   { "west.eu", false } };
	struct nd_name_buf a, b;
	struct nd_name name, zone;
	struct nd_krequest r;
	(void)state;

	assert_int_equal(nd_name_parse("z.", true, &b, &zone), 0);
	assert_int_equal(nd_name_parse("eu.west.pin._zone.s.n.svc.z.", true, &a, &name), 0);
	assert_true(nd_krequest_parse(name, zone, false, true, &r));
	for (size_t i = 0; i < ND_COUNT(rows); i++)
		if (nd_krequest_zone_is(&r, (const uint8_t *)rows[i].text, strlen(rows[i].text)) !=
		    rows[i].is)
			fail_msg("\"%s\"", rows[i].text);
}

static void test_ip_label(void **state)
{
	static const struct {
		const char *ip, *want;
		size_t n;
	} rows[] = {
		{ "\12\0\0\1", "10-0-0-1", 4 },
		{ "\377\377\377\377", "255-255-255-255", 4 },
		{ "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", "2001-db8--1", 16 },
		{ "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", "--1", 16 },
		{ "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "--0", 16 },
		{ "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "fd00--0", 16 },
		{ "\x20\1\0\0\0\0\0\1\0\0\0\0\0\0\0\1", "2001-0-0-1--1", 16 },
		{ "\x20\1\xd\xb8\0\0\0\0\0\1\0\0\0\0\0\1", "2001-db8--1-0-0-1", 16 },
		{ "\x20\1\0\0\0\1\0\1\0\1\0\1\0\1\0\1", "2001-0-1-1-1-1-1-1", 16 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		uint8_t label[ND_KOBJECT_LABEL_MAX];
		nd_kobject_ip_label((const uint8_t *)rows[i].ip, rows[i].n, label);
		if (label[0] != strlen(rows[i].want) ||
		    memcmp(label + 1, rows[i].want, label[0]) != 0)
			fail_msg("%s: got %.*s", rows[i].want, label[0], (const char *)label + 1);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_zone),
		cmocka_unit_test(test_ip_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
