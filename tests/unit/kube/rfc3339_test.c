/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "kube/rfc3339.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
		int ret;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 },
		{ "1970-01-01T00:00:00.000000001Z", 1, 0 },
		{ "1969-12-31T23:59:59.5Z", -500000000, 0 },
		{ "2000-02-29T12:00:00Z", 951825600000000000, 0 },
		{ "2000-03-01T00:00:00Z", 951868800000000000, 0 },
		{ "2023-11-14T22:13:20.123456789123Z", 1700000000123456789, 0 },
		{ "2023-11-14T23:13:20+01:00", 1700000000000000000, 0 },
		{ "2023-11-14T18:43:20-03:30", 1700000000000000000, 0 },
		{ "2100-03-01T00:00:00Z", 4107542400000000000, 0 },
		{ "2100-02-29T00:00:00Z", 0, ND_EFORMAT },
		{ "2023-13-01T00:00:00Z", 0, ND_EFORMAT },
		{ "2023-00-01T00:00:00Z", 0, ND_EFORMAT },
		{ "2023-04-31T00:00:00Z", 0, ND_EFORMAT },
		{ "2023-04-30T24:00:00Z", 0, ND_EFORMAT },
		{ "2023-04-30T00:00:60Z", 0, ND_EFORMAT },
		{ "2023-04-30T00:00:00.Z", 0, ND_EFORMAT },
		{ "2023-04-30T00:00:00", 0, ND_EFORMAT },
		{ "2023-04-30T00:00:00+1", 0, ND_EFORMAT },
		{ "2023-04-30T00:00:00Zx", 0, ND_EFORMAT },
		{ "2023-04-30 00:00:00Z", 0, ND_EFORMAT },
		{ "9999-04-30T00:00:00Z", 0, ND_EFORMAT },
		{ "2023", 0, ND_EFORMAT },
		{ "", 0, ND_EFORMAT },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t ns = 0;
		int ret = nd_rfc3339_parse(rows[i].text, &ns);
		if (ret != rows[i].ret || ns != rows[i].ns)
			fail_msg("%s: got %d, %lld", rows[i].text, ret, (long long)ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parse) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
