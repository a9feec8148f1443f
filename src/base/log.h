/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - lines for the operator, in CoreDNS's form: "[INFO] plugin/reload: text".
 *
 * Threads: any; each line is written whole, to standard output. After nd_log_start a thread of the
 *          log's own writes (log_ring.h), and no caller ever waits for the reader.
 * Never:   on the path of an answer that is neither logged nor an error.
 * Callers: plugins, server, node and cmd. The rooms base to core return errors and do not log.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nd_log_level { ND_LOG_DEBUG, ND_LOG_INFO, ND_LOG_WARNING, ND_LOG_ERROR, ND_LOG_FATAL };

/* `who` is written before the text as "plugin/WHO: " unless it is NULL. Control characters
 * in the text are written as \xNN: a name from the wire cannot forge a line. */
void nd_log_write(enum nd_log_level level, const char *who, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define nd_log_debug(who, ...) nd_log_write(ND_LOG_DEBUG, who, __VA_ARGS__)
#define nd_log_info(who, ...) nd_log_write(ND_LOG_INFO, who, __VA_ARGS__)
#define nd_log_warning(who, ...) nd_log_write(ND_LOG_WARNING, who, __VA_ARGS__)
#define nd_log_error(who, ...) nd_log_write(ND_LOG_ERROR, who, __VA_ARGS__)

/* Debug lines are dropped unless this was called with true (the debug plugin). */
void nd_log_set_debug(bool on);
bool nd_log_is_debug(void);

/* A complete line, level included, formatted by the caller (the log plugin). n bytes, without
 * the newline. Lines are collected per thread and written by nd_log_flush(). */
void nd_log_line(const char *text, size_t n);
/* Writes the lines collected by this thread. Workers call it once per loop turn. */
void nd_log_flush(void);

/* From here on lines go through a ring: a reader that is slow or stuck costs lines, not answers. 0
 * or -errno, and then lines are still written directly. Control thread. */
int nd_log_start(void);
/* Writes what waits, for at most wait_ms, and ends the thread; further lines are written directly
 * if the reader was not stuck, else dropped. Control thread, when no other thread logs. */
void nd_log_stop(uint32_t wait_ms);
/* Lines dropped because standard output was not read in time. */
uint64_t nd_log_dropped(void);

/* Sends lines to sink instead of standard output (tests, simulation); NULL: back. Call it
 * before other threads log. */
void nd_log_set_sink(void (*sink)(void *ctx, const char *text, size_t n), void *ctx);
