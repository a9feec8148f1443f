/* SPDX-License-Identifier: Apache-2.0 */
/* forge.h - what a hostile upstream, or one who guesses its port, sends: messages that do not
 * answer the query, and answers that are broken.
 *
 * Addresses in forged records are 66.6.6.6, which no source gives. Pure but for the randomness.
 * Threads: the simulation has one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_FORGE_MAX = 1024 };

/* Writes a message that is not an answer to the question: another id, name or type, no response,
 * too short, random bytes (over UDP). Returns its length. */
size_t sim_forge_message(const uint8_t *question, size_t n, bool stream,
			 uint8_t out[SIM_FORGE_MAX]);
/* Changes an answer of n bytes that has room for SIM_FORGE_MAX: cut, broken records, records of
 * other names, an error without the question. Returns its length. */
size_t sim_forge_answer(uint8_t *answer, size_t n);
