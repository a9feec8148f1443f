/* SPDX-License-Identifier: Apache-2.0 */
/* resolvconf - `nodens resolvconf`: edits the options of a resolv.conf, or prints YAML for pods.
 *
 * Exit status: 0; 1 if it failed, or `show OPTION` did not find it; 2 for an invalid command line.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/err.h"
#include "base/invalid.h"
#include "io/file.h"
#include "tools/resolvconf/edit.h"
#include "tools/resolvconf/inplace.h"
#include "tools/resolvconf/render.h"

enum { FAILED = 1, USAGE = 2, OPTIONS_MAX = 16 };

struct call {
	const char *verb, *file, *form, *container;
	const char *option[OPTIONS_MAX];
	unsigned options;
};

__attribute__((format(printf, 2, 3))) static int fail(int status, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "nodens resolvconf: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

/* "-as: invalid form "x": must be ..." */
static int fail_invalid(const char *flag, const char *what, const char *value, const char *must)
{
	char text[2 * ND_INVALID_TEXT_MAX];

	return fail(USAGE, "%s: %s", flag, nd_invalid_format(text, sizeof text, what, value, must));
}

static int usage(FILE *to, int status)
{
	fprintf(to,
		"usage: nodens resolvconf add OPTION... [-file FILE]\n"
		"       nodens resolvconf remove OPTION... [-file FILE]\n"
		"       nodens resolvconf show [OPTION...] [-file FILE]\n"
		"       nodens resolvconf render OPTION... -as FORM [-container NAME] [-file FILE]\n\n"
		"Edits the options of a resolv.conf, like \"single-request-reopen\" or \"ndots:2\".\n"
		"FILE is /etc/resolv.conf by default. add and remove write it in place, and only if\n"
		"something changes. render prints YAML that sets the options in a pod; FORM is\n"
		"%s.\n",
		nd_render_forms());
	return status;
}

static int read_word(struct call *c, int argc, char **argv, int *i)
{
	const struct {
		const char *name;
		const char **to;
	} flags[] = { { "file", &c->file }, { "as", &c->form }, { "container", &c->container } };
	const char *word = argv[*i], *name = word + strspn(word, "-");
	size_t n = strcspn(name, "=");

	if (name == word && c->options == OPTIONS_MAX)
		return fail(USAGE, "too many options: at most %d are allowed", OPTIONS_MAX);
	if (name == word) {
		c->option[c->options++] = word;
		return 0;
	}
	for (size_t k = 0; k < ND_COUNT(flags); k++) {
		if (strlen(flags[k].name) != n || memcmp(flags[k].name, name, n) != 0)
			continue;
		if (name[n] != '=' && *i + 1 >= argc)
			return fail(USAGE, "-%s: missing value", flags[k].name);
		*flags[k].to = name[n] == '=' ? name + n + 1 : argv[++*i];
		return 0;
	}
	return fail(USAGE, "unknown flag \"%s\"", word);
}

/* Applies `change` once per option, each time to the previous result. */
static int apply(int (*change)(const char *text, const char *option, struct nd_buf *out),
		 const struct call *c, const char *text, struct nd_buf *out)
{
	struct nd_buf before;
	int err = nd_buf_text(out, text);

	for (unsigned i = 0; i < c->options && !err; i++) {
		before = *out;
		nd_buf_init(out, ND_EDIT_BYTES);
		err = change(nd_buf_string(&before), c->option[i], out);
		nd_buf_clear(&before);
	}
	return err;
}

static int change(const struct call *c,
		  int (*how)(const char *text, const char *option, struct nd_buf *out))
{
	struct nd_inplace f;
	struct nd_buf text;
	struct stat st;

	if (c->options == 0)
		return fail(USAGE, "%s: an OPTION is required", c->verb);
	int err = nd_inplace_open(&f, c->file, ND_EDIT_BYTES);
	if (err == -EWOULDBLOCK)
		return fail(FAILED, "%s: another process has locked it for %d s", c->file,
			    ND_INPLACE_LOCK_S);
	if (err)
		return fail(FAILED, "%s: %s", c->file, nd_err_text(err));
	nd_buf_init(&text, ND_EDIT_BYTES);
	err = apply(how, c, nd_buf_string(&f.text), &text);
	if (!err)
		err = nd_inplace_write(&f, &text);
	nd_buf_clear(&text);
	nd_inplace_close(&f);
	if (err)
		return fail(FAILED, "%s: %s", c->file, nd_err_text(err));
	if (lstat(c->file, &st) == 0 && S_ISLNK(st.st_mode))
		fail(0,
		     "note: %s is a symbolic link; its target may be rewritten by another "
		     "program",
		     c->file);
	return 0;
}

struct search {
	const char *option; /* NULL: print all */
	bool found;
};

static void print_match(void *ctx, const char *word, size_t n)
{
	struct search *s = ctx;
	size_t len = s->option ? strlen(s->option) : 0;

	if (s->option && (n < len || memcmp(word, s->option, len) != 0 ||
			  (n > len && (word[len] != ':' || strchr(s->option, ':')))))
		return;
	s->found = true;
	printf("%.*s\n", (int)n, word);
}

static int read_text(const char *path, struct nd_buf *text)
{
	nd_buf_init(text, ND_EDIT_BYTES);
	int err = nd_file_read(path, text);
	if (!err && strlen(nd_buf_string(text)) != text->len)
		err = -EINVAL;
	if (!err)
		return 0;
	nd_buf_clear(text);
	return fail(FAILED, "%s: %s", path, nd_err_text(err));
}

static int show(const struct call *c)
{
	struct search all = { 0 };
	struct nd_buf text;
	int status = read_text(c->file, &text);

	if (status)
		return status;
	if (c->options == 0)
		nd_edit_each(nd_buf_string(&text), print_match, &all);
	for (unsigned i = 0; i < c->options; i++) {
		struct search s = { .option = c->option[i] };
		nd_edit_each(nd_buf_string(&text), print_match, &s);
		if (!s.found)
			status = FAILED;
	}
	nd_buf_clear(&text);
	return status;
}

static bool is_label(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= 63 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n &&
	       name[0] != '-' && name[n - 1] != '-';
}

static int print_form(const struct call *c, const char *text)
{
	struct nd_render r = { c->option, c->options, c->container, text };
	struct nd_buf out;

	nd_buf_init(&out, 4 * ND_EDIT_BYTES);
	int err = nd_render_as(c->form, &r, &out);
	if (!err)
		fputs(nd_buf_string(&out), stdout);
	nd_buf_clear(&out);
	if (err == -ENOENT)
		return fail_invalid("-as", "form", c->form, nd_render_forms());
	if (err == ND_EFORMAT)
		return fail(FAILED,
			    "%s: contains control or non-ASCII characters, which cannot be "
			    "copied to YAML unchanged",
			    c->file);
	return err ? fail(FAILED, "%s", nd_err_text(err)) : 0;
}

static int render(const struct call *c)
{
	struct nd_buf text, with;

	if (c->options == 0 || !c->form)
		return fail(USAGE, "render: an OPTION and -as FORM are required");
	if (!is_label(c->container))
		return fail_invalid("-container", "container name", c->container, "a DNS label");
	if (strcmp(c->form, "configMap") != 0)
		return print_form(c, "");
	int status = read_text(c->file, &text);
	if (status)
		return status;
	nd_buf_init(&with, ND_EDIT_BYTES);
	int err = apply(nd_edit_add, c, nd_buf_string(&text), &with);
	status = err ? fail(FAILED, "%s: %s", c->file, nd_err_text(err))
		     : print_form(c, nd_buf_string(&with));
	nd_buf_clear(&with);
	nd_buf_clear(&text);
	return status;
}

static int check_options(const struct call *c)
{
	bool whole = strcmp(c->verb, "add") == 0 || strcmp(c->verb, "render") == 0;
	char why[ND_EDIT_WHY];

	for (unsigned i = 0; i < c->options; i++)
		if ((whole ? nd_edit_check : nd_edit_check_name)(c->option[i], why) < 0)
			return fail(USAGE, "%s: %s", c->verb, why);
	return 0;
}

static int run(const struct call *c)
{
	int status = check_options(c);

	if (status)
		return status;
	if (strcmp(c->verb, "add") == 0)
		return change(c, nd_edit_add);
	if (strcmp(c->verb, "remove") == 0)
		return change(c, nd_edit_remove);
	if (strcmp(c->verb, "show") == 0)
		return show(c);
	if (strcmp(c->verb, "render") == 0)
		return render(c);
	fail(USAGE, "unknown command \"%s\"", c->verb);
	return usage(stderr, USAGE);
}

int main(int argc, char **argv)
{
	struct call c = { .file = "/etc/resolv.conf", .container = "app" };

	if (argc < 2)
		return usage(stderr, USAGE);
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1] + strspn(argv[1], "-"), "help") == 0)
		return usage(stdout, 0);
	c.verb = argv[1];
	for (int i = 2; i < argc; i++) {
		int status = read_word(&c, argc, argv, &i);
		if (status)
			return status;
	}
	int status = run(&c);
	if (fflush(stdout) != 0 || ferror(stdout))
		return fail(FAILED, "standard output: %s", nd_err_text(-errno));
	return status;
}
