/* SPDX-License-Identifier: Apache-2.0 */
/* truth.h - the records of the simulated world's names, and the check of an answer.
 *
 * Names: nN.test. (addresses that follow from N), xN.test. (NXDOMAIN), bN.test. (too many addresses
 * for UDP). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "wire/msg.h"

enum { SIM_TRUTH_TTL = 20, SIM_TRUTH_BIG = 60 };

/* Writes a query; returns its length. */
size_t sim_truth_question(uint8_t *out, size_t cap, uint16_t id, char kind, unsigned n,
			  uint16_t type);
/* The number of the name that a query or an answer has in its question. False: a name of another
 * world. */
bool sim_truth_number(const uint8_t *message, size_t n, unsigned *number);
/* Writes an upstream's correct answer to a query, truncated to limit with TC set. lie: one address
 * is wrong. Returns its length; 0: an unknown question. */
size_t sim_truth_answer(const uint8_t *question, size_t n, uint8_t *out, size_t limit, bool lie);

enum sim_verdict { SIM_RIGHT, SIM_FAILED /* SERVFAIL */, SIM_TRUNCATED, SIM_WRONG };
/* Checks a reply to a query; why: static text, for SIM_WRONG. */
enum sim_verdict sim_truth_judge(const uint8_t *question, size_t qn, const uint8_t *reply, size_t n,
				 const char **why);
