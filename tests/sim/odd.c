/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/odd.h"

#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/time.h"
#include "kube/watch.h"
#include "sim/world.h"
#include "support/pbput.h"

/* The client requests ten pages as fast as it can, and then 20 a second (kube/watch_next.c). */
enum { FAST_PAGES = 10, PAUSE_MS = 50 };

static uint32_t draw(uint32_t below)
{
	return nd_world_random(ND_WORLD_CLIENTS, below);
}

/* --- objects --- */

static const char *odd_json(enum nd_object_kind kind)
{
	static const char *const any[] = {
		"\"metadata\":{\"name\":{}}",
		"\"metadata\":{\"name\":[\"a\"],\"namespace\":\"n\"}",
		"\"metadata\":{\"name\":\"a\\u0000b\",\"namespace\":\"n\"}",
		"\"metadata\":{\"name\":\"a\\ud800\",\"namespace\":\"n\"}",
		"\"metadata\":{\"namespace\":\"n\"}",
		"\"metadata\":null",
		"\"metadata\":[]",
	};
	unsigned n = draw(ND_COUNT(any) + 1);

	if (n < ND_COUNT(any) || kind == ND_OBJECT_NAMESPACE)
		return any[n % ND_COUNT(any)];
	return kind == ND_OBJECT_SERVICE
		       ? "\"metadata\":{\"name\":\"x\",\"namespace\":\"n\"},\"spec\":{\"ports\":[7]}"
		       : "\"metadata\":{\"name\":\"x\",\"namespace\":\"n\"},\"endpoints\":{}";
}

static void odd_pb(struct nd_buf *b)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{ "", 0 },
		{ "\x0a\x7f", 2 },          /* metadata longer than the object */
		{ "\x08\x01", 2 },          /* metadata that is a number */
		{ "\x0a\x03\x1a\x01n", 5 }, /* no name */
		{ "\x0a\x03\x0a\x05n", 5 }, /* a name longer than metadata */
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11 }, /* no tag */
	};
	unsigned n = draw(ND_COUNT(rows));

	nd_buf_add(b, rows[n].bytes, rows[n].n);
}

static const char *const versions[SIM_KINDS] = { "v1", "v1", "discovery.k8s.io/v1" };

void sim_odd_item(struct sim_page *p)
{
	struct nd_buf item;

	if (!p->pb) {
		nd_buf_printf(&p->items, "%s{%s}", p->items.len ? "," : "", odd_json(p->kind));
		return;
	}
	nd_buf_init(&item, 64);
	odd_pb(&item);
	nd_pbput_inside(&p->items, 2, &item);
}

void sim_odd_event(bool pb, enum nd_object_kind kind, struct nd_buf *to)
{
	static const char *const types[] = { "ADDED", "MODIFIED", "DELETED" };
	const char *type = types[draw(ND_COUNT(types))];
	struct nd_buf raw;

	if (!pb) {
		nd_buf_printf(to,
			      "{\"type\":\"%s\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s\","
			      "%s}}\n",
			      type, nd_object_kind_text[kind], versions[kind], odd_json(kind));
		return;
	}
	nd_buf_init(&raw, 64);
	odd_pb(&raw);
	nd_pbput_event(to, type, versions[kind], nd_object_kind_text[kind], &raw);
}

/* --- lists --- */

enum how { REPEATS, EMPTY, SHORT, HOWS };

static void complain(struct sim_odd_list *l, const char *what)
{
	if (!l->failure[0])
		snprintf(l->failure, sizeof l->failure, "a list without an end: %u pages %s",
			 l->pages, what);
}

/* A request that a connection lost may come again. */
static void check_pages(struct sim_odd_list *l, enum how how)
{
	uint64_t ms = (nd_world_now_ns() - l->begun_ns) / ND_MS(1);
	unsigned most = how == REPEATS ? 2
			: how == EMPTY ? ND_WATCH_EMPTY_PAGES_MAX
				       : ND_WATCH_PAGES_MAX;

	if (l->pages > most + 2)
		complain(l, "were requested");
	if (l->pages > FAST_PAGES + 2 && ms < (uint64_t)(l->pages - FAST_PAGES - 2) * PAUSE_MS)
		complain(l, "were requested too fast");
}

bool sim_odd_list_owns(const char *more)
{
	return more[0] == 'E';
}

unsigned sim_odd_list_next(struct sim_odd_list *l, const char *more, char next[32])
{
	unsigned how = draw(HOWS), number = 0;

	if (more[0] && sscanf(more, "E%u.%u", &how, &number) == 2 && number == l->number) {
		l->pages++;
	} else {
		l->number++;
		l->pages = 1;
		l->begun_ns = nd_world_now_ns();
	}
	check_pages(l, (enum how)how);
	snprintf(next, 32, "E%u.%u.%u", how, l->number, how == REPEATS ? 0 : l->pages);
	return how == EMPTY ? 0 : 1 + draw(3);
}
