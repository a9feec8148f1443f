/* SPDX-License-Identifier: Apache-2.0 */
/* The kube-dns ConfigMap's folder, and the Corefile made from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/err.h"
#include "io/file.h"
#include "node/basefile.h"

static char folder[] = "/tmp/nodens-basefile-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	if (!text) {
		unlink(path);
		return;
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void assert_says(const char *name, const char *want)
{
	char path[128];
	struct nd_buf b;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	nd_buf_init(&b, 1 << 16);
	assert_int_equal(nd_file_read(path, &b), want ? 0 : -ENOENT);
	assert_string_equal(nd_buf_string(&b), want ? want : "");
	nd_buf_clear(&b);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
	static const char *const names[] = { "stubDomains", "upstreamNameservers", "base",
					     "Corefile" };
	(void)state;

	for (size_t i = 0; i < ND_COUNT(names); i++)
		put(names[i], NULL);
	return rmdir(folder);
}

/* --- the ConfigMap --- */

static const struct {
	const char *name, *stubs, *up, *want; /* want NULL: refused */
} kubedns_rows[] = {
	{ "none of the keys", NULL, NULL, "" },
	{ "empty", "", "\n", "" },
	{ "null", "null", "null", "" },
	{ "sorted by domain",
	  "{\"b.example\": [\"10.0.0.1\", \"10.0.0.2:5353\"], \"a.example\": [\"fd00::1\"]}",
	  "[\"10.0.0.3\", \"[fd00::1]:53\"]",
	  "a.example=fd00::1;b.example=10.0.0.1,10.0.0.2:5353;|10.0.0.3,[fd00::1]:53" },
	{ "a trailing dot", "{\"a.example.\": [\"10.0.0.1\"]}", NULL, "a.example.=10.0.0.1;" },
	{ "not JSON", "a.example: 10.0.0.1", NULL, NULL },
	{ "a list of domains", "[\"a.example\"]", NULL, NULL },
	{ "servers are not a list", "{\"a.example\": \"10.0.0.1\"}", NULL, NULL },
	{ "an empty list", "{\"a.example\": []}", NULL, NULL },
	{ "a server is a number", "{\"a.example\": [1]}", NULL, NULL },
	{ "a server is a list", "{\"a.example\": [[]]}", NULL, NULL },
	{ "a server is a name", "{\"a.example\": [\"ns.example\"]}", NULL, NULL },
	{ "a server with more text", "{\"a.example\": [\"10.0.0.1 {\\n}\"]}", NULL, NULL },
	{ "TLS", "{\"a.example\": [\"tls://10.0.0.1\"]}", NULL, NULL },
	{ "upper case", "{\"A.example\": [\"10.0.0.1\"]}", NULL, NULL },
	{ "a blank", "{\"a b\": [\"10.0.0.1\"]}", NULL, NULL },
	{ "an empty label", "{\"a..b\": [\"10.0.0.1\"]}", NULL, NULL },
	{ "a dash first", "{\"-a\": [\"10.0.0.1\"]}", NULL, NULL },
	{ "a dash last", "{\"a-.b\": [\"10.0.0.1\"]}", NULL, NULL },
	{ "the root", "{\".\": [\"10.0.0.1\"]}", NULL, NULL },
	{ "an empty domain", "{\"\": [\"10.0.0.1\"]}", NULL, NULL },
	{ "upstreams: not a list", NULL, "\"10.0.0.1\"", NULL },
	{ "upstreams: too many", NULL, "[\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\"]", NULL },
	{ "upstreams: the maximum", NULL, "[\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\"]",
	  "|1.1.1.1,1.1.1.2,1.1.1.3" },
	{ "upstreams: a name", NULL, "[\"ns.example\"]", NULL },
};

static void test_kubedns(void **state)
{
	(void)state;

	for (size_t i = 0; i < ND_COUNT(kubedns_rows); i++) {
		struct nd_kubedns k = { 0 };
		struct nd_diag d = { 0 };
		struct nd_buf b;
		put("stubDomains", kubedns_rows[i].stubs);
		put("upstreamNameservers", kubedns_rows[i].up);
		int ret = nd_kubedns_read(folder, &k, &d);
		if (ret != (kubedns_rows[i].want ? 0 : ND_ECONF) || d.set == (ret == 0))
			fail_msg("%s: got %d: %s", kubedns_rows[i].name, ret, d.text);
		nd_buf_init(&b, 1 << 16);
		for (size_t n = 0; n < k.nstubs; n++) {
			nd_buf_printf(&b, "%s=", k.stubs[n].domain);
			for (size_t s = 0; s < k.stubs[n].nservers; s++)
				nd_buf_printf(&b, "%s%s", s ? "," : "", k.stubs[n].servers[s]);
			nd_buf_text(&b, ";");
		}
		for (size_t n = 0; n < k.nupstreams; n++)
			nd_buf_printf(&b, "%s%s", n ? "," : "|", k.upstreams[n]);
		if (ret == 0 && strcmp(nd_buf_string(&b), kubedns_rows[i].want) != 0)
			fail_msg("%s: got %s", kubedns_rows[i].name, nd_buf_string(&b));
		nd_buf_clear(&b);
		nd_kubedns_clear(&k);
	}
	put("stubDomains", NULL);
	put("upstreamNameservers", NULL);
}

/* --- the Corefile --- */

static int checked;

/* A Corefile that contains "bad" is invalid. */
static int check(void *ctx, const char *text, struct nd_diag *d)
{
	(void)ctx;
	checked++;
	return strstr(text, "bad") ? nd_diag_at(d, "Corefile", 1, "bad") : 0;
}

struct step {
	const char *name;
	const char *base, *stubs; /* files written before the step; "": unchanged; NULL: removed */
	bool written, refused;
	int checks;
	const char *corefile; /* its content afterwards; NULL: it does not exist */
};

#define STUB "x:53 {\n    errors\n    cache 30\n    bind 1.1.1.1\n    forward . 10.0.0.1\n}\n"

static const struct step steps[] = {
	{ "no template", NULL, NULL, false, true, 0, NULL },
	{ "invalid from the start", "bad\n", "", false, true, 1, NULL },
	{ "still invalid: tried again", "", "", false, true, 1, NULL },
	{ "valid", "one\n", "", true, false, 1, "one\n" },
	{ "unchanged", "", "", false, false, 0, "one\n" },
	{ "a stub domain", "", "{\"x\": [\"10.0.0.1\"]}", true, false, 1, "one\n" STUB },
	{ "an invalid ConfigMap: the old one is kept", "", "{", false, true, 0, "one\n" STUB },
	{ "and a new template is applied", "two\n", "", true, true, 1, "two\n" STUB },
	{ "an invalid template: the old Corefile is kept", "bad\n", "", false, true, 1,
	  "two\n" STUB },
	{ "the template was removed", NULL, "", false, true, 0, "two\n" STUB },
	{ "both are valid again", "three\n", "{\"x\": [\"10.0.0.1\"]}", true, false, 1,
	  "three\n" STUB },
	{ "the ConfigMap was removed", "", NULL, true, false, 1, "three\n" },
};

/* A successor does not rewrite an unchanged file. */
static void check_successor(const struct nd_basefile_config *c, const char *corefile)
{
	struct nd_diag d = { 0 };
	struct stat before, after;
	bool written;

	stat(corefile, &before);
	struct nd_basefile *b = nd_basefile_new(c);
	assert_int_equal(nd_basefile_update(b, &written, &d), 0);
	stat(corefile, &after);
	assert_false(written);
	assert_int_equal(before.st_ino, after.st_ino);
	nd_basefile_free(b);
}

static void test_update(void **state)
{
	char base[64], corefile[64];
	struct nd_addr local;
	(void)state;

	snprintf(base, sizeof base, "%s/base", folder);
	snprintf(corefile, sizeof corefile, "%s/Corefile", folder);
	assert_int_equal(nd_addr_parse_ip("1.1.1.1", 53, &local), 0);
	struct nd_basefile_config c = {
		.base = base,
		.corefile = corefile,
		.kubedns = folder,
		.values = { .local = &local, .nlocal = 1, .prometheus = ":9253", .port = 53 },
		.check = check
	};
	struct nd_basefile *b = nd_basefile_new(&c);

	for (size_t i = 0; i < ND_COUNT(steps); i++) {
		const struct step *s = &steps[i];
		struct nd_diag d = { 0 };
		bool written = !s->written;
		if (!s->base || *s->base)
			put("base", s->base);
		if (!s->stubs || *s->stubs)
			put("stubDomains", s->stubs);
		checked = 0;
		int ret = nd_basefile_update(b, &written, &d);
		if ((ret != 0) != s->refused || d.set != s->refused || written != s->written ||
		    checked != s->checks)
			fail_msg("%s: got %d, %swritten, %d checks: %s", s->name, ret,
				 written ? "" : "not ", checked, d.text);
		assert_says("Corefile", s->corefile);
		assert_says("Corefile.new", NULL);
	}
	nd_basefile_free(b);
	check_successor(&c, corefile);
}

static void test_no_place_to_write(void **state)
{
	char base[64];
	struct nd_addr local;
	struct nd_diag d = { 0 };
	bool written;
	(void)state;

	put("base", "one\n");
	snprintf(base, sizeof base, "%s/base", folder);
	assert_int_equal(nd_addr_parse_ip("1.1.1.1", 53, &local), 0);
	struct nd_basefile_config c = { .base = base,
					.corefile = "/nonexistent/Corefile",
					.values = { .local = &local, .nlocal = 1, .port = 53 },
					.check = check };
	struct nd_basefile *b = nd_basefile_new(&c);
	assert_int_equal(nd_basefile_update(b, &written, &d), ND_ECONF);
	assert_false(written);
	assert_non_null(strstr(d.text, "/nonexistent/Corefile - cannot be written"));
	nd_basefile_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kubedns),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_no_place_to_write),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
