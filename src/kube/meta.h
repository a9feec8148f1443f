/* SPDX-License-Identifier: Apache-2.0 */
/* meta.h - what an API server says beside objects, in either way of writing: of a list, and of a
 * refusal. */
#pragma once

#include <stdint.h>

enum {
	ND_META_VERSION_MAX = 63, /* of a resourceVersion, a number of 64 bits today */
	ND_META_CONTINUE_MAX =
		4095, /* of the token for a list's next page: a version and a key, in base64 */
};

struct nd_meta_list {
	char version[ND_META_VERSION_MAX + 1];
	char more[ND_META_CONTINUE_MAX + 1]; /* continue; "": this is the last page */
	int64_t remaining;                   /* items behind this page; -1: not said */
};

struct nd_meta_status {
	int32_t code;          /* as of HTTP: 410 Gone, 429 Too Many Requests */
	int32_t retry_after_s; /* 0: not said */
	char reason[64];       /* "Expired", "Forbidden"; cut to fit */
	char message[256];     /* for the log; cut to fit */
};
