/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/kubernetes/krequest.h"

#include <string.h>

static struct nd_klabel take(const uint8_t *at)
{
	return (struct nd_klabel){ .at = at + 1, .n = at[0] };
}

static inline bool is(const uint8_t *label, const char *word)
{
	size_t n = strlen(word);

	return label[0] == n && memcmp(label + 1, word, n) == 0;
}

/* "_http": the underscore is optional; "_" alone matches any. */
static struct nd_klabel strip(struct nd_klabel l)
{
	if (l.n && l.at[0] == '_') {
		l.at++;
		l.n--;
	}
	return l;
}

/* TOPOZONE.DIRECTIVE._zone: n labels before the service, at least three. */
static bool parse_zonal(const uint8_t *const *label, unsigned n, struct nd_krequest *r)
{
	const uint8_t *directive = label[n - 2];

	r->prefer = is(directive, "prefer");
	if (!is(label[n - 1], "_zone") || (!r->prefer && !is(directive, "pin")))
		return false;
	r->zone = label[0];
	r->zone_labels = (uint8_t)(n - 2);
	return true;
}

/* The n labels before the service. */
static bool parse_front(const uint8_t *const *label, unsigned n, bool multicluster, bool zonal,
			struct nd_krequest *r)
{
	if (n == 0)
		return true;
	if (n == 1) {
		r->endpoint = take(label[0]);
		return true;
	}
	if (n == 2) {
		struct nd_klabel a = take(label[0]), b = take(label[1]);
		if (multicluster && a.at[0] != '_' && b.at[0] != '_') {
			r->endpoint = a;
			r->cluster = b;
		} else {
			r->port = strip(a);
			r->protocol = strip(b);
		}
		return true;
	}
	return zonal && !multicluster && !r->pod && parse_zonal(label, n, r);
}

/* Field by field: gcc's "rep stos" over the whole struct takes as long as the rest of the
 * parser. */
static void clear(struct nd_krequest *r)
{
	static const struct nd_klabel none;

	r->top = r->pod = r->prefer = false;
	r->namespace = r->service = r->endpoint = none;
	r->cluster = r->port = r->protocol = none;
	r->zone = NULL;
	r->zone_labels = 0;
}

bool nd_krequest_parse(struct nd_name name, struct nd_name zone, bool multicluster, bool zonal,
		       struct nd_krequest *out)
{
	const uint8_t *label[ND_NAME_MAX / 2 + 1];
	unsigned n = name.labels - zone.labels;
	const uint8_t *at = name.wire;

	clear(out);
	for (unsigned i = 0; i < n; i++, at += at[0] + 1u)
		label[i] = at;
	if (n == 0) {
		out->top = true;
		return true;
	}
	out->pod = is(label[n - 1], "pod");
	if (!out->pod && !is(label[n - 1], "svc"))
		return false;
	out->top = n == 1;
	if (n >= 2)
		out->namespace = take(label[n - 2]);
	if (n >= 3)
		out->service = take(label[n - 3]);
	return n <= 3 || parse_front(label, n - 3, multicluster, zonal, out);
}

bool nd_krequest_zone_is(const struct nd_krequest *r, const uint8_t *text, size_t n)
{
	const uint8_t *at = r->zone;

	for (unsigned i = 0; i < r->zone_labels; i++, at += at[0] + 1u) {
		if (i > 0) {
			if (n == 0 || *text != '.')
				return false;
			text++;
			n--;
		}
		if (n < at[0] || memcmp(text, at + 1, at[0]) != 0)
			return false;
		text += at[0];
		n -= at[0];
	}
	return n == 0;
}

bool nd_krequest_label_is(struct nd_klabel a, const uint8_t *text, size_t n)
{
	if (a.n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = text[i];
		if (a.at[i] != (c >= 'A' && c <= 'Z' ? c + 32 : c))
			return false;
	}
	return true;
}
