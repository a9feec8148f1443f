/* SPDX-License-Identifier: Apache-2.0 */
#include "authority/zonein.h"

#include <stdlib.h>
#include <string.h>
#include "authority/primary.h"
#include "authority/zonerecv.h"
#include "base/err.h"
#include "base/log.h"
#include "base/time.h"
#include "core/setup.h"
#include "io/loop.h"
#include "io/random.h"

enum {
	FIRST_MS = 250,
	FIRST_MAX_MS = 10000,
	REFRESH_JITTER_MS = 5000,
	RETRY_JITTER_MS = 2000,
	CHECK_GAP_MS = 1000, /* between checks that NOTIFY asks for */
	KEY_MAX = 64 << 10,
};

enum phase { IDLE, CHECKING, TRANSFERRING };

struct nd_zonein {
	struct nd_zoneslot slot;
	struct nd_addr *primaries;
	size_t nprimaries;
	struct nd_loop *loop; /* NULL: not started */
	struct nd_wake *wake;
	struct nd_timer next, expire;
	struct nd_primary primary;
	enum phase phase;
	size_t at;                /* of primaries */
	struct nd_zonerecv *recv; /* TRANSFERRING */
	uint32_t serial;          /* CHECKING: what the primary has */
	uint32_t backoff_ms;
	bool failing; /* the last check or transfer failed */
	bool again;   /* a NOTIFY came meanwhile */
	uint64_t checked_ns;
};

static void begin_check(struct nd_zonein *z);
static void begin_transfer(struct nd_zonein *z);
static void ask(struct nd_zonein *z);

/* --- when --- */

static void on_next(struct nd_timer *t)
{
	struct nd_zonein *z = ND_CONTAINER(t, struct nd_zonein, next);

	if (z->slot.tree)
		begin_check(z);
	else
		begin_transfer(z);
}

static void after_ms(struct nd_zonein *z, uint64_t ms)
{
	if (z->again) {
		z->again = false;
		ms = CHECK_GAP_MS;
	}
	z->phase = IDLE;
	nd_timer_start(z->loop, &z->next, ND_MS(ms), on_next);
}

static void on_expire(struct nd_timer *t)
{
	struct nd_zonein *z = ND_CONTAINER(t, struct nd_zonein, expire);
	char zone[ND_NAME_TEXT_MAX];

	nd_name_format(z->slot.origin, zone);
	nd_log_error("secondary", "Zone %s is expired", zone);
	z->slot.expired = true;
}

/* At least a second, as in CoreDNS. */
static uint64_t seconds_ms(uint32_t s)
{
	return (s ? s : 1) * UINT64_C(1000);
}

/* The primaries have been heard, and the zone is what they have. */
static void succeed(struct nd_zonein *z)
{
	struct nd_zonerecv_times times = nd_zonerecv_times(z->slot.tree);

	z->failing = false;
	z->slot.expired = false;
	nd_timer_start(z->loop, &z->expire, ND_MS(seconds_ms(times.expire)), on_expire);
	after_ms(z, seconds_ms(times.refresh) + nd_random_below(REFRESH_JITTER_MS));
}

static void fail(struct nd_zonein *z, const char *why)
{
	char zone[ND_NAME_TEXT_MAX];

	nd_name_format(z->slot.origin, zone);
	if (!z->slot.tree) {
		nd_log_warning("secondary",
			       "All '%s' masters failed to transfer, retrying in %ums: %s", zone,
			       z->backoff_ms, why);
		uint32_t ms = z->backoff_ms;
		z->backoff_ms = 2 * ms < FIRST_MAX_MS ? 2 * ms : FIRST_MAX_MS;
		after_ms(z, ms);
		return;
	}
	nd_log_warning("secondary", "Failed %s check of zone %s: %s",
		       z->failing ? "retry" : "refresh", zone, why);
	z->failing = true;
	after_ms(z, seconds_ms(nd_zonerecv_times(z->slot.tree).retry) +
			    nd_random_below(RETRY_JITTER_MS));
}

/* --- what --- */

/* RFC 1982. */
static bool is_newer(uint32_t theirs, uint32_t ours)
{
	uint32_t ahead = theirs - ours;

	return ahead != 0 && ahead < UINT32_C(1) << 31;
}

static void take_zone(struct nd_zonein *z)
{
	char zone[ND_NAME_TEXT_MAX], from[ND_ADDR_TEXT_MAX];
	struct nd_tree *t;
	const char *why;
	int err = nd_zonerecv_take(z->recv, &t, &why);

	nd_zonerecv_free(z->recv);
	z->recv = NULL;
	if (err) {
		fail(z, why);
		return;
	}
	nd_name_format(z->slot.origin, zone);
	nd_addr_format(&z->primaries[z->at], from);
	nd_log_info("secondary", "Transferred: %s from %s", zone, from);
	nd_zoneslot_publish(&z->slot, t);
	succeed(z);
}

static void next_primary(struct nd_zonein *z, const char *why)
{
	char zone[ND_NAME_TEXT_MAX], from[ND_ADDR_TEXT_MAX];

	if (z->phase == TRANSFERRING) {
		nd_name_format(z->slot.origin, zone);
		nd_addr_format(&z->primaries[z->at], from);
		nd_log_error("secondary", "Failed to transfer `%s' from \"%s\": %s", zone, from,
			     why);
	}
	if (++z->at < z->nprimaries)
		ask(z);
	else
		fail(z, why);
}

static void on_end(void *ctx, int err, const char *why)
{
	struct nd_zonein *z = ctx;

	if (err) {
		nd_zonerecv_free(z->recv);
		z->recv = NULL;
		next_primary(z, why);
	} else if (z->phase == TRANSFERRING) {
		take_zone(z);
	} else if (is_newer(z->serial, z->slot.tree->serial)) {
		begin_transfer(z);
	} else {
		succeed(z);
	}
}

static int on_message(void *ctx, const struct nd_msg *m, const char **why)
{
	struct nd_zonein *z = ctx;

	if (z->phase == TRANSFERRING)
		return nd_zonerecv_add(z->recv, m, why);
	*why = "no SOA record in the answer";
	return nd_zonerecv_serial(m, &z->serial) ? 0 : ND_EFORMAT;
}

static void ask(struct nd_zonein *z)
{
	struct nd_primary_handler h = { .ctx = z, .on_message = on_message, .on_end = on_end };
	bool whole = z->phase == TRANSFERRING;

	if (whole) {
		z->recv = nd_zonerecv_new(z->slot.origin);
		if (!z->recv) {
			fail(z, "out of memory");
			return;
		}
	}
	nd_primary_ask(&z->primary, z->loop, &z->primaries[z->at], z->slot.origin,
		       whole ? ND_TYPE_AXFR : ND_TYPE_SOA, &h);
}

static void begin_check(struct nd_zonein *z)
{
	z->phase = CHECKING;
	z->checked_ns = nd_loop_now_ns(z->loop);
	z->at = 0;
	ask(z);
}

static void begin_transfer(struct nd_zonein *z)
{
	z->phase = TRANSFERRING;
	z->at = 0;
	ask(z);
}

static void on_wake(void *ctx)
{
	struct nd_zonein *z = ctx;
	uint64_t since = nd_loop_now_ns(z->loop) - z->checked_ns;

	if (z->phase != IDLE)
		z->again = true;
	else
		nd_timer_start(z->loop, &z->next,
			       since < ND_MS(CHECK_GAP_MS) ? ND_MS(CHECK_GAP_MS) - since : 0,
			       on_next);
}

/* --- life --- */

static void unmake(void *object)
{
	struct nd_zonein *z = object;

	nd_primary_stop(&z->primary);
	nd_timer_stop(&z->next);
	nd_timer_stop(&z->expire);
	if (z->wake)
		nd_wake_free(z->wake);
	nd_zonerecv_free(z->recv);
	nd_zoneslot_clear(&z->slot);
	free(z->primaries);
	free(z);
}

static void *make(void *ctx)
{
	const struct nd_zonein_options *o = ctx;
	struct nd_zonein *z = calloc(1, sizeof *z);

	if (!z)
		return NULL;
	nd_zoneslot_init(&z->slot, o->origin);
	z->backoff_ms = FIRST_MS;
	z->nprimaries = o->nprimaries;
	z->primaries = calloc(o->nprimaries, sizeof *z->primaries);
	if (!z->primaries) {
		unmake(z);
		return NULL;
	}
	memcpy(z->primaries, o->primaries, o->nprimaries * sizeof *z->primaries);
	return z;
}

struct nd_zonein *nd_zonein_share(struct nd_setup *s, const struct nd_zonein_options *o)
{
	struct nd_zonein *z = NULL;
	struct nd_buf key;

	nd_buf_init(&key, KEY_MAX);
	for (size_t i = 0; i < o->nprimaries; i++) {
		char text[ND_ADDR_TEXT_MAX];
		nd_addr_format(&o->primaries[i], text);
		nd_buf_printf(&key, "%s ", text);
	}
	nd_buf_add(&key, o->origin.wire, o->origin.len);
	if (!key.err)
		z = nd_setup_share(s, "zonein", key.data, key.len, make,
				   (struct nd_zonein_options *)o, unmake);
	nd_buf_clear(&key);
	return z;
}

int nd_zonein_start(struct nd_zonein *z, struct nd_loop *loop)
{
	if (z->loop)
		return 0;
	z->wake = nd_wake_new(loop, on_wake, z);
	if (!z->wake)
		return ND_ELIMIT;
	z->loop = loop;
	begin_transfer(z);
	return 0;
}

struct nd_zoneslot *nd_zonein_slot(struct nd_zonein *z)
{
	return &z->slot;
}

bool nd_zonein_is_primary(const struct nd_zonein *z, const struct nd_addr *client)
{
	size_t n, tn;
	const uint8_t *ip = nd_addr_bytes(client, &n);

	for (size_t i = 0; i < z->nprimaries; i++) {
		const uint8_t *own = nd_addr_bytes(&z->primaries[i], &tn);
		if (tn == n && memcmp(own, ip, n) == 0)
			return true;
	}
	return false;
}

void nd_zonein_notify(struct nd_zonein *z)
{
	if (z->wake)
		nd_wake_send(z->wake);
}
