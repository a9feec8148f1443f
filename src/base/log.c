/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/log_ring.h"

enum { LINE_MAX_BYTES = 2048, COLLECT_BYTES = 16384 };

static const char *const levels[] = { "[DEBUG] ", "[INFO] ", "[WARNING] ", "[ERROR] ", "[FATAL] " };

static _Atomic bool debug_on;
static void (*sink_fn)(void *ctx, const char *text, size_t n);
static void *sink_ctx;

static struct nd_log_ring *_Atomic ring; /* NULL: lines are written directly */
static _Atomic bool stuck;               /* the reader was, when the log was stopped */

static _Thread_local char collected[COLLECT_BYTES];
static _Thread_local size_t collected_len;

void nd_log_set_debug(bool on)
{
	atomic_store_explicit(&debug_on, on, memory_order_relaxed);
}

bool nd_log_is_debug(void)
{
	return atomic_load_explicit(&debug_on, memory_order_relaxed);
}

void nd_log_set_sink(void (*sink)(void *ctx, const char *text, size_t n), void *ctx)
{
	sink_fn = sink;
	sink_ctx = ctx;
}

/* One write per call: lines of two threads never mix. */
static void put(const char *text, size_t n)
{
	if (sink_fn) {
		sink_fn(sink_ctx, text, n);
		return;
	}
	struct nd_log_ring *r = atomic_load_explicit(&ring, memory_order_acquire);
	if (r) {
		nd_log_ring_put(r, text, n);
		return;
	}
	while (n && !atomic_load_explicit(&stuck, memory_order_relaxed)) {
		ssize_t done = write(STDOUT_FILENO, text, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		text += done;
		n -= (size_t)done;
	}
}

/* Escapes control characters; returns the new length, at most cap. */
static size_t add_escaped(char *to, size_t at, size_t cap, const char *from)
{
	for (; *from && at + 5 < cap; from++) {
		unsigned char c = (unsigned char)*from;
		if (c >= 0x20 && c != 0x7f)
			to[at++] = (char)c;
		else
			at += (size_t)snprintf(to + at, cap - at, "\\x%02x", c);
	}
	return at;
}

void nd_log_write(enum nd_log_level level, const char *who, const char *format, ...)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
	va_list args;

	if (level == ND_LOG_DEBUG && !nd_log_is_debug())
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);

	int n = snprintf(line, sizeof line, "%s%s%.64s%s", levels[level], who ? "plugin/" : "",
			 who ? who : "", who ? ": " : "");
	size_t len = add_escaped(line, (size_t)n, sizeof line - 1, text);
	line[len++] = '\n';
	nd_log_flush();
	put(line, len);
}

void nd_log_line(const char *text, size_t n)
{
	if (n + 1 > sizeof collected)
		n = sizeof collected - 1;
	if (collected_len + n + 1 > sizeof collected)
		nd_log_flush();
	memcpy(collected + collected_len, text, n);
	collected_len += n;
	collected[collected_len++] = '\n';
}

void nd_log_flush(void)
{
	size_t n = collected_len;

	collected_len = 0;
	if (n)
		put(collected, n);
}

int nd_log_start(void)
{
	struct nd_log_ring *r;
	int err = nd_log_ring_start(STDOUT_FILENO, ND_LOG_RING_BYTES, &r);

	if (!err)
		atomic_store_explicit(&ring, r, memory_order_release);
	return err;
}

void nd_log_stop(uint32_t wait_ms)
{
	struct nd_log_ring *r = atomic_exchange_explicit(&ring, NULL, memory_order_acq_rel);

	if (r && !nd_log_ring_stop(r, wait_ms))
		atomic_store_explicit(&stuck, true, memory_order_relaxed);
}

uint64_t nd_log_dropped(void)
{
	struct nd_log_ring *r = atomic_load_explicit(&ring, memory_order_acquire);

	return r ? nd_log_ring_dropped(r) : 0;
}
