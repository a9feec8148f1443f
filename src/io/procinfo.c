/* SPDX-License-Identifier: Apache-2.0 */
#include "io/procinfo.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "base/time.h"
#include "io/file.h"

enum { FILE_MAX = 64 << 10 };

static double seconds(const struct timespec *t)
{
	return (double)t->tv_sec + (double)t->tv_nsec / 1e9;
}

/* proc_pid_stat(5): `ticks` after the start of the system. */
static double start_time(double ticks, double per_s)
{
	struct timespec now, up;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	/* Whole ticks: the difference of two clocks is a little different each time. */
	double s = seconds(&now) - seconds(&up) + ticks / per_s;
	return (double)(int64_t)(s * per_s + 0.5) / per_s;
}

/* The fields that follow the name of the program, which may contain anything. */
static void read_stat(struct nd_procinfo *out)
{
	struct nd_buf b;
	unsigned long utime, stime, size;
	unsigned long long start;
	long pages;
	double per_s = (double)sysconf(_SC_CLK_TCK);

	nd_buf_init(&b, FILE_MAX);
	int err = nd_file_read("/proc/self/stat", &b);
	const char *fields = err ? NULL : strrchr(nd_buf_string(&b), ')');
	if (fields && sscanf(fields + 1,
			     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d "
			     "%*d %*d %llu %lu %ld",
			     &utime, &stime, &start, &size, &pages) == 5) {
		out->start_s = start_time((double)start, per_s);
		out->virtual_bytes = size;
		out->resident_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	}
	nd_buf_clear(&b);
}

static uint64_t count_fds(void)
{
	_Alignas(struct dirent64) char entries[4096];
	int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t n = 0;
	ssize_t got;

	if (fd < 0)
		return 0;
	while ((got = getdents64(fd, entries, sizeof entries)) > 0)
		for (ssize_t at = 0; at < got;) {
			const struct dirent64 *e = (const void *)(entries + at);
			n += e->d_name[0] != '.';
			at += e->d_reclen;
		}
	close(fd);
	return n ? n - 1 : 0; /* without that of the folder */
}

/* The value under the name, of two lines of words. 0 if absent. */
static uint64_t find_column(const char *names, const char *values, const char *name)
{
	size_t n = strlen(name);

	while (*names && *names != '\n' && *values && *values != '\n') {
		size_t len = strcspn(names, " \n");
		if (len == n && memcmp(names, name, n) == 0)
			return strtoull(values, NULL, 10);
		names += len + (names[len] == ' ');
		values += strcspn(values, " \n");
		values += *values == ' ';
	}
	return 0;
}

/* Pairs of lines that begin with the same word: names, values. */
static void read_traffic(struct nd_procinfo *out)
{
	static const char word[] = "\nIpExt: ";
	struct nd_buf b;

	nd_buf_init(&b, FILE_MAX);
	int err = nd_file_read("/proc/self/net/netstat", &b);
	const char *names = err ? NULL : strstr(nd_buf_string(&b), word);
	const char *values = names ? strstr(names + 1, word) : NULL;
	if (values) {
		names += sizeof word - 1;
		values += sizeof word - 1;
		out->received_bytes = find_column(names, values, "InOctets");
		out->sent_bytes = find_column(names, values, "OutOctets");
	}
	nd_buf_clear(&b);
}

static uint64_t limit_of(int resource)
{
	struct rlimit l;

	return getrlimit((__rlimit_resource_t)resource, &l) ? 0 : l.rlim_cur;
}

void nd_procinfo_read(struct nd_procinfo *out)
{
	struct rusage u;

	*out = (struct nd_procinfo){ .open_fds = count_fds(),
				     .max_fds = limit_of(RLIMIT_NOFILE),
				     .virtual_max_bytes = limit_of(RLIMIT_AS) };
	getrusage(RUSAGE_SELF, &u); /* finer than the ticks of /proc */
	out->cpu_s = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		     (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	read_stat(out);
	read_traffic(out);
}
