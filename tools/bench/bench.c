/* SPDX-License-Identifier: Apache-2.0 */
/* bench - `nodens bench`: lookups as applications make them, and how long they take.
 *
 * Exit status: 0 with figures, after a Ctrl-C too; 1 if it could not start; 2 for a mistake on the
 * command line.
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

/* Sleeps a tick; true if somebody wants the end (Ctrl-C, kill). */
static bool interrupted(const sigset_t *signals)
{
	const struct timespec tick = { .tv_nsec = TICK_MS * (long)ND_NS_PER_MS };

	return sigtimedwait(signals, NULL, &tick) > 0;
}

/* Until the time is over, all lookups are, or a signal comes: true. */
static bool run(struct nd_plan *plan, const sigset_t *signals, bool quiet)
{
	struct nd_report_progress last = { 0 };

	while (nd_clock_now_ns() < plan->end_ns && plan->running > 0) {
		if (interrupted(signals))
			return true;
		uint64_t due = plan->start_ns + (last.second + 1) * (uint64_t)ND_NS_PER_S;
		if (!quiet && nd_clock_now_ns() >= due)
			nd_report_progress(stderr, plan->stats, &last);
	}
	return false;
}

/* Lets lookups under way come to their end, so that a stall that began in time is counted whole:
 * for as long as twice the limit, or until a signal. */
static void drain(struct nd_plan *plan, const sigset_t *signals)
{
	uint64_t end = nd_clock_now_ns() + 2 * plan->stats->limit_ns;

	while (plan->running > 0 && nd_clock_now_ns() < end)
		if (interrupted(signals))
			return;
}

/* Cuts off the rest. getaddrinfo() cannot be: false, if clients still sit in it. */
static bool cancel_rest(struct nd_plan *plan)
{
	uint64_t one = 1, end = nd_clock_now_ns() + CUT_MS * (uint64_t)ND_NS_PER_MS;
	const struct timespec tick = { .tv_nsec = (long)ND_NS_PER_MS };

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
	plan->end_ns = plan->start_ns + f->seconds * (uint64_t)ND_NS_PER_S;
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
		_exit(0); /* threads in getaddrinfo() go with the process */
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
	/* Waited for, never delivered: sigtimedwait() hands them over, one after the other. */
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
