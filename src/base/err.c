/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <string.h>

const char *nd_err_text(int err)
{
	switch (err) {
	case ND_OK: return "no error";
	case ND_ETRUNC: return "truncated";
	case ND_EFORMAT: return "malformed";
	case ND_ELIMIT: return "limit exceeded";
	case ND_ECONF: return "configuration error";
	case ND_ENOTYET: return "not supported in this build";
	case ND_ECLOSED: return "closed";
	case ND_ETIME: return "timed out";
	case ND_ETLS: return "TLS error";
	case ND_ENOTREG: return "not a regular file";
	}
	const char *text = err < 0 ? strerrordesc_np(-err) : NULL;
	return text ? text : "unknown error";
}
