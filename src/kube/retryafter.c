/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/retryafter.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/ascii.h"

/* "Wed, 21 Oct 2026 07:28:00 GMT" to Unix time; -1: not a date. Not with strptime(), whose names
 * depend on the locale. */
static int64_t parse_date(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm t = { 0 };
	char month[4];
	int end = -1;

	if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &t.tm_mday, month,
		   &t.tm_year, &t.tm_hour, &t.tm_min, &t.tm_sec, &end) != 6 ||
	    end < 0 || text[end])
		return -1;
	const char *at = strstr(months, month);
	if (strlen(month) != 3 || !at || (at - months) % 3 || t.tm_year < 1970 || t.tm_mday < 1 ||
	    t.tm_mday > 31 || t.tm_hour > 23 || t.tm_min > 59 || t.tm_sec > 60 || t.tm_hour < 0 ||
	    t.tm_min < 0 || t.tm_sec < 0)
		return -1;
	t.tm_mon = (int)(at - months) / 3;
	t.tm_year -= 1900;
	return timegm(&t);
}

uint64_t nd_retryafter_s(const char *text, uint64_t now_s)
{
	uint64_t s = 0;

	if (!text)
		return 0;
	if (!nd_ascii_is_digit(*text)) {
		int64_t at = parse_date(text);
		return at > (int64_t)now_s ? (uint64_t)at - now_s : 0;
	}
	for (; nd_ascii_is_digit(*text); text++)
		s = s > UINT32_MAX ? s : 10 * s + (uint64_t)(*text - '0');
	return *text ? 0 : s;
}
