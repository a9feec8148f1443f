/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - lines for the operator, in CoreDNS's form: "[INFO] plugin/reload: text".
 *
 * Threads: any; each line is written whole, to standard output.
 * Never:   on the path of an answer that is neither logged nor an error.
 * Callers: plugins, server, node and cmd. The rooms base to core return errors and do not log.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

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

/* Sends lines to sink instead of standard output (tests, simulation); NULL: back. Call it
 * before other threads log. */
void nd_log_set_sink(void (*sink)(void *ctx, const char *text, size_t n), void *ctx);
