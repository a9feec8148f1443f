/* SPDX-License-Identifier: Apache-2.0 */
/* bench - `nodens bench`: makes lookups as applications do, and measures their latency.
 *
 * Exit status: 0 with results, after Ctrl-C too; 1 if it could not start; 2 for an invalid command
 * line.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "base/err.h"
#include "io/clock.h"
#include "tools/bench/report.h"
#include "tools/bench/setup.h"

enum { TICK_MS = 20, CUT_MS = 500 };

/* Sleeps a tick; true if a signal arrived (Ctrl-C, kill). */
static bool interrupted(const sigset_t *signals)
{
	const struct timespec tick = { .tv_nsec = (long)ND_MS(TICK_MS) };

	return sigtimedwait(signals, NULL, &tick) > 0;
}

/* Runs until the end time, until all clients have finished, or until a signal: then true. */
static bool run(struct nd_plan *plan, const sigset_t *signals, bool quiet)
{
	struct nd_report_progress last = { 0 };

	while (nd_clock_now_ns() < plan->end_ns && plan->running > 0) {
		if (interrupted(signals))
			return true;
		uint64_t due = plan->start_ns + ND_S(last.second + 1);
		if (!quiet && nd_clock_now_ns() >= due)
			nd_report_progress(stderr, plan->stats, &last);
	}
	return false;
}

/* Lets pending lookups finish, so that a stall that started in time is measured whole: for at most
 * twice the limit, or until a signal. */
static void drain(struct nd_plan *plan, const sigset_t *signals)
{
	uint64_t end = nd_clock_now_ns() + 2 * plan->stats->limit_ns;

	while (plan->running > 0 && nd_clock_now_ns() < end)
		if (interrupted(signals))
			return;
}

/* Cancels pending lookups. getaddrinfo() cannot be cancelled: false if clients are still in it. */
static bool cancel_rest(struct nd_plan *plan)
{
	uint64_t one = 1, end = nd_clock_now_ns() + ND_MS(CUT_MS);
	const struct timespec tick = { .tv_nsec = (long)ND_MS(1) };

	if (write(plan->stop_fd, &one, sizeof one) < 0)
		ND_ASSERT(errno == EAGAIN);
	while (plan->running > 0 && (plan->style != &nd_style_system || nd_clock_now_ns() < end))
		nanosleep(&tick, NULL);
	return plan->running == 0;
}

static int measure(struct nd_plan *plan, const struct nd_flags *f, const sigset_t *signals)
{
	struct nd_clients *clients;

	plan->start_ns = nd_clock_now_ns();
	plan->end_ns = plan->start_ns + ND_S(f->seconds);
	int err = nd_clients_start(plan, &clients);
	if (err) {
		fprintf(stderr, "nodens bench: cannot start %u clients: %s\n", plan->clients,
			nd_err_text(err));
		return 1;
	}
	bool stop = run(plan, signals, f->quiet);
	plan->closing = true;
	uint64_t took = nd_clock_now_ns() - plan->start_ns;
	if (!stop)
		drain(plan, signals);
	bool all = cancel_rest(plan);
	if (f->json)
		nd_report_json(stdout, plan, took);
	else
		nd_report_text(stdout, plan, took);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "nodens bench: standard output: %s\n", nd_err_text(-errno));
		return 1;
	}
	if (!all)
		_exit(0); /* ends threads in getaddrinfo() */
	nd_clients_join(clients);
	return 0;
}

int main(int argc, char **argv)
{
	char why[ND_FLAGS_WHY];
	static struct nd_plan plan;
	struct nd_flags f;
	sigset_t signals;

	if (nd_flags_parse(&f, argc, argv, why) < 0) {
		fprintf(stderr, "nodens bench: %s\nRun `nodens bench -help` for the options.\n",
			why);
		return 2;
	}
	if (f.help) {
		nd_flags_usage(stdout);
		return 0;
	}
	/* Blocked, and received one at a time by sigtimedwait(). */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	int status = nd_setup_plan(&plan, &f);
	if (!status)
		status = measure(&plan, &f, &signals);
	nd_setup_clear(&plan);
	return status;
}
