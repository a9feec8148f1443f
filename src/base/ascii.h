/* SPDX-License-Identifier: Apache-2.0 */
/* ascii.h - classes of ASCII characters, independent of the locale. Pure. */
#pragma once

#include <stdbool.h>

static inline bool nd_ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool nd_ascii_is_alpha(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static inline bool nd_ascii_is_alnum(char c)
{
	return nd_ascii_is_digit(c) || nd_ascii_is_alpha(c);
}

/* Space, tab, line feed, vertical tab, form feed, carriage return: C's isspace(). */
static inline bool nd_ascii_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline char nd_ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The value of a hexadecimal digit, 0 to 15, or -1. */
static inline int nd_ascii_hex(char c)
{
	if (nd_ascii_is_digit(c))
		return c - '0';
	c = nd_ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
