/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/rfc3339.h"

#include <stdbool.h>
#include <stddef.h>
#include "base/ascii.h"
#include "base/err.h"
#include "base/time.h"

/* n digits, then the octet `then` (0: none). Moves on. */
static bool number(const char **at, unsigned n, char then, int *out)
{
	*out = 0;
	for (unsigned i = 0; i < n; i++, (*at)++) {
		if (!nd_ascii_is_digit(**at))
			return false;
		*out = *out * 10 + (**at - '0');
	}
	return !then || *(*at)++ == then;
}

/* Digits behind the point, as many as there are; those beyond the ninth say nothing. */
static bool fraction(const char **at, int64_t *ns)
{
	int64_t unit = ND_NS_PER_S / 10;

	*ns = 0;
	if (**at != '.')
		return true;
	(*at)++;
	if (!nd_ascii_is_digit(**at))
		return false;
	for (; nd_ascii_is_digit(**at); (*at)++, unit /= 10)
		*ns += (**at - '0') * unit;
	return true;
}

/* "Z", or what the clock there is ahead of UTC. */
static bool offset(const char **at, int *s)
{
	int hour, minute;
	char sign = *(*at)++;

	*s = 0;
	if (sign == 'Z')
		return true;
	if ((sign != '+' && sign != '-') || !number(at, 2, ':', &hour) ||
	    !number(at, 2, 0, &minute) || hour > 24 || minute > 60)
		return false;
	*s = (hour * 60 + minute) * 60;
	*s = sign == '-' ? -*s : *s;
	return true;
}

static bool leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Of the proleptic Gregorian calendar, from 1970 on or before. */
static int64_t days(int year, int month, int day)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int y = year - 1;
	int64_t n = (int64_t)y * 365 + y / 4 - y / 100 + y / 400 - 719162;

	return n + before[month - 1] + (month > 2 && leap(year)) + day - 1;
}

static int month_length(int year, int month)
{
	static const int length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return length[month - 1] + (month == 2 && leap(year));
}

int nd_rfc3339_parse(const char *text, int64_t *ns)
{
	int year, month, day, hour, minute, second, ahead;
	const char *at = text;
	int64_t part;

	if (!number(&at, 4, '-', &year) || !number(&at, 2, '-', &month) ||
	    !number(&at, 2, 'T', &day) || !number(&at, 2, ':', &hour) ||
	    !number(&at, 2, ':', &minute) || !number(&at, 2, 0, &second) || !fraction(&at, &part) ||
	    !offset(&at, &ahead) || *at)
		return ND_EFORMAT;
	if (year < 1700 || year > 2200 || month < 1 || month > 12 || day < 1 ||
	    day > month_length(year, month) || hour > 23 || minute > 59 || second > 59)
		return ND_EFORMAT;
	int64_t s = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - ahead;
	*ns = s * ND_NS_PER_S + part;
	return 0;
}
