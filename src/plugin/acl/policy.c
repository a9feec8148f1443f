/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/acl/policy.h"

#include <string.h>
#include <strings.h>
#include "base/err.h"
#include "wire/type.h"

/* --- matching --- */

static bool has_type(const struct nd_policy *p, uint16_t qtype)
{
	for (size_t i = 0; i < p->ntypes; i++)
		if (p->types[i] == qtype)
			return true;
	return p->any_type;
}

enum nd_policy_action nd_policy_match(const struct nd_policy *policies, size_t n,
				      const struct nd_addr *client, uint16_t qtype)
{
	for (const struct nd_policy *p = policies; p < policies + n; p++)
		if (has_type(p, qtype) && (p->any_net || nd_netset_has(&p->nets, client)))
			return p->action;
	return ND_POLICY_NONE;
}

/* --- reading --- */

/* A policy being read. */
struct draft {
	struct nd_setup *s;
	const struct nd_conf_line *line;
	struct nd_policy *p;
	uint16_t *types;
	struct nd_cidr *nets;
	size_t ntypes, nnets;
	bool type_given, net_given;
};

static bool starts_part(const char *word)
{
	return strcasecmp(word, "type") == 0 || strcasecmp(word, "net") == 0;
}

/* The names of miekg/dns, in their letters. "None" is type 0, with which CoreDNS means all. */
static int add_type(struct draft *d, const char *word)
{
	char text[ND_NUMBER_TEXT_MAX];
	int type = nd_type_parse(word, strlen(word));

	if (strcmp(word, "*") == 0 || strcmp(word, "None") == 0) {
		d->p->any_type = true;
		return 0;
	}
	if (type < 0 || strncmp(word, "TYPE", 4) == 0 ||
	    strcmp(nd_type_text((uint16_t)type, text), word) != 0)
		return nd_setup_invalid(d->s, d->line, "type", word,
					"the name of a record type, like \"AAAA\", or *");
	d->types[d->ntypes++] = (uint16_t)type;
	return 0;
}

static int add_net(struct draft *d, const char *word)
{
	if (strcmp(word, "*") == 0) {
		d->p->any_net = true;
		return 0;
	}
	if (nd_cidr_parse(word, &d->nets[d->nnets]))
		return nd_setup_invalid(d->s, d->line, "network", word,
					"an address or a CIDR, like \"10.0.0.0/8\", or *");
	d->nnets++;
	return 0;
}

/* Reads the words of one part, from args[*at] on. "*" ends it: CoreDNS does not read the words
 * after it. */
static int read_part(struct draft *d, size_t *at)
{
	const struct nd_conf_line *l = d->line;
	const char *part = l->args[*at];
	bool types = strcasecmp(part, "type") == 0, ended = false;
	size_t first = ++*at;

	for (; *at < l->nargs && !starts_part(l->args[*at]); ++*at) {
		const char *word = l->args[*at];
		int err = ended ? 0 : types ? add_type(d, word) : add_net(d, word);
		if (err)
			return err;
		ended |= strcmp(word, "*") == 0;
	}
	if (*at == first)
		return nd_setup_error(d->s, l, "\"%s\" needs at least one %s, or *", part,
				      types ? "record type" : "network");
	d->type_given |= types;
	d->net_given |= !types;
	return 0;
}

static int read_action(struct draft *d)
{
	static const struct {
		const char *word;
		enum nd_policy_action action;
	} actions[] = {
		{ "allow", ND_POLICY_ALLOW },
		{ "block", ND_POLICY_BLOCK },
		{ "filter", ND_POLICY_FILTER },
		{ "drop", ND_POLICY_DROP },
	};

	for (size_t i = 0; i < ND_COUNT(actions); i++)
		if (strcasecmp(actions[i].word, d->line->name) == 0) {
			d->p->action = actions[i].action;
			return 0;
		}
	return nd_setup_invalid(d->s, d->line, "action", d->line->name,
				"allow, block, filter or drop");
}

static int read_policy(struct nd_setup *s, const struct nd_conf_line *l, struct nd_policy *p)
{
	struct draft d = { .s = s, .line = l, .p = p };
	size_t at = 0;

	d.types = nd_arena_array(s->arena, l->nargs + 1, sizeof *d.types);
	d.nets = nd_arena_array(s->arena, l->nargs + 1, sizeof *d.nets);
	if (!d.types || !d.nets)
		return ND_ELIMIT;
	int err = read_action(&d);
	if (!err && l->has_block)
		return nd_setup_error(s, l, "\"%s\" takes no block; remove it", l->name);
	while (!err && at < l->nargs) {
		if (!starts_part(l->args[at]))
			return nd_setup_invalid(s, l, "word", l->args[at],
						"\"type\" or \"net\" after the action");
		err = read_part(&d, &at);
	}
	p->types = d.types;
	p->ntypes = d.ntypes;
	p->any_type |= !d.type_given;
	p->any_net |= !d.net_given;
	return err ? err : nd_netset_make(d.nets, d.nnets, s->arena, &p->nets);
}

int nd_policy_read(struct nd_setup *s, const struct nd_conf_line *directive,
		   const struct nd_policy **policies, size_t *n)
{
	struct nd_policy *p = nd_arena_array(s->arena, directive->nblock + 1, sizeof *p);
	int err = p ? 0 : ND_ELIMIT;

	for (size_t i = 0; !err && i < directive->nblock; i++)
		err = read_policy(s, &directive->block[i], &p[i]);
	*policies = p;
	*n = directive->nblock;
	return err;
}
