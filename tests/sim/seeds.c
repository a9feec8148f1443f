/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/seeds.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLIND_BELOW = 100 }; /* seeds: too few for every rare event */

static struct {
	uint64_t first, n;
	bool verbose;
	const char *plant;
} options;
static unsigned failures;

bool sim_seeds_verbose(void)
{
	return options.verbose;
}

bool sim_seeds_planted(const char *plant)
{
	return options.plant && strcmp(options.plant, plant) == 0;
}

static bool is_plant(const struct sim_seeds *s, const char *name)
{
	for (const char *const *p = s->plants; *p; p++)
		if (strcmp(*p, name) == 0)
			return true;
	return false;
}

static bool read_number(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end;
}

static bool read_option(const struct sim_seeds *s, const char *name, const char *value)
{
	if (!strcmp(name, "--seeds"))
		return read_number(value, &options.n);
	if (!strcmp(name, "--first"))
		return read_number(value, &options.first);
	if (!strcmp(name, "--seed")) {
		options.n = 1;
		return read_number(value, &options.first);
	}
	options.plant = value;
	return !strcmp(name, "--plant") && is_plant(s, value);
}

int sim_seeds_read(const struct sim_seeds *s, int argc, char **argv)
{
	options.first = 1;
	options.n = s->n;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-v")) {
			options.verbose = true;
		} else if (i + 1 < argc && read_option(s, argv[i], argv[i + 1])) {
			i++;
		} else {
			fprintf(stderr, "usage: %s\n", s->usage);
			return 2;
		}
	}
	return 0;
}

static void fail(const struct sim_seeds *s, uint64_t seed, const char *why)
{
	failures++;
	printf("FAIL seed %" PRIu64 ": %s\n  replay: %s --seed %" PRIu64 "%s%s -v\n", seed, why,
	       s->replay, seed, options.plant ? " --plant " : "",
	       options.plant ? options.plant : "");
}

static void run_one(const struct sim_seeds *s, uint64_t seed)
{
	uint64_t trace, again;
	char why[SIM_SEEDS_WHY];

	if (!s->run(seed, &trace, why))
		fail(s, seed, why);
	/* The same seed gives the same run; otherwise something bypasses the doors. */
	else if (seed % s->trace_every == 0 && (!s->run(seed, &again, why) || again != trace))
		fail(s, seed, "ran differently the second time");
}

static void look_for_blindness(const struct sim_seeds *s)
{
	for (size_t i = 0; i < s->nseen; i++) {
		if (options.verbose)
			printf("seen: %" PRIu64 " %s\n", s->seen[i], s->seen_text[i]);
		if (s->seen[i])
			continue;
		failures++;
		printf("FAIL: in %" PRIu64 " seeds there was never: %s\n", options.n,
		       s->seen_text[i]);
	}
}

/* A crash ends the run; it is reported with its seed. */
static char crash_text[256];

static void on_crash(int number)
{
	ssize_t n = write(STDOUT_FILENO, crash_text, strlen(crash_text));

	(void)number;
	_exit(n < 0 ? 3 : 1);
}

static void watch_crashes(void)
{
	static uint8_t stack[1 << 16]; /* its own: the stack may have overflowed */
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof stack };
	struct sigaction sa = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_RESETHAND };

	sigaltstack(&ss, NULL);
	sigaction(SIGABRT, &sa, NULL);
	if (!getenv("ASAN_OPTIONS")) /* the sanitizer's report says more */
		sigaction(SIGSEGV, &sa, NULL);
}

static void name_crash(const struct sim_seeds *s, uint64_t seed)
{
	fflush(stdout);
	snprintf(crash_text, sizeof crash_text,
		 "FAIL seed %" PRIu64 ": crashed\n  replay: %s --seed %" PRIu64
		 "%s%s -v\n0 passed, 1 failed\n",
		 seed, s->replay, seed, options.plant ? " --plant " : "",
		 options.plant ? options.plant : "");
}

int sim_seeds_run(const struct sim_seeds *s)
{
	watch_crashes();
	for (uint64_t seed = options.first; seed < options.first + options.n; seed++) {
		name_crash(s, seed);
		run_one(s, seed);
	}
	if (options.n >= BLIND_BELOW)
		look_for_blindness(s);
	printf("%" PRIu64 " passed, %u failed\n", options.n > failures ? options.n - failures : 0,
	       failures);
	return failures != 0;
}
