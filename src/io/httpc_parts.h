/* SPDX-License-Identifier: Apache-2.0 */
/* httpc_parts.h - shared and private to the files of the HTTP client: httpc.c (assigns exchanges to
 * connections), httpc_exchange.c (an exchange from start to end), httpc_conn.c (a connection:
 * bytes, timeouts), httpc_dial.c (connecting), h1.c and h2.c (the protocols).
 *
 * Lifetimes: a callback may cancel an exchange or free the client while our functions are still
 * working on them. Each struct counts the functions on the stack that use it (busy); a struct that
 * has ended is freed when the outermost of them returns.
 * Threads: the loop's own.
 */
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "io/httpc.h"
#include "io/lookup.h"
#include "io/tcp.h"

struct nd_httpc_conn;

struct nd_httpc_exchange {
	struct nd_list node; /* in client->waiting, or in conn->exchanges */
	struct nd_list all;  /* in client->all */
	struct nd_httpc *client;
	struct nd_httpc_conn *conn; /* NULL: waits for one, or was removed from it */
	struct nd_httpc_handler handler;
	/* The request: NUL-terminated texts, method, target, then header names and values in
	 * turn. */
	struct nd_buf request, body;
	size_t body_sent;
	bool is_head, safe; /* HEAD; GET or HEAD */
	uint64_t head_ns, idle_ns;
	uint64_t until_ns;      /* total_ns after it was sent; 0: no limit */
	uint64_t reads;         /* conn->reads when it started */
	struct nd_timer timer;  /* head_ns, then idle_ns */
	struct nd_timer resume; /* delivers what was held */
	unsigned busy;
	bool gone;    /* ended or cancelled; freed when busy is 0 */
	bool paused;  /* by its owner */
	bool headed;  /* on_head was called */
	bool retried; /* was sent once more */
	unsigned version;
	int status;
	unsigned early;     /* 1xx responses */
	struct nd_buf head; /* response header names and values in turn, NUL-terminated */
	/* h2.c: */
	int32_t stream;     /* 0: none, or closed */
	unsigned empty;     /* DATA frames since the last one with data, that one included */
	struct nd_buf held; /* received while paused */
	/* The stream ended while paused: no connection any more; on_end follows when it resumes. */
	bool complete;
	char text[ND_HTTPC_TEXT_MAX];
};

/* A protocol on a connection. Functions that return int: 0, or an error whose text was set by
 * nd_httpc_conn_set_error(); the caller then fails the connection. */
struct nd_httpc_engine {
	unsigned version;
	bool many; /* runs many exchanges at a time */
	int (*open)(struct nd_httpc_conn *c);
	void (*clear)(struct nd_httpc_conn *c);
	int (*begin)(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
	int (*feed)(struct nd_httpc_conn *c, const uint8_t *bytes, size_t n);
	/* Orderly end of the stream: ends the exchanges whose response ends with it. */
	void (*eof)(struct nd_httpc_conn *c);
	/* x was cancelled; it is no longer in conn->exchanges. */
	void (*drop)(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
	/* resume is never called from a callback. */
	void (*pause)(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
	int (*resume)(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
	int (*drain)(struct nd_httpc_conn *c);
	int (*ping)(struct nd_httpc_conn *c); /* NULL: the protocol has none */
};

struct nd_httpc_conn {
	struct nd_list node; /* in client->conns until dead */
	struct nd_httpc *client;
	struct nd_lookup *lookup; /* running; its result is addrs */
	struct nd_addr addrs[ND_LOOKUP_ADDRS_MAX];
	size_t naddrs, tried;      /* addrs[tried - 1] is being connected to, or is connected */
	uint64_t until_ns;         /* deadline of connecting */
	struct nd_tcp *tcp;        /* one of the two; */
	struct nd_tls_stream *tls; /* both NULL once closed */
	const struct nd_httpc_engine *engine;
	void *self; /* the engine's */
	unsigned busy;
	bool open;     /* connected, engine opened */
	bool draining; /* accepts no further exchanges */
	bool dead;     /* closed; freed when busy is 0 */
	struct nd_list exchanges;
	unsigned count, served;
	uint64_t reads, read_ns;     /* number of reads, and time of the last */
	uint64_t pinged_ns;          /* 0: no ping is out */
	struct nd_timer timer;       /* connect_ns; keep_ns; ping_ns and pong_ns */
	struct nd_timer drain_later; /* calls nd_httpc_conn_drained() */
	char text[ND_TLS_TEXT_MAX];
};

struct nd_httpc {
	struct nd_loop *loop;
	struct nd_httpc_config config; /* its texts point to host, name and target */
	struct nd_tls_target target;   /* if config.tls */
	char *host, *name;
	char where[ND_HTTPC_TEXT_MAX]; /* for messages */
	unsigned version;              /* HTTP version of the last connection; 0: unknown */
	struct nd_list waiting, all, conns;
	unsigned nwaiting, busy;
	bool gone;
	struct nd_timer dispatch; /* assigns waiting exchanges to connections */
	struct nd_httpc_stats stats;
};

/* --- httpc.c --- */
/* Assigns waiting exchanges to connections, in the next turn. */
void nd_httpc_dispatch(struct nd_httpc *c);
/* A connection could not be opened: ends one waiting exchange, or all if none is left. */
void nd_httpc_fail_waiting(struct nd_httpc *c, int err, const char *text);

/* --- httpc_exchange.c --- */
/* Iterates over NUL-terminated texts; start with NULL. */
const char *nd_httpc_next_text(const struct nd_buf *texts, const char *last);
/* Calls on_head. False: cancelled meanwhile, x may be freed. */
bool nd_httpc_give_head(struct nd_httpc_exchange *x, int status);
/* Calls on_data. False as above. */
bool nd_httpc_give_data(struct nd_httpc_exchange *x, const void *bytes, size_t n);
/* Delivers what was held; then ends x if it is complete and was not paused again. False: x may be
 * freed. */
bool nd_httpc_give_held(struct nd_httpc_exchange *x);
/* Removes x from its connection, calls on_end, frees x. why: NULL if no error. */
void nd_httpc_end(struct nd_httpc_exchange *x, int err, const char *why);
/* The request had no effect: queues x again (once), otherwise ends it with err. */
void nd_httpc_retry_or_end(struct nd_httpc_exchange *x, int err, const char *why);
/* Arms the timer for the current state of x. */
void nd_httpc_arm_timer(struct nd_httpc_exchange *x);

/* --- httpc_conn.c --- */
/* 0: connecting. On error the caller calls nd_httpc_fail_waiting(). */
int nd_httpc_conn_new(struct nd_httpc *client, char text[ND_TLS_TEXT_MAX]);
void nd_httpc_conn_begin(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
/* Removes x from the connection. */
void nd_httpc_conn_leave(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
/* Closes the connection. Its exchanges were removed, or are ended by the caller. */
void nd_httpc_conn_kill(struct nd_httpc_conn *c);
/* Closes the connection and ends its exchanges with err. */
void nd_httpc_conn_fail(struct nd_httpc_conn *c, int err);
/* Sets the error text; returns err. */
int nd_httpc_conn_set_error(struct nd_httpc_conn *c, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int nd_httpc_conn_write(struct nd_httpc_conn *c, const void *bytes, size_t n);
/* Has the engine send its output in the next turn. */
void nd_httpc_conn_drain_later(struct nd_httpc_conn *c);
size_t nd_httpc_conn_queued(const struct nd_httpc_conn *c);
void nd_httpc_conn_pause(struct nd_httpc_conn *c, bool paused);
void nd_httpc_conn_enter(struct nd_httpc_conn *c);
void nd_httpc_conn_exit(struct nd_httpc_conn *c);
void nd_httpc_conn_drop(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
/* Events of the TCP or TLS stream. */
void nd_httpc_conn_opened(struct nd_httpc_conn *c, const char *alpn);
void nd_httpc_conn_received(struct nd_httpc_conn *c, const uint8_t *bytes, size_t n);
/* err 0: orderly end of the stream. */
void nd_httpc_conn_closed(struct nd_httpc_conn *c, int err, const char *why);
void nd_httpc_conn_drained(struct nd_httpc_conn *c);
void nd_httpc_conn_on_timer(struct nd_timer *t);

/* --- httpc_dial.c --- */
/* Starts to connect. 0, or an error, for which text may have the reason. */
int nd_httpc_dial(struct nd_httpc_conn *c, char text[ND_TLS_TEXT_MAX]);
/* The attempt timed out: tries the next address, or fails the connection. */
void nd_httpc_dial_on_timeout(struct nd_httpc_conn *c);
/* Closes the stream, and cancels the lookup. */
void nd_httpc_dial_close(struct nd_httpc_conn *c);
