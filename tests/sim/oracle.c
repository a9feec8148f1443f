/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/oracle.h"

#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/hash.h"
#include "wire/msg.h"
#include "wire/rr.h"
#include "wire/type.h"
#include "wire/writer.h"

#define CLUSTER ".default.svc.cluster.local."
static const uint8_t service_address[4] = { 10, 96, 0, 10 };

static const char manifest[] =
	"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: default\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata:\n  name: svc\n  namespace: default\n"
	"spec:\n  type: ClusterIP\n  clusterIP: 10.96.0.10\n  ports: [{port: 80}]\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata:\n  name: partner\n  namespace: default\n"
	"spec:\n  type: ExternalName\n  externalName: api.up.test\n---\n"
	"apiVersion: v1\nkind: Service\nmetadata:\n  name: lb\n  namespace: default\n"
	"spec:\n  type: LoadBalancer\n  clusterIP: 10.96.0.11\n  ports: [{port: 80}]\n"
	"status:\n  loadBalancer:\n    ingress: [{hostname: balancer.up.test}]\n";
static const char resolv_conf[] = "search default.svc.cluster.local svc.cluster.local "
				  "cluster.local\n";

/* CNAMEs, by owner; "*" is the rest of a name. */
static const struct {
	const char *owner, *target;
} cnames[] = {
	{ "partner" CLUSTER, "api.up.test." },
	{ "*.tpl.test.", "a.chain.test." },
	{ "a.chain.test.", "z.up.test." },
	{ "*.rw.test.", "new.up.test." },
	{ "lb.default.ext.test.", "balancer.up.test." },
};

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	ND_ASSERT(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

void sim_oracle_write_files(const char *dir)
{
	write_file(dir, "manifest.yaml", manifest);
	write_file(dir, "resolv.conf", resolv_conf);
}

void sim_oracle_remove_files(const char *dir)
{
	static const char *const names[] = { "/manifest.yaml", "/resolv.conf", "" };
	char path[256];

	for (size_t i = 0; i < ND_COUNT(names); i++) {
		snprintf(path, sizeof path, "%s%s", dir, names[i]);
		remove(path);
	}
}

void sim_oracle_corefile(char *out, size_t cap, const char *dir, bool second, bool cache)
{
	int n = snprintf(
		out, cap,
		"%s {\n  bind 10.0.0.1\n  errors\n%s"
		"  autopath cluster.local %s/resolv.conf\n"
		"  rewrite cname exact old.up.test. new.up.test.\n"
		"  template IN A tpl.test {\n    answer \"{{ .Name }} 5 IN CNAME a.chain.test.\"\n"
		"  }\n"
		"  template IN A chain.test {\n    answer \"{{ .Name }} 5 IN CNAME z.up.test.\"\n"
		"  }\n"
		"  kubernetes cluster.local {\n    source %s/manifest.yaml\n  }\n"
		"  k8s_external ext.test\n"
		"  forward . 10.0.1.1:53 10.0.1.2:53\n}\n",
		second ? ".:53 .:54" : ".:53", cache ? "  cache 5\n" : "", dir, dir);

	ND_ASSERT(n > 0 && (size_t)n < cap);
}

size_t sim_oracle_question(uint8_t *out, size_t cap, uint16_t id, enum sim_oracle_kind kind,
			   unsigned n, bool edns)
{
	static const char *const forms[SIM_ORACLE_KINDS] = {
		[SIM_ORACLE_PLAIN] = "n%u.up.test.",
		[SIM_ORACLE_SERVICE] = "svc" CLUSTER,
		[SIM_ORACLE_EXTERNAL] = "partner" CLUSTER,
		[SIM_ORACLE_TEMPLATE] = "t%u.tpl.test.",
		[SIM_ORACLE_REWRITE] = "r%u.rw.test.",
		[SIM_ORACLE_AUTOPATH] = "w%u.up.test" CLUSTER,
		[SIM_ORACLE_LOADBALANCER] = "lb.default.ext.test.",
		[SIM_ORACLE_SILENT] = "f%u.silent.test.",
	};
	struct nd_writer w = nd_writer_over(out, cap);
	char text[128];
	struct nd_name_buf buf;
	struct nd_name name;

	const char *number = strstr(forms[kind], "%u");
	if (number)
		snprintf(text, sizeof text, "%.1s%u%s", forms[kind], n, number + 2);
	else
		snprintf(text, sizeof text, "%s", forms[kind]);
	ND_ASSERT(nd_name_parse(text, false, &buf, &name) == 0);
	nd_writer_u16(&w, id);
	nd_writer_u16(&w, ND_FLAG_RD);
	nd_writer_u16(&w, 1);
	nd_writer_u32(&w, 0);
	nd_writer_u16(&w, edns);
	nd_writer_bytes(&w, name.wire, name.len);
	nd_writer_u16(&w, ND_TYPE_A);
	nd_writer_u16(&w, ND_CLASS_IN);
	if (edns)
		nd_edns_write(&w, &(struct nd_edns){ .udp_size = 1232 });
	ND_ASSERT(!w.err);
	return w.pos;
}

/* --- the records of a name, in lower-case text --- */

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* The target of the CNAME that a client must see. False: the name has none. */
static bool cname_of(const char *name, char target[ND_NAME_TEXT_MAX])
{
	for (size_t i = 0; i < ND_COUNT(cnames); i++) {
		const char *owner = cnames[i].owner;
		if (owner[0] == '*' ? ends_with(name, owner + 1) : strcmp(name, owner) == 0) {
			snprintf(target, ND_NAME_TEXT_MAX, "%s", cnames[i].target);
			return true;
		}
	}
	if (!ends_with(name, ".up.test" CLUSTER)) /* autopath */
		return false;
	snprintf(target, ND_NAME_TEXT_MAX, "%.*s.", (int)(strlen(name) - strlen(CLUSTER)), name);
	return true;
}

/* The upstream's CNAME, which remains if the lookup of the new target fails. */
static bool is_original(const char *owner, const char *target)
{
	return ends_with(owner, ".rw.test.") && strcmp(target, "old.up.test.") == 0;
}

static bool address_of(const char *name, uint8_t address[4])
{
	if (strcmp(name, "svc" CLUSTER) == 0) {
		memcpy(address, service_address, 4);
		return true;
	}
	if (!ends_with(name, ".up.test.") || strcmp(name, "old.up.test.") == 0)
		return false;
	uint64_t h = nd_hash_mix(nd_hash_add(ND_HASH_START, name, strlen(name)));
	memcpy(address, &h, 4);
	address[0] = 11;
	return true;
}

size_t sim_oracle_answer(const uint8_t *question, size_t n, uint8_t *out, size_t limit, bool lie)
{
	struct nd_name_buf buf, target;
	struct nd_name name;
	struct nd_msg m;
	char text[ND_NAME_TEXT_MAX];
	uint8_t address[4];

	if (nd_msg_parse_query(&m, question, n, &buf) != ND_MSG_OK)
		return 0;
	nd_name_format(m.qname, text);
	bool rewritten = ends_with(text, ".rw.test.");
	bool found = rewritten || (m.qtype == ND_TYPE_A && address_of(text, address));
	if (ends_with(text, ".silent.test.") || lie)
		return 0;
	struct nd_writer w = nd_writer_over(out, limit);
	nd_writer_u16(&w, m.id);
	nd_writer_u16(&w, ND_FLAG_QR | ND_FLAG_RD | ND_FLAG_RA);
	nd_writer_u16(&w, 1);
	nd_writer_u16(&w, found);
	nd_writer_u32(&w, 0);
	nd_writer_bytes(&w, question + ND_MSG_HEADER, m.question_end - (size_t)ND_MSG_HEADER);
	if (found) {
		ND_ASSERT(nd_name_parse("old.up.test.", true, &target, &name) == 0);
		nd_writer_u16(&w, 0xc00c);
		nd_writer_u16(&w, rewritten ? ND_TYPE_CNAME : ND_TYPE_A);
		nd_writer_u16(&w, ND_CLASS_IN);
		nd_writer_u32(&w, 5);
		nd_writer_u16(&w, rewritten ? name.len : 4);
		nd_writer_bytes(&w, rewritten ? name.wire : address, rewritten ? name.len : 4u);
	}
	return w.err ? 0 : w.pos;
}

/* --- the check --- */

static bool read_name(const struct nd_msg *m, size_t at, char text[ND_NAME_TEXT_MAX])
{
	struct nd_reader r = nd_reader_over(m->base, m->len);
	struct nd_name_buf buf;
	struct nd_name name;

	r.pos += at;
	if (nd_name_read(&r, true, &buf, &name))
		return false;
	nd_name_format(name, text);
	return true;
}

/* The names that an answer leads to: the question's, and targets of its CNAMEs. */
struct trail {
	unsigned n;
	char name[8][ND_NAME_TEXT_MAX];
	bool found; /* an address */
};

static bool on_trail(const struct trail *t, const char *name)
{
	for (unsigned i = 0; i < t->n; i++)
		if (strcmp(t->name[i], name) == 0)
			return true;
	return false;
}

/* NULL: the record follows from its owner's name. autopath may give the first CNAME twice, as
 * CoreDNS's does. */
static const char *judge_record(const struct nd_msg *m, const struct nd_rr *rr, struct trail *t)
{
	char owner[ND_NAME_TEXT_MAX], want[ND_NAME_TEXT_MAX], target[ND_NAME_TEXT_MAX];
	uint8_t address[4];

	if (!read_name(m, rr->owner, owner) || !on_trail(t, owner))
		return "a record of another name";
	if (rr->type == ND_TYPE_CNAME) {
		if (!cname_of(owner, want) || !read_name(m, rr->rdata, target) ||
		    (strcmp(want, target) != 0 && !is_original(owner, target)))
			return "a CNAME that no source gave";
		if (!on_trail(t, target) && t->n < ND_COUNT(t->name))
			memcpy(t->name[t->n++], target, sizeof target);
		return NULL;
	}
	if (rr->type != ND_TYPE_A || rr->rdata_len != 4 || !address_of(owner, address) ||
	    memcmp(m->base + rr->rdata, address, 4) != 0)
		return "an address that no source gave";
	t->found = true;
	return NULL;
}

enum sim_oracle_verdict sim_oracle_judge(const uint8_t *question, size_t qn, const uint8_t *reply,
					 size_t n, const char **why)
{
	struct nd_name_buf buf;
	struct nd_msg m;
	struct trail t = { .n = 1 };
	struct nd_rr rr;

	*why = NULL;
	if (nd_msg_parse_response(&m, reply, n, &buf)) {
		*why = "a malformed reply";
		return SIM_ORACLE_WRONG;
	}
	size_t end = qn < m.question_end ? qn : m.question_end;
	if (memcmp(question, reply, 2) != 0 || m.count[0] != 1 ||
	    memcmp(question + ND_MSG_HEADER, reply + ND_MSG_HEADER, end - ND_MSG_HEADER) != 0 ||
	    !read_name(&m, ND_MSG_HEADER, t.name[0])) {
		*why = "the reply to another question";
		return SIM_ORACLE_WRONG;
	}
	struct nd_rr_iter it = nd_rr_iter_over(&m);
	while (!*why && nd_rr_next(&it, &rr))
		if (rr.section == ND_SECTION_ANSWER)
			*why = judge_record(&m, &rr, &t);
	/* TC: the upstream's reply was cut, or too long. */
	bool cut = m.flags & ND_FLAG_TC && nd_msg_rcode(&m) == ND_RCODE_NOERROR;
	if (!*why && m.count[1] == 0 && (cut || nd_msg_rcode(&m) == ND_RCODE_SERVFAIL))
		return SIM_ORACLE_FAILED;
	if (!*why && nd_msg_rcode(&m) != ND_RCODE_NOERROR)
		*why = "a wrong rcode";
	if (!*why && !t.found && m.count[1] == 0)
		*why = "no records";
	return *why ? SIM_ORACLE_WRONG : t.found ? SIM_ORACLE_RIGHT : SIM_ORACLE_PART;
}
