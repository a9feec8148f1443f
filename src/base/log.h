/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - lines for the operator, in CoreDNS's form: "[INFO] plugin/reload: text".
 *
 * Threads: any; a line is written whole, to standard output.
 * Never on the path of an answer that is neither logged nor wrong.
 * The rooms base to core return errors and do not log; plugins, server, node and cmd do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum nd_log_level { ND_LOG_DEBUG, ND_LOG_INFO, ND_LOG_WARNING, ND_LOG_ERROR, ND_LOG_FATAL };

/* `who` goes before the text as "plugin/WHO: "; NULL: nothing does. Control characters
 * in the text are written as \xNN, so that no name off the wire can forge a line. */
void nd_log_write(enum nd_log_level level, const char *who, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define nd_log_debug(who, ...) nd_log_write(ND_LOG_DEBUG, who, __VA_ARGS__)
#define nd_log_info(who, ...) nd_log_write(ND_LOG_INFO, who, __VA_ARGS__)
#define nd_log_warning(who, ...) nd_log_write(ND_LOG_WARNING, who, __VA_ARGS__)
#define nd_log_error(who, ...) nd_log_write(ND_LOG_ERROR, who, __VA_ARGS__)

/* Debug lines are dropped unless this was called with true (plugin debug). */
void nd_log_set_debug(bool on);
bool nd_log_is_debug(void);

/* A line as it is, level and all, for who formats for themselves (plugin log). n bytes,
 * no line end. Lines from workers are collected a batch and written by nd_log_flush(). */
void nd_log_line(const char *text, size_t n);
/* Writes what this thread has collected; workers call it once a loop turn. */
void nd_log_flush(void);

/* Where lines go, when not to standard output (tests, simulation); NULL: back. */
void nd_log_set_sink(void (*sink)(void *ctx, const char *text, size_t n), void *ctx);
