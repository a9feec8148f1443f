/* SPDX-License-Identifier: Apache-2.0 */
/* lab - `nodens lab`: a Kubernetes node in network namespaces, to show why lookups stall.
 *
 * Exit status: 0; 1 if a bar was missed or a program failed; 2 for an invalid command line; 3 if
 * namespaces cannot be created or a program is missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "io/file.h"
#include "tools/lab/bars.h"
#include "tools/lab/sandbox.h"
#include "tools/lab/labflags.h"
#include "tools/lab/labjson.h"
#include "tools/lab/program.h"
#include "tools/lab/summary.h"
#include "tools/lab/table.h"

enum { FAILED = 1, USAGE = 2, UNABLE = ND_SANDBOX_REFUSED, LINUX_RMEM_DEFAULT = 212992 };

struct lab {
	struct nd_labflags flags;
	FILE *json;
	bool default_buffers; /* the host's default receive buffer is not larger than Linux's */
	struct nd_row_result row[ND_ROW_MAX];
	unsigned rows;
};

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Finds the nodens binary that this tool belongs to: in a build folder, or installed. */
static bool find_nodens(char found[PATH_MAX])
{
	static const char *const places[] = { "../nodens", "../../bin/nodens", "../../nodens" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ND_COUNT(places); i++)
		if (nd_file_beside(places[i], path, sizeof path) == 0 && is_program(path) &&
		    realpath(path, found))
			return true;
	return false;
}

/* Makes the path absolute, since programs are started in other folders too. */
static int resolve_program(const char *flag, const char **path)
{
	if (!*path)
		return 0;
	char *whole = realpath(*path, NULL);
	if (!whole || !is_program(whole)) {
		fprintf(stderr, "nodens lab: %s %s: %s\n", flag, *path,
			whole ? "not an executable file" : nd_err_text(-errno));
		free(whole);
		return USAGE;
	}
	*path = whole; /* kept until the end */
	return 0;
}

static int find_programs(struct lab *lab)
{
	static char own[PATH_MAX];
	struct nd_row_plan *plan = &lab->flags.plan;

	if (!plan->nodens) {
		if (!find_nodens(own)) {
			fprintf(stderr,
				"nodens lab: cannot find the nodens binary: set -nodens PATH\n");
			return UNABLE;
		}
		plan->nodens = own;
	}
	int status = resolve_program("-nodens", &plan->nodens);
	status = status ? status : resolve_program("-coredns", &plan->coredns);
	status = status ? status : resolve_program("-node-cache", &plan->node_cache);
	return status ? status : nd_program_check() < 0 ? UNABLE : 0;
}

/* Opened before the run, so that a wrong path does not waste it. */
static int open_json(struct lab *lab)
{
	const char *path = lab->flags.json;

	if (!path)
		return 0;
	if (strcmp(path, "-") == 0) {
		lab->json = stdout;
		return 0;
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	lab->json = fd < 0 ? NULL : fdopen(fd, "w");
	if (lab->json)
		return 0;
	fprintf(stderr, "nodens lab: -json %s: %s\n", path, nd_err_text(-errno));
	return USAGE;
}

static void check_host(struct lab *lab)
{
	static const char path[] = "/proc/sys/net/core/rmem_default";
	struct nd_buf text;

	nd_buf_init(&text, 64);
	unsigned long bytes = nd_file_read(path, &text) < 0
				      ? 0
				      : strtoul(nd_buf_string(&text), NULL, 10);
	nd_buf_clear(&text);
	lab->default_buffers = bytes <= LINUX_RMEM_DEFAULT;
	if (!lab->default_buffers)
		fprintf(stderr,
			"nodens lab: net.core.rmem_default is %lu, above Linux's default of %d: the burst "
			"may fit into CoreDNS's receive buffer, so stalls are not expected in this run\n",
			bytes, LINUX_RMEM_DEFAULT);
}

static unsigned count_rows(const struct lab *lab)
{
	unsigned n = 0;

	for (unsigned i = 0; nd_row_at(i); i++)
		n += lab->flags.cause[nd_row_at(i)->cause] &&
		     !nd_row_missing(nd_row_at(i), &lab->flags.plan);
	return n;
}

static int run_rows(struct lab *lab, enum nd_row_cause cause)
{
	unsigned all = count_rows(lab);

	for (unsigned i = 0; nd_row_at(i); i++) {
		const struct nd_row *row = nd_row_at(i);
		if (row->cause != cause)
			continue;
		const char *missing = nd_row_missing(row, &lab->flags.plan);
		if (missing) {
			fprintf(stderr, "skipped: %s / %s (%s)\n", row->dns, row->cure, missing);
			continue;
		}
		fprintf(stderr, "row %u of %u: %s / %s\n", lab->rows + 1, all, row->dns, row->cure);
		struct nd_row_result *r = &lab->row[lab->rows];
		r->row = row;
		if (nd_row_run(row, &lab->flags.plan, &r->figures) < 0)
			return FAILED;
		lab->rows++;
	}
	return 0;
}

static void print_cause(const struct lab *lab, enum nd_row_cause cause)
{
	char summary[ND_SUMMARY_TEXT];

	fputc('\n', stdout);
	nd_table_write(stdout, cause, lab->row, lab->rows, &lab->flags.plan, isatty(STDOUT_FILENO));
	nd_summary_format(cause, lab->row, lab->rows, summary);
	nd_table_wrap(stdout, summary);
	fputc('\n', stdout);
	fflush(stdout);
}

static int finish(struct lab *lab)
{
	static struct nd_bars bars;
	bool tables = lab->json != stdout;

	nd_bars_check(&bars, lab->row, lab->rows, lab->default_buffers);
	for (unsigned i = 0; i < bars.missed; i++)
		fprintf(stderr, "MISSED: %s\n", bars.text[i]);
	if (tables)
		printf("%u of %u expectations met\n", bars.checked - bars.missed, bars.checked);
	if (lab->json) {
		if (lab->json != stdout && ftruncate(fileno(lab->json), 0) < 0 && errno != EINVAL)
			fprintf(stderr, "nodens lab: -json: %s\n", nd_err_text(-errno));
		nd_labjson_write(lab->json, lab->row, lab->rows, &lab->flags.plan, &bars);
		if (fflush(lab->json) != 0 || ferror(lab->json)) {
			fprintf(stderr, "nodens lab: -json: %s\n", nd_err_text(-errno));
			return FAILED;
		}
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		return FAILED;
	return bars.missed ? FAILED : 0;
}

static int run_lab(void *arg)
{
	struct lab *lab = arg;

	for (unsigned c = 0; c < ND_ROW_CAUSES; c++) {
		if (!lab->flags.cause[c])
			continue;
		int status = run_rows(lab, (enum nd_row_cause)c);
		if (status)
			return status;
		if (lab->json != stdout)
			print_cause(lab, (enum nd_row_cause)c);
	}
	return finish(lab);
}

int main(int argc, char **argv)
{
	static struct lab lab;
	char why[ND_LABFLAGS_WHY];

	if (nd_labflags_parse(&lab.flags, argc, argv, why) < 0) {
		fprintf(stderr, "nodens lab: %s\nRun `nodens lab -help` for the options.\n", why);
		return USAGE;
	}
	if (lab.flags.help) {
		nd_labflags_usage(stdout);
		return 0;
	}
	int status = find_programs(&lab);
	status = status ? status : open_json(&lab);
	if (status)
		return status;
	check_host(&lab);
	nd_program_show(lab.flags.show);
	return nd_sandbox_run(run_lab, &lab);
}
