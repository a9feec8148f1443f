/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_parts.h - what attempt.c, attempt_reply.c and attempt_timer.c need of each other.
 *
 * Included by these only. Threads: the worker's.
 */
#pragma once

#include "upstream/attempt.h"

static inline uint64_t nd_attempt_now(const struct nd_exchange *e)
{
	return nd_loop_now_ns(e->x->loop);
}

static inline struct nd_pool *nd_attempt_pool(const struct nd_attempt *a)
{
	return a->exchange->x->pool[a->host];
}

static inline unsigned nd_attempt_slots(const struct nd_exchange *e)
{
	return e->more ? ND_EXCHANGE_LIVE : 1;
}

static inline struct nd_attempt *nd_attempt_slot(struct nd_exchange *e, unsigned i)
{
	return i == 0 ? &e->first : &e->more[i - 1];
}

static inline const struct nd_attempt *nd_attempt_view(const struct nd_exchange *e, unsigned i)
{
	return i == 0 ? &e->first : &e->more[i - 1];
}

/* --- attempt.c --- */

/* Starts the timer for what is due next. */
void nd_attempt_arm(struct nd_exchange *e);
/* The next host of the order that is up and has not been queried; -1: none. */
int nd_attempt_another_host(const struct nd_exchange *e);
/* That host is taken: the next one comes after it. */
void nd_attempt_pass_host(struct nd_exchange *e, uint8_t host);
/* Time and max_connect_attempts allow another try. */
bool nd_attempt_may_try(const struct nd_exchange *e);
/* Time until the next step of the attempt if there is no reply. */
uint64_t nd_attempt_timer_ns(const struct nd_attempt *a);
/* One is free for another attempt. */
bool nd_attempt_has_slot(struct nd_exchange *e);
/* A slot for another attempt; the oldest one ends if all are in use. */
struct nd_attempt *nd_attempt_free_slot(struct nd_exchange *e);
/* A try: queries a host. 0, or an error, which is noted. */
int nd_attempt_try(struct nd_attempt *a, uint8_t host, bool tcp);
/* Sends to the host. earlier: as the repetition of this attempt at the same host, on another
 * connection; may be a itself. 0, or an error, which is noted unless it is a repetition. */
int nd_attempt_send(struct nd_attempt *a, uint8_t host, bool tcp, const struct nd_attempt *earlier);
void nd_attempt_note_timeout(struct nd_attempt *a);
void nd_attempt_note_error(struct nd_exchange *e, const char *text);
/* Checks the health of a server that failed. */
void nd_attempt_suspect(struct nd_pool *p, const struct nd_exchange *e);
/* Ends an attempt with an error of its server; nd_attempt_continue() is to follow. */
void nd_attempt_fail(struct nd_attempt *a, const char *text);
/* An attempt has ended without a reply: the next one, or the end. May free e. */
void nd_attempt_continue(struct nd_exchange *e);
/* Frees e. */
void nd_attempt_finish_failed(struct nd_exchange *e);

/* --- attempt_reply.c --- */

void nd_attempt_on_reply(struct nd_sent *s, const uint8_t *bytes, size_t n, bool cut);
/* Ends the attempt with a reply that has only a header with these flags. May free the exchange. */
void nd_attempt_take_bare(struct nd_attempt *a, uint16_t flags);

/* --- attempt_again.c --- */

void nd_attempt_on_error(struct nd_sent *s, int err, const char *text);
void nd_attempt_on_move(struct nd_sent *s);
/* Another server in its place if this one is silent; else in parallel, as the quota allows. False:
 * there is none, or not now. a may be another attempt afterwards. */
bool nd_attempt_ask_another(struct nd_attempt *a);
/* No reply in the usual time: sends to another host, or to the same one again. False: not now, the
 * quota is spent. a may be another attempt afterwards. */
bool nd_attempt_repeat(struct nd_attempt *a, bool silent);

/* --- attempt_timer.c --- */

void nd_attempt_on_timer(struct nd_timer *t);
