/* SPDX-License-Identifier: Apache-2.0 */
/* truth.h - what every name has in the simulated world, and whether an answer says so.
 *
 * Names: nN.test. (addresses that follow from N), xN.test. (NXDOMAIN), bN.test. (so many addresses
 * that UDP truncates them). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/msg.h"

enum { SIM_TRUTH_TTL = 20, SIM_TRUTH_BIG = 60 };

/* The question's bytes; returns their length. */
size_t sim_truth_question(uint8_t *out, size_t cap, uint16_t id, char kind, unsigned n,
			  uint16_t type);
/* The whole true answer to a question message, as an upstream gives it; truncated to limit with TC
 * set. lie: one address is wrong. Returns its length; 0: not a question it knows. */
size_t sim_truth_answer(const uint8_t *question, size_t n, uint8_t *out, size_t limit, bool lie);

enum sim_verdict { SIM_RIGHT, SIM_FAILED /* SERVFAIL */, SIM_TRUNCATED, SIM_WRONG };
/* What a client makes of a reply to its question; why: static text, for SIM_WRONG. */
enum sim_verdict sim_truth_judge(const uint8_t *question, size_t qn, const uint8_t *reply, size_t n,
				 const char **why);
