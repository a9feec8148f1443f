/* SPDX-License-Identifier: Apache-2.0 */
/* httpc_parts.h - what the files of the HTTP client share: httpc.c (the client: which connection an
 * exchange gets), httpc_exchange.c (an exchange's life), httpc_conn.c (a connection: bytes and
 * time), httpc_dial.c (how it comes to stand), h1.c and h2.c (what is said on it). For nobody else.
 *
 * Lifetimes: callbacks may cancel, free the client, and so end what is being worked on. Each struct
 * has a count of the functions that are in it (busy); what is gone is freed when the outermost
 * leaves.
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
	struct nd_httpc_conn *conn; /* NULL: waits for one, or has left it */
	struct nd_httpc_handler handler;
	/* The request, until the head of its response is there: texts, each with its NUL, method,
	 * target, then names and values in turn. */
	struct nd_buf request, body;
	size_t body_sent;
	bool is_head, safe; /* HEAD; GET or HEAD */
	uint64_t head_ns, idle_ns;
	uint64_t heard;         /* conn->heard when it began there */
	struct nd_timer timer;  /* head_ns, then idle_ns */
	struct nd_timer resume; /* what was held goes out */
	unsigned busy;
	bool gone, paused, headed,
		again; /* headed: on_head was called; again: was sent once more */
	unsigned version;
	int status;
	struct nd_buf head; /* response: names and values in turn, each with its NUL */
	/* h2.c: */
	int32_t stream;     /* 0: none (any more) */
	struct nd_buf held; /* came while paused */
	bool whole; /* ended well while paused: it has left its connection, and waits for its owner */
	char text[ND_HTTPC_TEXT_MAX];
};

/* What is said on a connection. Functions that return int: 0, or an error (nd_httpc_conn_say() said
 * why) after which the connection is failed by who called. */
struct nd_httpc_engine {
	unsigned version;
	bool many; /* exchanges at a time */
	int (*open)(struct nd_httpc_conn *c);
	void (*clear)(struct nd_httpc_conn *c);
	int (*begin)(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
	int (*feed)(struct nd_httpc_conn *c, const uint8_t *bytes, size_t n);
	/* The stream is over as its end was said (not: cut). Exchanges that end with it are ended. */
	void (*eof)(struct nd_httpc_conn *c);
	/* Its owner wants no more of it; x has left. */
	void (*drop)(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
	/* Hold back, or let go on: the latter never from inside a callback. */
	void (*pause)(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
	int (*resume)(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
	int (*drain)(struct nd_httpc_conn *c);
	int (*ping)(struct nd_httpc_conn *c); /* NULL: knows none */
};

struct nd_httpc_conn {
	struct nd_list node; /* in client->conns until dead */
	struct nd_httpc *client;
	struct nd_lookup *lookup; /* under way; then */
	struct nd_addr addrs[ND_LOOKUP_ADDRS_MAX];
	size_t naddrs, tried;      /* tried: the last of them is under way, or stands */
	uint64_t until_ns;         /* by then it must stand */
	struct nd_tcp *tcp;        /* one of the two, */
	struct nd_tls_stream *tls; /* NULL when it is gone */
	const struct nd_httpc_engine *engine;
	void *self; /* the engine's */
	unsigned busy;
	bool open, dead, draining; /* draining: takes no more exchanges */
	struct nd_list exchanges;
	unsigned count, served;
	uint64_t heard, heard_ns; /* how often something came, and when it last did */
	uint64_t pinged_ns;       /* 0: no ping is out */
	struct nd_timer timer;    /* connect_ns; keep_ns; ping_ns and pong_ns */
	struct nd_timer soon;     /* sends what there is */
	char text[ND_TLS_TEXT_MAX];
};

struct nd_httpc {
	struct nd_loop *loop;
	struct nd_httpc_config config; /* its texts are `host` and those of target */
	struct nd_tls_target target;   /* if config.tls */
	char *host, *name;
	char where[ND_HTTPC_TEXT_MAX]; /* for messages */
	unsigned version;              /* what the last connection spoke; 0: not known yet */
	struct nd_list waiting, all, conns;
	unsigned nwaiting, busy;
	bool gone;
	struct nd_timer kick; /* looks for connections for those who wait */
	struct nd_httpc_stats stats;
};

/* --- httpc.c --- */
void nd_httpc_kick(struct nd_httpc *c);
/* No connection could be made, or one is lost that had not opened. */
void nd_httpc_fail_waiting(struct nd_httpc *c, int err, const char *text);

/* --- httpc_exchange.c --- */
/* The request's texts one after the other; start with NULL. */
const char *nd_httpc_next_text(const struct nd_buf *texts, const char *last);
/* The head is there; false: cancelled meanwhile, x may be gone. */
bool nd_httpc_give_head(struct nd_httpc_exchange *x, int status);
bool nd_httpc_give_data(struct nd_httpc_exchange *x, const void *bytes, size_t n);
/* Gives what was held and, if it is whole by then and not paused again, ends it. False: x may be
 * gone. */
bool nd_httpc_give_held(struct nd_httpc_exchange *x);
/* Leaves its connection, tells its owner, is gone. why: NULL for no error. */
void nd_httpc_end(struct nd_httpc_exchange *x, int err, const char *why);
/* Had no effect: waits again if it may (once); else ends with that. */
void nd_httpc_end_or_again(struct nd_httpc_exchange *x, int err, const char *why);
/* Arms what watches over x in the state it is in. */
void nd_httpc_watch(struct nd_httpc_exchange *x);

/* --- httpc_conn.c --- */
/* 0: under way. Else nd_httpc_fail_waiting() is for the caller. */
int nd_httpc_conn_new(struct nd_httpc *client, char text[ND_TLS_TEXT_MAX]);
void nd_httpc_conn_begin(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
/* x is no longer its business. */
void nd_httpc_conn_leave(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
/* Closes it; its exchanges have left or are about to be told. */
void nd_httpc_conn_kill(struct nd_httpc_conn *c);
/* Closes it and ends its exchanges so. */
void nd_httpc_conn_fail(struct nd_httpc_conn *c, int err);
/* Notes why; returns err. */
int nd_httpc_conn_say(struct nd_httpc_conn *c, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int nd_httpc_conn_write(struct nd_httpc_conn *c, const void *bytes, size_t n);
/* Has the engine send what it has, not from inside the caller. */
void nd_httpc_conn_soon(struct nd_httpc_conn *c);
size_t nd_httpc_conn_queued(const struct nd_httpc_conn *c);
void nd_httpc_conn_pause(struct nd_httpc_conn *c, bool paused);
void nd_httpc_conn_enter(struct nd_httpc_conn *c);
void nd_httpc_conn_exit(struct nd_httpc_conn *c);
void nd_httpc_conn_drop(struct nd_httpc_conn *c, struct nd_httpc_exchange *x);
/* From the stream below. */
void nd_httpc_conn_opened(struct nd_httpc_conn *c, const char *alpn);
void nd_httpc_conn_heard(struct nd_httpc_conn *c, const uint8_t *bytes, size_t n);
void nd_httpc_conn_closed(struct nd_httpc_conn *c, int err,
			  const char *why); /* err 0: its end was said */
void nd_httpc_conn_drained(struct nd_httpc_conn *c);
void nd_httpc_conn_on_time(struct nd_timer *t);

/* --- httpc_dial.c --- */
/* Begins to connect: 0; else text may say why. */
int nd_httpc_dial(struct nd_httpc_conn *c, char text[ND_TLS_TEXT_MAX]);
/* The time of an attempt is over: the next address, or the end. */
void nd_httpc_dial_late(struct nd_httpc_conn *c);
void nd_httpc_dial_hang_up(struct nd_httpc_conn *c);
