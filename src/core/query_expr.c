/* SPDX-License-Identifier: Apache-2.0 */
#include "core/query_expr.h"

#include <stdio.h>
#include <string.h>
#include "core/offer.h"
#include "core/site.h"

struct call {
	struct nd_query *q;
	const struct nd_value *args;
	size_t nargs;
	struct nd_arena *a;
};

static struct nd_value text_value(struct nd_arena *a, const char *text)
{
	char *copy = nd_arena_string(a, text);

	return copy ? nd_value_string(copy, strlen(copy)) : nd_value_limit();
}

/* --- of the query --- */

static struct nd_value type(const struct call *c)
{
	char text[ND_NUMBER_TEXT_MAX];

	return text_value(c->a, nd_type_text(c->q->msg.qtype, text));
}

static struct nd_value name(const struct call *c)
{
	char text[ND_NAME_TEXT_MAX];

	nd_name_format(c->q->msg.qname, text);
	return text_value(c->a, text);
}

static struct nd_value class(const struct call *c)
{
	char text[ND_NUMBER_TEXT_MAX];

	return text_value(c->a, nd_type_class_text(c->q->msg.qclass, text));
}

static struct nd_value proto(const struct call *c)
{
	return text_value(c->a, nd_query_proto_text[c->q->client.proto]);
}

static struct nd_value address_value(struct nd_arena *a, const struct nd_addr *addr)
{
	char ip[ND_ADDR_TEXT_MAX];

	nd_addr_format_ip(addr, ip);
	return text_value(a, addr->len ? ip : "::");
}

static struct nd_value port_value(struct nd_arena *a, const struct nd_addr *addr)
{
	char text[ND_NUMBER_TEXT_MAX];

	snprintf(text, sizeof text, "%u", nd_addr_port(addr));
	return text_value(a, text);
}

static struct nd_value client_ip(const struct call *c)
{
	return address_value(c->a, &c->q->client.peer);
}

static struct nd_value port(const struct call *c)
{
	return port_value(c->a, &c->q->client.peer);
}

static struct nd_value server_ip(const struct call *c)
{
	return address_value(c->a, &c->q->client.local);
}

static struct nd_value server_port(const struct call *c)
{
	return port_value(c->a, &c->q->endpoint->addr);
}

static struct nd_value size(const struct call *c)
{
	return nd_value_int(c->q->size);
}

static struct nd_value id(const struct call *c)
{
	return nd_value_int(c->q->msg.id);
}

static struct nd_value opcode(const struct call *c)
{
	return nd_value_int(nd_msg_opcode(&c->q->msg));
}

static struct nd_value dnssec_ok(const struct call *c)
{
	return nd_value_bool(c->q->msg.edns.dnssec_ok);
}

static struct nd_value bufsize(const struct call *c)
{
	return nd_value_int(nd_query_limit(c->q));
}

/* --- with arguments --- */

static bool are_texts(const struct call *c)
{
	for (size_t i = 0; i < c->nargs; i++)
		if (c->args[i].kind != ND_VALUE_STRING)
			return false;
	return true;
}

static struct nd_value in_cidr(const struct call *c)
{
	char ip[ND_ADDR_TEXT_MAX], net[ND_ADDR_TEXT_MAX];
	struct nd_addr addr;
	struct nd_cidr cidr;

	if (!are_texts(c))
		return nd_value_error(c->a, "incidr takes an address and a network");
	snprintf(ip, sizeof ip, "%.*s", (int)c->args[0].s.len, c->args[0].s.text);
	snprintf(net, sizeof net, "%.*s", (int)c->args[1].s.len, c->args[1].s.text);
	if (nd_addr_parse_ip(ip, 0, &addr))
		return nd_value_error(c->a, "first argument is not an IP address");
	if (!strchr(net, '/') || nd_cidr_parse(net, &cidr))
		return nd_value_error(c->a, "invalid CIDR address: %s", net);
	return nd_value_bool(nd_cidr_has(&cidr, &addr));
}

static struct nd_value metadata(const struct call *c)
{
	char label[ND_OFFER_LABEL_MAX], out[ND_OFFER_LABEL_MAX];

	if (!are_texts(c))
		return nd_value_error(c->a, "metadata takes a label like \"PLUGIN/NAME\"");
	if (c->args[0].s.len >= sizeof label)
		return nd_value_string("", 0);
	memcpy(label, c->args[0].s.text, c->args[0].s.len);
	label[c->args[0].s.len] = '\0';
	int len = nd_offer_label(c->q, label, out, sizeof out);
	if (len <= 0)
		return nd_value_string("", 0);
	const char *copy = nd_arena_text(c->a, out, (size_t)len);
	return copy ? nd_value_string(copy, (size_t)len) : nd_value_limit();
}

/* --- by name --- */

enum {
	F_BUFSIZE,
	F_CLASS,
	F_CLIENT_IP,
	F_DO,
	F_ID,
	F_INCIDR,
	F_METADATA,
	F_NAME,
	F_OPCODE,
	F_PORT,
	F_PROTO,
	F_SERVER_IP,
	F_SERVER_PORT,
	F_SIZE,
	F_TYPE,
	F_COUNT,
};

const struct nd_expr_function nd_query_expr_functions[] = {
	[F_BUFSIZE] = { "bufsize", ND_VALUE_INT, "" },
	[F_CLASS] = { "class", ND_VALUE_STRING, "" },
	[F_CLIENT_IP] = { "client_ip", ND_VALUE_STRING, "" },
	[F_DO] = { "do", ND_VALUE_BOOL, "" },
	[F_ID] = { "id", ND_VALUE_INT, "" },
	[F_INCIDR] = { "incidr", ND_VALUE_BOOL, "ss" },
	[F_METADATA] = { "metadata", ND_VALUE_STRING, "s" },
	[F_NAME] = { "name", ND_VALUE_STRING, "" },
	[F_OPCODE] = { "opcode", ND_VALUE_INT, "" },
	[F_PORT] = { "port", ND_VALUE_STRING, "" },
	[F_PROTO] = { "proto", ND_VALUE_STRING, "" },
	[F_SERVER_IP] = { "server_ip", ND_VALUE_STRING, "" },
	[F_SERVER_PORT] = { "server_port", ND_VALUE_STRING, "" },
	[F_SIZE] = { "size", ND_VALUE_INT, "" },
	[F_TYPE] = { "type", ND_VALUE_STRING, "" },
	[F_COUNT] = { 0 },
};

static struct nd_value (*const calls[F_COUNT])(const struct call *c) = {
	[F_BUFSIZE] = bufsize,
	[F_CLASS] = class,
	[F_CLIENT_IP] = client_ip,
	[F_DO] = dnssec_ok,
	[F_ID] = id,
	[F_INCIDR] = in_cidr,
	[F_METADATA] = metadata,
	[F_NAME] = name,
	[F_OPCODE] = opcode,
	[F_PORT] = port,
	[F_PROTO] = proto,
	[F_SERVER_IP] = server_ip,
	[F_SERVER_PORT] = server_port,
	[F_SIZE] = size,
	[F_TYPE] = type,
};

struct nd_value nd_query_expr_call(struct nd_query *q, const char *function,
				   const struct nd_value *args, size_t nargs, struct nd_arena *a)
{
	const struct call c = { .q = q, .args = args, .nargs = nargs, .a = a };

	for (size_t i = 0; i < F_COUNT; i++)
		if (strcmp(nd_query_expr_functions[i].name, function) == 0)
			return calls[i](&c);
	return nd_value_error(a, "unknown name %s", function);
}
