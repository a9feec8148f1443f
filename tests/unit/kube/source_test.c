/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of manifests: which files are read, in which order; changed and broken files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "kube/source.h"

struct fixture {
	struct nd_sink sink;
	struct nd_buf log; /* what the sink received since the last reset */
	struct nd_source_config config;
	char folder[64];
	unsigned good, bad;
	char report[1024];
};

static void begin(struct nd_sink *s, enum nd_object_kind kind)
{
	struct fixture *f = ND_CONTAINER(s, struct fixture, sink);
	nd_buf_printf(&f->log, "<%d", kind);
}

static int upsert(struct nd_sink *s, const struct nd_object *o)
{
	struct fixture *f = ND_CONTAINER(s, struct fixture, sink);
	return nd_buf_printf(&f->log, " %s/%s", o->namespace, o->name);
}

static void remove_object(struct nd_sink *s, enum nd_object_kind kind, const char *namespace,
			  const char *name)
{
	(void)s;
	fail_msg("a source must not remove: %d %s/%s", kind, namespace, name);
}

static void end(struct nd_sink *s, enum nd_object_kind kind)
{
	struct fixture *f = ND_CONTAINER(s, struct fixture, sink);
	nd_buf_printf(&f->log, "%d>", kind);
}

static void report(void *ctx, bool good, const char *text)
{
	struct fixture *f = ctx;

	f->good += good;
	f->bad += !good;
	snprintf(f->report, sizeof f->report, "%s", text);
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", f->folder, name);
	FILE *to = fopen(path, "w");
	assert_non_null(to);
	fputs(text, to);
	fclose(to);
}

#define SERVICE(name)                                           \
	"apiVersion: v1\nkind: Service\nmetadata: {name: " name \
	", namespace: n, labels: {l: " name "}}\n"

static void clear_folder(const struct fixture *f)
{
	static const char *const names[] = { "a.yaml", "b.yml",   "c.json",
					     "d.txt",  ".e.yaml", "new.yaml" };
	char path[128];

	for (size_t i = 0; i < ND_COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
		unlink(path);
	}
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->folder, "/tmp/nd_source_XXXXXX");
	if (!mkdtemp(f->folder))
		return -1;
	nd_buf_init(&f->log, 1 << 16);
	f->sink = (struct nd_sink){
		.begin = begin, .upsert = upsert, .remove = remove_object, .end = end
	};
	f->config = (struct nd_source_config){
		.path = f->folder, .sink = &f->sink, .report = report, .ctx = f
	};
	f->config.wanted[ND_OBJECT_NAMESPACE] = f->config.wanted[ND_OBJECT_SERVICE] = true;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	clear_folder(f);
	rmdir(f->folder);
	nd_buf_clear(&f->log);
	free(f);
	return 0;
}

static struct nd_source *open_source(struct fixture *f)
{
	struct nd_source *s = NULL;
	struct nd_diag d = { 0 };

	if (nd_source_new(&f->config, &s, &d))
		fail_msg("refused: %s", d.text);
	return s;
}

/* Polls until the files are stable; returns what the sink received. */
static const char *poll_files(struct fixture *f, struct nd_source *s)
{
	nd_buf_reset(&f->log);
	for (int i = 0; i < 3; i++)
		nd_source_poll(s);
	return nd_buf_string(&f->log);
}

static void test_folder(void **state)
{
	struct fixture *f = *state;

	write_file(f, "b.yml", SERVICE("b"));
	write_file(f, "a.yaml",
		   "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n---\n" SERVICE("a"));
	write_file(
		f, "c.json",
		"{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"c\"}}");
	write_file(f, "d.txt", "nonsense: [");
	write_file(f, ".e.yaml", "nonsense: [");
	struct nd_source *s = open_source(f);
	assert_string_equal(nd_buf_string(&f->log), "<0<1 /n n/a n/b default/c0>1>");
	assert_int_equal(f->good, 1);
	assert_non_null(strstr(f->report, ": 1 Namespace, 3 Services, "));
	nd_source_free(s);
}

static void test_filter(void **state)
{
	struct fixture *f = *state;
	struct nd_selector labels;
	struct nd_arena a;
	const char *why;

	nd_arena_init(&a, 1 << 12);
	assert_int_equal(nd_selector_parse("l=b", &a, &labels, &why), 0);
	f->config.labels = &labels;
	write_file(f, "a.yaml",
		   SERVICE("a") "---\n" SERVICE(
			   "b") "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
				"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n");
	struct nd_source *s = open_source(f);
	assert_string_equal(nd_buf_string(&f->log), "<0<1 n/b /n0>1>");
	nd_source_free(s);
	nd_arena_clear(&a);
}

static void test_change(void **state)
{
	struct fixture *f = *state;

	write_file(f, "a.yaml", SERVICE("a"));
	struct nd_source *s = open_source(f);
	assert_string_equal(poll_files(f, s), "");

	write_file(f, "a.yaml", SERVICE("a") "---\n" SERVICE("longer"));
	nd_buf_reset(&f->log);
	assert_true(nd_source_poll(s)); /* not read before it is stable */
	assert_string_equal(nd_buf_string(&f->log), "");
	assert_false(nd_source_poll(s));
	assert_string_equal(nd_buf_string(&f->log), "<0<1 n/a n/longer0>1>");
	assert_string_equal(poll_files(f, s), "");

	write_file(f, "new.yaml", SERVICE("new"));
	assert_string_equal(poll_files(f, s), "<0<1 n/a n/longer n/new0>1>");
	clear_folder(f);
	assert_string_equal(poll_files(f, s), "");
	assert_int_equal(f->bad, 1);
	assert_non_null(strstr(f->report, "contains no *.yaml, *.yml or *.json file"));
	nd_source_free(s);
}

/* One broken file: nothing reaches the sink, and it is reported once. */
static void test_broken(void **state)
{
	struct fixture *f = *state;

	write_file(f, "a.yaml", SERVICE("a"));
	struct nd_source *s = open_source(f);
	write_file(f, "b.yml", SERVICE("b") "spec: {ports: [{port: x}]}\n");
	assert_string_equal(poll_files(f, s), "");
	assert_string_equal(poll_files(f, s), "");
	assert_int_equal(f->bad, 1);
	assert_non_null(
		strstr(f->report, "/b.yml:4 - Service n/b: invalid port \"x\": must be a number"));
	write_file(f, "b.yml", SERVICE("b"));
	assert_string_equal(poll_files(f, s), "<0<1 n/a n/b0>1>");
	assert_int_equal(f->good, 2);
	nd_source_free(s);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	struct nd_source *s = NULL;
	struct nd_diag d = { 0 };

	assert_int_equal(nd_source_new(&f->config, &s, &d), ND_ECONF);
	assert_non_null(strstr(d.text, "contains no *.yaml"));
	f->config.path = "/tmp/nd_source_none";
	d = (struct nd_diag){ 0 };
	assert_int_equal(nd_source_new(&f->config, &s, &d), ND_ECONF);
	assert_string_equal(d.text,
			    "/tmp/nd_source_none - cannot be read: No such file or directory");
	assert_null(s);
	f->config.path = f->folder;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_filter, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
