/* SPDX-License-Identifier: Apache-2.0 */
/* rig.h - a worker without sockets, in one thread: the text of a Corefile, queries in, replies out.
 *
 * A test may define nd_plugins and nd_plugins_unsupported to bring its own plugins. Log lines are
 * captured.
 *
 * Owns:    everything it opens, until nd_rig_close().
 * Threads: one.
 * Errors:  fail the test.
 */
#pragma once

#include "core/chain.h"
#include "core/gen.h"
#include "core/worker.h"

struct nd_rig {
	struct nd_loop *loop;
	struct nd_process process;
	struct nd_worker worker;
	struct nd_gen *gen;
	struct nd_gen *old; /* replaced, but with parked queries; freed at the end */
	struct nd_diag diag;
	struct nd_timer timer;
	struct nd_origin origin; /* of all requests */
	struct nd_addr peer;     /* the client; a test may set it */
	uint64_t ahead_ns;       /* added to the worker's clock */
	/* The last reply. */
	unsigned replies;
	uint8_t bytes[ND_MSG_MAX];
	size_t len;
	struct nd_msg msg;
	struct nd_name_buf name;
	char text[16384];
	char page[65536];
	int status;
	char log[16384], lines[16384]; /* captured; returned last */
	size_t log_len;
};

/* Fails the test (with the diag's text) if the Corefile does not serve. */
void nd_rig_open(struct nd_rig *r, const char *corefile);
/* Loads another text into the same process, as a reload does. */
void nd_rig_reload(struct nd_rig *r, const char *corefile);
void nd_rig_close(struct nd_rig *r);
/* The message with which a Corefile is refused; fails the test if it is accepted. Valid until the
 * next call; the configuration in use stays. */
const char *nd_rig_refuse(struct nd_rig *r, const char *corefile);
/* The metrics page of the configuration in use. Valid until the next call. */
const char *nd_rig_metrics(struct nd_rig *r);
/* The log lines since the last call. Valid until the next call. */
const char *nd_rig_log(struct nd_rig *r);
/* A TCP and UDP port of the loopback address that was free a moment ago. */
uint16_t nd_rig_free_port(void);
/* GET http://127.0.0.1:port/path while the loop runs: the status, or 0 without a reply within 2 s;
 * the body is in r->page. */
int nd_rig_get(struct nd_rig *r, uint16_t port, const char *path);
/* Sends a query over "UDP" from 127.0.0.1:4000; edns: size, 0 for none. True if there was a reply
 * at once. */
bool nd_rig_ask(struct nd_rig *r, const char *name, uint16_t type, uint16_t flags, uint16_t edns);
bool nd_rig_send(struct nd_rig *r, const void *bytes, size_t n, enum nd_proto proto);
/* Writes a query; returns its length. */
size_t nd_rig_question(uint8_t *out, const char *name, uint16_t type, uint16_t flags,
		       uint16_t edns);
/* Record i of the last reply, counted over all sections. False: there is none. */
bool nd_rig_record(struct nd_rig *r, unsigned i, struct nd_rr *rr);
/* The last reply as "RCODE FLAGS; AN owner ttl TYPE data; NS ...", flags aa and tc where set, OPT
 * left out. */
const char *nd_rig_text(struct nd_rig *r);
unsigned nd_rig_rcode(const struct nd_rig *r);
/* Runs the loop for this time. */
void nd_rig_run(struct nd_rig *r, uint64_t ms);
