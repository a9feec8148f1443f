/* SPDX-License-Identifier: Apache-2.0 */
/* meta.h - metadata that comes with objects, in JSON or protobuf: a list's, and a Status. */
#pragma once

#include <stdint.h>

enum {
	ND_META_VERSION_MAX = 63, /* resourceVersion: a number of 64 bits today */
	/* The continue token: a version and a key, in base64. */
	ND_META_CONTINUE_MAX = 4095,
};

struct nd_meta_list {
	char version[ND_META_VERSION_MAX + 1];
	char more[ND_META_CONTINUE_MAX + 1]; /* continue token; "": this is the last page */
	int64_t remaining;                   /* items after this page; -1: unknown */
};

struct nd_meta_status {
	int32_t code;          /* as in HTTP: 410 Gone, 429 Too Many Requests */
	int32_t retry_after_s; /* 0: not given */
	char reason[64];       /* "Expired", "Forbidden"; cut to fit */
	char message[256];     /* for the log; cut to fit */
};
