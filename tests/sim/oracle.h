/* SPDX-License-Identifier: Apache-2.0 */
/* oracle.h - what the sources of the scene under pressure give for each name, and the check of an
 * answer: each of its records must come from a source that gives it for that name.
 *
 * A record follows from its owner's name, so one that was written into another answer, or over
 * another's records, is found. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of questions, by the plugin that asks again. */
enum sim_oracle_kind {
	SIM_ORACLE_PLAIN,    /* none: forward */
	SIM_ORACLE_SERVICE,  /* none: kubernetes */
	SIM_ORACLE_EXTERNAL, /* kubernetes: a Service of type ExternalName */
	SIM_ORACLE_TEMPLATE, /* template: a CNAME to a CNAME, both by templates */
	SIM_ORACLE_REWRITE,  /* rewrite cname: a CNAME of the upstream is replaced */
	SIM_ORACLE_AUTOPATH,
	SIM_ORACLE_LOADBALANCER, /* k8s_external: a load balancer with a host name */
	SIM_ORACLE_SILENT,       /* no upstream answers */
	SIM_ORACLE_KINDS
};

/* The Corefile, with its manifest and resolv.conf in the folder dir. second: also listens on port
 * 54. */
void sim_oracle_corefile(char *out, size_t cap, const char *dir, bool second, bool cache);
/* Writes the manifest and resolv.conf into the folder. */
void sim_oracle_write_files(const char *dir);
/* Removes the folder with them. */
void sim_oracle_remove_files(const char *dir);

/* Writes the n-th question of this kind; returns its length. */
size_t sim_oracle_question(uint8_t *out, size_t cap, uint16_t id, enum sim_oracle_kind kind,
			   unsigned n, bool edns);
/* An upstream's answer, as in sim_upstream_set_answer(); 0: none. */
size_t sim_oracle_answer(const uint8_t *question, size_t n, uint8_t *out, size_t limit, bool lie);

enum sim_oracle_verdict {
	SIM_ORACLE_RIGHT,  /* with an address */
	SIM_ORACLE_PART,   /* CNAMEs only: the target was not found in time */
	SIM_ORACLE_FAILED, /* SERVFAIL, or TC without records */
	SIM_ORACLE_WRONG
};
/* Checks a reply to a query. why: static text, for SIM_ORACLE_WRONG. */
enum sim_oracle_verdict sim_oracle_judge(const uint8_t *question, size_t qn, const uint8_t *reply,
					 size_t n, const char **why);
