/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "core/parts.h"

enum { METRIC_BYTES_MAX = 64 << 20 };

struct sample {
	const struct nd_metric_family *family;
	const char *labels; /* 'a="b",c="d"', "" without */
	double value;       /* histograms: sum */
	uint64_t *bucket;   /* histograms: nbuckets + 1 */
};

struct nd_metric_out {
	struct nd_arena arena;
	struct sample *sample;
	size_t n, cap;
};

/* Label values escape backslash, quote and newline (text format 0.0.4). */
static void add_escaped(struct nd_buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			nd_buf_add(b, "\\", 1);
		if (*text == '\n')
			nd_buf_text(b, "\\n");
		else
			nd_buf_add(b, text, 1);
	}
}

static const char *label_text(struct nd_metric_out *out, const struct nd_metric_family *f,
			      const char *const *values)
{
	struct nd_buf b;

	nd_buf_init(&b, 65536);
	for (size_t i = 0; f->labels && f->labels[i]; i++) {
		nd_buf_printf(&b, "%s%s=\"", i ? "," : "", f->labels[i]);
		add_escaped(&b, values[i]);
		nd_buf_text(&b, "\"");
	}
	const char *text = nd_arena_text(&out->arena, nd_buf_string(&b), b.len);
	nd_buf_clear(&b);
	return text;
}

static struct sample *add_sample(struct nd_metric_out *out, const struct nd_metric_family *f,
				 const char *const *values)
{
	struct sample *grown = nd_array_grow(out->sample, &out->cap, out->n + 1,
					     sizeof *out->sample);

	if (!grown)
		return NULL;
	out->sample = grown;
	struct sample *s = &out->sample[out->n];
	*s = (struct sample){ .family = f, .labels = label_text(out, f, values) };
	if (!s->labels)
		return NULL;
	out->n++;
	return s;
}

void nd_metric_emit(struct nd_metric_out *out, const struct nd_metric_family *f,
		    const char *const *values, double value)
{
	struct sample *s = add_sample(out, f, values);
	if (s)
		s->value = value;
}

void nd_metric_emit_histogram(struct nd_metric_out *out, const struct nd_metric_family *f,
			      const char *const *values, const uint64_t *bucket, double sum)
{
	struct sample *s = add_sample(out, f, values);

	if (!s)
		return;
	s->value = sum;
	s->bucket = nd_arena_copy(&out->arena, bucket, (f->nbuckets + 1) * sizeof *bucket);
	if (!s->bucket)
		out->n--;
}

static int compare(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	int c = strcmp(x->family->name, y->family->name);
	return c ? c : strcmp(x->labels, y->labels);
}

/* Samples with the same name and labels become one. Counts of two blocks add up; a gauge reported
 * by two blocks is one object seen twice (a size), or the later value is meant (a time). */
static void merge(struct nd_metric_out *out)
{
	size_t n = 0;

	for (size_t i = 0; i < out->n; i++) {
		struct sample *s = &out->sample[i];
		if (n && compare(&out->sample[n - 1], s) == 0) {
			struct sample *to = &out->sample[n - 1];
			if (s->family->kind == ND_METRIC_GAUGE)
				to->value = fmax(to->value, s->value);
			else
				to->value += s->value;
			for (size_t k = 0; s->bucket && k <= s->family->nbuckets; k++)
				to->bucket[k] += s->bucket[k];
			continue;
		}
		out->sample[n++] = *s;
	}
	out->n = n;
}

static void put_number(struct nd_buf *b, double v)
{
	char text[40];

	if (v == floor(v) && fabs(v) < 1e15) {
		nd_buf_printf(b, "%.0f", v);
		return;
	}
	/* The fewest digits that parse to the same value. */
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	nd_buf_text(b, text);
}

static void put_histogram(struct nd_buf *b, const struct sample *s)
{
	const struct nd_metric_family *f = s->family;
	const char *comma = s->labels[0] ? "," : "";
	uint64_t sum = 0;

	for (size_t i = 0; i <= f->nbuckets; i++) {
		sum += s->bucket[i];
		nd_buf_printf(b, "%s_bucket{%s%sle=\"", f->name, s->labels, comma);
		if (i < f->nbuckets)
			put_number(b, f->buckets[i]);
		else
			nd_buf_text(b, "+Inf");
		nd_buf_printf(b, "\"} %llu\n", (unsigned long long)sum);
	}
	const char *open = s->labels[0] ? "{" : "", *close = s->labels[0] ? "}" : "";
	nd_buf_printf(b, "%s_sum%s%s%s ", f->name, open, s->labels, close);
	put_number(b, s->value);
	nd_buf_printf(b, "\n%s_count%s%s%s %llu\n", f->name, open, s->labels, close,
		      (unsigned long long)sum);
}

static void put_sample(struct nd_buf *b, const struct sample *s)
{
	if (s->bucket) {
		put_histogram(b, s);
		return;
	}
	nd_buf_text(b, s->family->name);
	if (s->labels[0])
		nd_buf_printf(b, "{%s}", s->labels);
	nd_buf_text(b, " ");
	put_number(b, s->value);
	nd_buf_text(b, "\n");
}

void nd_metric_page(struct nd_gen *gen, struct nd_buf *b)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	struct nd_metric_out out = { 0 };

	nd_arena_init(&out.arena, METRIC_BYTES_MAX);
	ND_LIST_EACH(&gen->collectors, it) {
		struct nd_collector *c = ND_LIST_ENTRY(it, struct nd_collector, link);
		c->collect(c->ctx, &out);
	}
	if (out.n)
		qsort(out.sample, out.n, sizeof *out.sample, compare);
	merge(&out);
	for (size_t i = 0; i < out.n; i++) {
		const struct nd_metric_family *f = out.sample[i].family;
		if (i == 0 || strcmp(out.sample[i - 1].family->name, f->name) != 0)
			nd_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name,
				      kinds[f->kind]);
		put_sample(b, &out.sample[i]);
	}
	free(out.sample);
	nd_arena_clear(&out.arena);
}
