/* SPDX-License-Identifier: Apache-2.0 */
/* nlmsg.h - writes and reads netlink messages and their attributes. Pure.
 *
 * A message is a header (struct nlmsghdr), a fixed part of its family, and attributes; an attribute
 * may contain attributes. Source: linux/netlink.h. netfilter's numbers are in network byte order,
 * those of rtnetlink in the host's.
 *
 * Owns:    nothing: a writer borrows its memory, an attribute points into the message.
 * Threads: one at a time.
 * Errors:  of a writer, sticky: what does not fit sets err, and later calls do nothing. Of a
 * reader: an attribute that is missing, or does not fit into the message, has bytes NULL and n 0.
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- writing --- */

struct nd_nlmsg {
	uint8_t *bytes; /* aligned like a struct nlmsghdr */
	size_t len, max;
	int err; /* 0, or ND_ELIMIT */
};

/* Only attributes follow: a list to be added to a message later. */
void nd_nlmsg_init(struct nd_nlmsg *m, void *bytes, size_t max);
/* A message with this fixed part of n bytes. Its length is always that of what is written. */
void nd_nlmsg_begin(struct nd_nlmsg *m, void *bytes, size_t max, uint16_t type, uint16_t flags,
		    const void *fixed, size_t n);
void nd_nlmsg_put(struct nd_nlmsg *m, uint16_t type, const void *bytes, size_t n);
void nd_nlmsg_put_text(struct nd_nlmsg *m, uint16_t type, const char *text);
void nd_nlmsg_put_u32(struct nd_nlmsg *m, uint16_t type, uint32_t value);
void nd_nlmsg_put_be32(struct nd_nlmsg *m, uint16_t type, uint32_t value);
void nd_nlmsg_put_be64(struct nd_nlmsg *m, uint16_t type, uint64_t value);
/* What is put until nd_nlmsg_close() is inside of this attribute. */
size_t nd_nlmsg_open(struct nd_nlmsg *m, uint16_t type);
void nd_nlmsg_close(struct nd_nlmsg *m, size_t opened);
/* The header, whose length is set here; NULL after an error. */
struct nlmsghdr *nd_nlmsg_header(struct nd_nlmsg *m);

/* --- reading --- */

struct nd_nlmsg_attr {
	uint16_t type;
	size_t n;
	const uint8_t *bytes; /* NULL: missing */
};

struct nd_nlmsg_list {
	const uint8_t *at;
	size_t left;
};

/* The attributes after the fixed part of n bytes. h->nlmsg_len bytes must be readable. */
struct nd_nlmsg_list nd_nlmsg_attrs(const struct nlmsghdr *h, size_t n);
/* The attributes inside of one; none if it is missing. */
struct nd_nlmsg_list nd_nlmsg_inside(struct nd_nlmsg_attr attr);
/* The next attribute. False: the end, or the next one does not fit. */
bool nd_nlmsg_next(struct nd_nlmsg_list *l, struct nd_nlmsg_attr *out);
struct nd_nlmsg_attr nd_nlmsg_find(struct nd_nlmsg_list l, uint16_t type);
/* The fixed part of a message of this type, if it has n bytes or more; else NULL. */
const void *nd_nlmsg_fixed(const struct nlmsghdr *h, uint16_t type, size_t n);

/* The number, or `otherwise` if the attribute has not exactly its length. */
uint32_t nd_nlmsg_u32(struct nd_nlmsg_attr attr, uint32_t otherwise);
uint32_t nd_nlmsg_be32(struct nd_nlmsg_attr attr, uint32_t otherwise);
uint64_t nd_nlmsg_be64(struct nd_nlmsg_attr attr, uint64_t otherwise);
/* NULL: missing, or not NUL-terminated. */
const char *nd_nlmsg_text(struct nd_nlmsg_attr attr);
