/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "kube/retryafter.h"

enum { NOW = 1792567680 }; /* Wed, 21 Oct 2026 07:28:00 GMT */

static void test_retry_after(void **state)
{
	static const struct {
		const char *text;
		uint64_t s;
	} rows[] = {
		{ NULL, 0 },
		{ "", 0 },
		{ "0", 0 },
		{ "7", 7 },
		{ "3600", 3600 },
		{ "99999999999999999999999", UINT64_C(9999999999) },
		{ "7s", 0 },
		{ "-7", 0 },
		{ "1.5", 0 },
		{ "Wed, 21 Oct 2026 07:28:30 GMT", 30 },
		{ "Wed, 21 Oct 2026 07:28:00 GMT", 0 },
		{ "Wed, 21 Oct 2026 07:27:59 GMT", 0 }, /* past */
		{ "Thu, 22 Oct 2026 07:28:00 GMT", 86400 },
		{ "Wed, 21 Oct 2026 07:28:30", 0 },
		{ "Wed, 21 Oct 2026 07:28:30 GMT+1", 0 },
		{ "Wed, 21 Okt 2026 07:28:30 GMT", 0 },
		{ "Wed, 21 anF 2026 07:28:30 GMT", 0 },
		{ "Wed, 32 Oct 2026 07:28:30 GMT", 0 },
		{ "Wed, 21 Oct 2026 24:28:30 GMT", 0 },
		{ "Wed, 21 Oct 2026 07:-1:30 GMT", 0 },
		{ "Wednesday, 21-Oct-26 07:28:30 GMT", 0 }, /* obsolete forms */
		{ "Wed Oct 21 07:28:30 2026", 0 },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		uint64_t s = nd_retryafter_s(rows[i].text, NOW);
		if (s != rows[i].s)
			fail_msg("\"%s\": %llu", rows[i].text ? rows[i].text : "(none)",
				 (unsigned long long)s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_retry_after) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
