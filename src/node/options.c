/* SPDX-License-Identifier: Apache-2.0 */
#include "node/options.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/err.h"
#include "base/time.h"
#include "conf/settings.h"

enum { INTERVAL_MAX_S = 86400 };

static bool contains(const struct nd_addr *list, size_t n, const struct nd_addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (nd_addr_equal(&list[i], a))
			return true;
	return false;
}

int nd_options_local(const char *text, uint16_t port, struct nd_addr out[ND_OPTIONS_ADDRS_MAX],
		     size_t *n, struct nd_diag *d)
{
	struct nd_addr found[ND_OPTIONS_ADDRS_MAX];
	size_t count = 0;

	for (const char *at = text; *at; at += *at == ',') {
		char piece[ND_ADDR_TEXT_MAX];
		struct nd_addr a;
		size_t len = strcspn(at, ",");
		snprintf(piece, sizeof piece, "%.*s", (int)len, at);
		at += len;
		if (len == 0)
			continue;
		if (len >= sizeof piece || nd_addr_parse_ip(piece, port, &a) || nd_addr_is_any(&a))
			return nd_diag_invalid(d, NULL, 0, "-localip: ", "address", piece,
					       "an IP address to listen on, like 169.254.20.10");
		if (contains(found, count, &a))
			continue;
		if (count == ND_OPTIONS_ADDRS_MAX)
			return nd_diag_at(d, NULL, 0,
					  "-localip: too many addresses: at most %d are allowed",
					  ND_OPTIONS_ADDRS_MAX);
		found[count++] = a;
	}
	if (count == 0)
		return nd_diag_at(d, NULL, 0,
				  "-localip: no address given: must be one or more IP addresses to "
				  "serve on, like 169.254.20.10,10.96.0.10");
	memcpy(out, found, count * sizeof *out);
	*n = count;
	return 0;
}

/* A number without a unit, or in nanoseconds: seconds. */
static bool parse_seconds(const char *text, int64_t *ns)
{
	char digits[24];
	uint64_t s;
	size_t len = strspn(text, "0123456789");

	if (len >= sizeof digits || (text[len] && strcmp(text + len, "ns") != 0))
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (nd_settings_uint(digits, INTERVAL_MAX_S, &s))
		return false;
	*ns = (int64_t)ND_S(s);
	return true;
}

int nd_options_interval(const char *text, uint64_t *ns, struct nd_diag *d)
{
	int64_t v;

	if ((!parse_seconds(text, &v) && nd_settings_duration(text, &v)) || v < (int64_t)ND_S(1) ||
	    v > (int64_t)ND_S(INTERVAL_MAX_S))
		return nd_diag_invalid(d, NULL, 0, "-syncinterval: ", "interval", text,
				       "1s to 24h, like 60s");
	*ns = (uint64_t)v;
	return 0;
}

int nd_options_service(const char *name, char out[ND_OPTIONS_ENV_MAX], struct nd_diag *d)
{
	static const char suffix[] = "_SERVICE_HOST";
	size_t n = strlen(name);

	if (n == 0 || n + sizeof suffix > ND_OPTIONS_ENV_MAX || strchr(name, '='))
		return nd_diag_invalid(d, NULL, 0, "-upstreamsvc: ", "Service name", name,
				       "like kube-dns-upstream");
	for (size_t i = 0; i < n; i++) {
		bool lower = name[i] >= 'a' && name[i] <= 'z';
		out[i] = name[i] == '-' ? '_' : lower ? (char)(name[i] - 'a' + 'A') : name[i];
	}
	memcpy(out + n, suffix, sizeof suffix);
	return 0;
}
