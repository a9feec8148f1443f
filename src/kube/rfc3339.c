/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/rfc3339.h"

#include <stdbool.h>
#include <stddef.h>
#include "base/ascii.h"
#include "base/err.h"
#include "base/time.h"

/* Reads n digits and the character `then` (0: none); moves *at after them. */
static bool read_number(const char **at, unsigned n, char then, int *out)
{
	*out = 0;
	for (unsigned i = 0; i < n; i++, (*at)++) {
		if (!nd_ascii_is_digit(**at))
			return false;
		*out = *out * 10 + (**at - '0');
	}
	return !then || *(*at)++ == then;
}

/* ".DIGITS" if present; digits after the ninth are ignored. */
static bool read_fraction(const char **at, int64_t *ns)
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

/* "Z" or "+01:00": seconds ahead of UTC. */
static bool read_offset(const char **at, int *s)
{
	int hour, minute;
	char sign = *(*at)++;

	*s = 0;
	if (sign == 'Z')
		return true;
	if ((sign != '+' && sign != '-') || !read_number(at, 2, ':', &hour) ||
	    !read_number(at, 2, 0, &minute) || hour > 24 || minute > 60)
		return false;
	*s = (hour * 60 + minute) * 60;
	*s = sign == '-' ? -*s : *s;
	return true;
}

static bool is_leap_year(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01, in the proleptic Gregorian calendar. */
static int64_t count_days(int year, int month, int day)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	int y = year - 1;
	int64_t n = (int64_t)y * 365 + y / 4 - y / 100 + y / 400 - 719162;

	return n + before[month - 1] + (month > 2 && is_leap_year(year)) + day - 1;
}

static int month_length(int year, int month)
{
	static const int length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return length[month - 1] + (month == 2 && is_leap_year(year));
}

int nd_rfc3339_parse(const char *text, int64_t *ns)
{
	int year, month, day, hour, minute, second, ahead;
	const char *at = text;
	int64_t part;

	if (!read_number(&at, 4, '-', &year) || !read_number(&at, 2, '-', &month) ||
	    !read_number(&at, 2, 'T', &day) || !read_number(&at, 2, ':', &hour) ||
	    !read_number(&at, 2, ':', &minute) || !read_number(&at, 2, 0, &second) ||
	    !read_fraction(&at, &part) || !read_offset(&at, &ahead) || *at)
		return ND_EFORMAT;
	if (year < 1700 || year > 2200 || month < 1 || month > 12 || day < 1 ||
	    day > month_length(year, month) || hour > 23 || minute > 59 || second > 59)
		return ND_EFORMAT;
	int64_t s = ((count_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second -
		    ahead;
	*ns = s * ND_NS_PER_S + part;
	return 0;
}
