/* SPDX-License-Identifier: Apache-2.0 */
/* Each test confines a child process of its own; its exit status is the number of the check that
 * failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/err.h"
#include "io/confine.h"
#include "text/regex.h"

static int run(int (*child)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void *nothing(void *arg)
{
	return arg;
}

static bool can_start_thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0;
}

static bool refused(long result)
{
	return result == -1 && (errno == EPERM || errno == ENOSYS);
}

static void *map(int protection)
{
	return mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int check_server(void)
{
	const struct nd_confine_calls c = { 0 };
	char *const argv[] = { "true", NULL };

	if (nd_confine_no_new_privs() || nd_confine_calls(&c))
		return 1;
	if (!can_start_thread())
		return 2;
	if (socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0)
		return 3;
	if (!refused(socket(AF_PACKET, SOCK_RAW, 0)))
		return 4;
	if (execve("/bin/true", argv, NULL) != -1 || errno != EPERM)
		return 5;
	if (!refused(unshare(CLONE_NEWUSER)))
		return 6;
	if (!refused(syscall(SYS_clone, CLONE_NEWUSER, NULL, NULL, NULL, NULL)))
		return 7;
	if (map(PROT_READ | PROT_WRITE | PROT_EXEC) != MAP_FAILED)
		return 8;
	void *p = map(PROT_READ | PROT_WRITE);
	if (p == MAP_FAILED || !refused(mprotect(p, 4096, PROT_READ | PROT_EXEC)))
		return 9;
	if (!ND_CONFINE_PTRACE && !refused(syscall(SYS_ptrace, 0, 0, 0, 0)))
		return 10;
	return 0;
}

static int check_exec(void)
{
	const struct nd_confine_calls c = { .exec = true };
	char *const argv[] = { "true", NULL };

	if (nd_confine_no_new_privs() || nd_confine_calls(&c))
		return 1;
	if (!refused(unshare(CLONE_NEWUSER)) || !refused(syscall(SYS_bpf, 0, NULL, 0)))
		return 2;
	execve("/bin/true", argv, NULL);
	return 3;
}

static int check_writable_code(void)
{
	const struct nd_confine_calls c = { .writable_code = true };

	if (nd_confine_no_new_privs() || nd_confine_calls(&c))
		return 1;
	return map(PROT_READ | PROT_WRITE | PROT_EXEC) == MAP_FAILED ? 2 : 0;
}

/* Patterns are interpreted where no memory may be writable and executable. */
static int check_pattern(bool writable_code)
{
	const struct nd_confine_calls c = { .writable_code = writable_code };
	struct nd_regex_scratch *s = nd_regex_scratch_new();
	struct nd_regex *re;
	char why[200];

	if (!s || nd_confine_no_new_privs() || nd_confine_calls(&c))
		return 1;
	if (nd_regex_new("^a(b+)c$", &re, why, sizeof why))
		return 2;
	if (!nd_regex_match(re, s, "abbc", 4, NULL) || nd_regex_match(re, s, "ac", 2, NULL))
		return 3;
	nd_regex_free(re);
	nd_regex_scratch_free(s);
	return nd_regex_jit_used() && !writable_code ? 4 : 0;
}

static int check_interpreted_pattern(void)
{
	return check_pattern(false);
}

static int check_compiled_pattern(void)
{
	return check_pattern(true);
}

/* A thread that runs already is confined too. */
static _Atomic int stage;

static void *late(void *arg)
{
	(void)arg;
	while (stage == 0)
		sched_yield();
	return refused(socket(AF_PACKET, SOCK_RAW, 0)) ? (void *)1 : NULL;
}

static int check_threads(void)
{
	const struct nd_confine_calls c = { 0 };
	pthread_t t;
	void *good = NULL;

	if (pthread_create(&t, NULL, late, NULL))
		return 1;
	if (nd_confine_no_new_privs() || nd_confine_calls(&c))
		return 2;
	stage = 1;
	pthread_join(t, &good);
	return good ? 0 : 3;
}

static int check_capabilities(void)
{
	uint64_t kept = ~(uint64_t)0;

	if (nd_confine_capabilities(ND_CONFINE_CAP(CAP_NET_BIND_SERVICE), true, &kept))
		return 1;
	if (kept & ~ND_CONFINE_CAP(CAP_NET_BIND_SERVICE))
		return 2;
	if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1 && geteuid() == 0)
		return 3;
	/* Once given up, a capability does not come back. */
	if (nd_confine_capabilities(~(uint64_t)0, true, &kept))
		return 4;
	return kept & ~ND_CONFINE_CAP(CAP_NET_BIND_SERVICE) ? 5 : 0;
}

static int check_no_new_privs(void)
{
	if (nd_confine_no_new_privs())
		return 1;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 2;
}

/* A build without libseccomp has nothing to test here. */
static void needs_filter(void)
{
	const struct nd_confine_calls c = { 0 };
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(nd_confine_no_new_privs() || nd_confine_calls(&c) == ND_ENOTYET);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		skip();
}

static void test_server(void **state)
{
	(void)state;
	needs_filter();
	assert_int_equal(run(check_server), 0);
}

static void test_exec(void **state)
{
	(void)state;
	needs_filter();
	assert_int_equal(run(check_exec), 0);
}

static void test_writable_code(void **state)
{
	(void)state;
	needs_filter();
	assert_int_equal(run(check_writable_code), 0);
}

static void test_patterns(void **state)
{
	(void)state;
	needs_filter();
	assert_int_equal(run(check_interpreted_pattern), 0);
	assert_int_equal(run(check_compiled_pattern), 0);
}

static void test_threads(void **state)
{
	(void)state;
	needs_filter();
	assert_int_equal(run(check_threads), 0);
}

static void test_capabilities(void **state)
{
	(void)state;
	assert_int_equal(run(check_capabilities), 0);
}

static void test_no_new_privs(void **state)
{
	(void)state;
	assert_int_equal(run(check_no_new_privs), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),        cmocka_unit_test(test_exec),
		cmocka_unit_test(test_writable_code), cmocka_unit_test(test_threads),
		cmocka_unit_test(test_patterns),      cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_no_new_privs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
