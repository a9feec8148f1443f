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

static void test_kubedns(void **state)
{
	static const struct {
		const char *name, *stubs, *up, *want; /* want NULL: refused */
	} rows[] = {
		{ "none of the keys", NULL, NULL, "" },
		{ "empty", "", "\n", "" },
		{ "null", "null", "null", "" },
		{ "sorted by domain",
		  "{\"b.example\": [\"10.0.0.1\", \"10.0.0.2:5353\"], \"a.example\": [\"fd00::1\"]}",
		  "[\"10.0.0.3\", \"[fd00::1]:53\"]",
		  "a.example=fd00::1;b.example=10.0.0.1,10.0.0.2:5353;|10.0.0.3,[fd00::1]:53" },
		{ "a dot at the end", "{\"a.example.\": [\"10.0.0.1\"]}", NULL,
		  "a.example.=10.0.0.1;" },
		{ "no JSON", "a.example: 10.0.0.1", NULL, NULL },
		{ "a list of domains", "[\"a.example\"]", NULL, NULL },
		{ "no list of servers", "{\"a.example\": \"10.0.0.1\"}", NULL, NULL },
		{ "an empty list", "{\"a.example\": []}", NULL, NULL },
		{ "a number for a server", "{\"a.example\": [1]}", NULL, NULL },
		{ "a list for a server", "{\"a.example\": [[]]}", NULL, NULL },
		{ "a name for a server", "{\"a.example\": [\"ns.example\"]}", NULL, NULL },
		{ "more than a server", "{\"a.example\": [\"10.0.0.1 {\\n}\"]}", NULL, NULL },
		{ "TLS", "{\"a.example\": [\"tls://10.0.0.1\"]}", NULL, NULL },
		{ "upper case", "{\"A.example\": [\"10.0.0.1\"]}", NULL, NULL },
		{ "a blank", "{\"a b\": [\"10.0.0.1\"]}", NULL, NULL },
		{ "an empty label", "{\"a..b\": [\"10.0.0.1\"]}", NULL, NULL },
		{ "a dash first", "{\"-a\": [\"10.0.0.1\"]}", NULL, NULL },
		{ "a dash last", "{\"a-.b\": [\"10.0.0.1\"]}", NULL, NULL },
		{ "the root", "{\".\": [\"10.0.0.1\"]}", NULL, NULL },
		{ "no domain", "{\"\": [\"10.0.0.1\"]}", NULL, NULL },
		{ "servers: no list", NULL, "\"10.0.0.1\"", NULL },
		{ "servers: too many", NULL, "[\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\"]",
		  NULL },
		{ "servers: as many as may be", NULL, "[\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\"]",
		  "|1.1.1.1,1.1.1.2,1.1.1.3" },
		{ "servers: a name", NULL, "[\"ns.example\"]", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ND_COUNT(rows); i++) {
		struct nd_kubedns k = { 0 };
		struct nd_diag d = { 0 };
		struct nd_buf b;
		put("stubDomains", rows[i].stubs);
		put("upstreamNameservers", rows[i].up);
		int ret = nd_kubedns_read(folder, &k, &d);
		if (ret != (rows[i].want ? 0 : ND_ECONF) || d.set == (ret == 0))
			fail_msg("%s: got %d: %s", rows[i].name, ret, d.text);
		nd_buf_init(&b, 1 << 16);
		for (size_t n = 0; n < k.nstubs; n++) {
			nd_buf_printf(&b, "%s=", k.stubs[n].domain);
			for (size_t s = 0; s < k.stubs[n].nservers; s++)
				nd_buf_printf(&b, "%s%s", s ? "," : "", k.stubs[n].servers[s]);
			nd_buf_text(&b, ";");
		}
		for (size_t n = 0; n < k.nupstreams; n++)
			nd_buf_printf(&b, "%s%s", n ? "," : "|", k.upstreams[n]);
		if (ret == 0 && strcmp(nd_buf_string(&b), rows[i].want) != 0)
			fail_msg("%s: got %s", rows[i].name, nd_buf_string(&b));
		nd_buf_clear(&b);
		nd_kubedns_clear(&k);
	}
	put("stubDomains", NULL);
	put("upstreamNameservers", NULL);
}

/* --- the Corefile --- */

static int checked;

/* A Corefile with "bad" in it would not serve. */
static int check(void *ctx, const char *text, struct nd_diag *d)
{
	(void)ctx;
	checked++;
	return strstr(text, "bad") ? nd_diag_at(d, "Corefile", 1, "bad") : 0;
}

struct step {
	const char *name;
	const char *base, *stubs; /* put before it; "": as it is; NULL: away */
	bool written, refused;
	int checks;
	const char *corefile; /* what it says then; NULL: there is none */
};

static void test_update(void **state)
{
	static const char stub[] = "x:53 {\n    errors\n    cache 30\n    bind 1.1.1.1\n"
				   "    forward . 10.0.0.1\n}\n";
	char one_stub[256], two_stub[256], kept[256];
	char base[64], corefile[64];
	struct nd_addr local;
	(void)state;

	snprintf(one_stub, sizeof one_stub, "one\n%s", stub);
	snprintf(two_stub, sizeof two_stub, "two\n%s", stub);
	snprintf(kept, sizeof kept, "three\n%s", stub);
	const struct step steps[] = {
		{ "no template", NULL, NULL, false, true, 0, NULL },
		{ "bad from the start", "bad\n", "", false, true, 1, NULL },
		{ "bad still: not tried again", "", "", false, true, 0, NULL },
		{ "good", "one\n", "", true, false, 1, "one\n" },
		{ "the same", "", "", false, false, 0, "one\n" },
		{ "a stub domain", "", "{\"x\": [\"10.0.0.1\"]}", true, false, 1, one_stub },
		{ "a bad ConfigMap: what it said stays", "", "{", false, true, 0, one_stub },
		{ "and the template goes on", "two\n", "", true, true, 1, two_stub },
		{ "a bad template: the old one stays", "bad\n", "", false, true, 1, two_stub },
		{ "the template is gone", NULL, "", false, true, 0, two_stub },
		{ "both are good again", "three\n", "{\"x\": [\"10.0.0.1\"]}", true, false, 1,
		  kept },
		{ "no ConfigMap any more", "", NULL, true, false, 1, "three\n" },
	};
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

	/* A successor finds it as it should be, and leaves it alone. */
	struct nd_diag d = { 0 };
	struct stat before, after;
	bool written;
	stat(corefile, &before);
	b = nd_basefile_new(&c);
	assert_int_equal(nd_basefile_update(b, &written, &d), 0);
	stat(corefile, &after);
	assert_false(written);
	assert_int_equal(before.st_ino, after.st_ino);
	nd_basefile_free(b);
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
