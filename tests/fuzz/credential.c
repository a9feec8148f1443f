/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials as others write them: the first byte selects the output of an exec program, or a
 * token file in two versions with a byte 0xff between them. A header must be sound whatever they
 * contain, and after a bad version of the file the previous token must be used. */
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "io/child.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/h1.h" /* for the texts of a request */
#include "kube/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FILE_KIND = 1, VERSIONS = 2 };

/* The version that is there now. */
static struct {
	const uint8_t *bytes;
	size_t n;
	void (*on_end)(void *ctx, const struct nd_child_result *result);
	void *ctx;
} now;

int nd_file_read(const char *path, struct nd_buf *b)
{
	(void)path;
	return nd_buf_add(b, now.bytes, now.n);
}

struct nd_file_stamp nd_file_stamp(const char *path)
{
	(void)path;
	return (struct nd_file_stamp){ 0 };
}

int nd_child_start(struct nd_loop *loop, const struct nd_child_request *request,
		   void (*on_end)(void *ctx, const struct nd_child_result *result), void *ctx,
		   struct nd_child **out)
{
	(void)loop;
	(void)request;
	now.on_end = on_end;
	now.ctx = ctx;
	*out = (struct nd_child *)&now;
	return 0;
}

void nd_child_free(struct nd_child *c)
{
	(void)c;
}

static void run_program(void)
{
	char *out = malloc(now.n + 1);

	ND_ASSERT(out);
	if (now.n)
		memcpy(out, now.bytes, now.n);
	out[now.n] = '\0';
	struct nd_child_result r = { .out = out, .nout = now.n, .errors = "" };
	now.on_end(now.ctx, &r);
	free(out);
}

/* The value of Authorization, of at most one; NULL: none. */
static const char *find_authorization(const struct nd_httpc_exchange *x)
{
	const char *at = nd_httpc_next_text(&x->request, NULL), *found = NULL;

	at = nd_httpc_next_text(&x->request, at); /* the target */
	for (const char *name; (name = nd_httpc_next_text(&x->request, at));) {
		at = nd_httpc_next_text(&x->request, name);
		ND_ASSERT(at && (strcmp(name, "Accept") == 0 || strcmp(name, "User-Agent") == 0 ||
				 (strcmp(name, "Authorization") == 0 && !found)));
		found = name[0] == 'A' && name[1] == 'u' ? at : found;
	}
	return found;
}

static void check_header(const char *value, bool from_file)
{
	ND_ASSERT(value && strncmp(value, "Bearer ", 7) == 0 && value[7]);
	for (const char *p = value + 7; *p; p++)
		ND_ASSERT((unsigned char)*p >= ' ' && *p != 0x7f && (*p != ' ' || !from_file));
}

/* Sends a request with the version's credential. False: it has none. */
static bool send_request(struct nd_client *c, bool from_file)
{
	static const struct nd_httpc_handler handler;
	struct nd_httpc_exchange *x;

	if (nd_client_delay_ns(c) && !from_file)
		run_program();
	int err = nd_client_get(c, "/api", "*/*", 0, 0, &handler, &x);
	const char *why = nd_client_error(c, err), *notice = nd_client_notice(c);
	ND_ASSERT(!err || why[0]);
	ND_ASSERT(!notice || notice[0]);
	if (err)
		return false;
	const char *value = find_authorization(x);
	if (value || from_file) /* a program may print a certificate alone */
		check_header(value, from_file);
	nd_client_release(c);
	nd_httpc_cancel(x);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const argv[] = { "program", NULL }, *const env[] = { NULL };
	static const struct nd_exec exec = {
		.file = "f", .version = "client.authentication.k8s.io/v1", .argv = argv, .env = env
	};
	static struct nd_loop *loop;
	struct nd_config config = { .host = "127.0.0.1:1", .prefix = "" };
	struct nd_client *c;
	struct nd_diag d = { 0 };
	bool good = false;

	if (n < 1 || n > 100000)
		return 0;
	if (!loop)
		loop = nd_loop_new();
	bool from_file = data[0] & FILE_KIND;
	nd_addr_parse("127.0.0.1:1", 0, &config.addr);
	config.token_file = from_file ? "token" : NULL;
	config.exec = from_file ? NULL : &exec;
	ND_ASSERT(nd_client_new(loop, &config, &(struct nd_client_limits){ 0 }, &c, &d) == 0);
	const uint8_t *at = data + 1, *end = data + n;
	for (int i = 0; i < (from_file ? VERSIONS : 1) && at <= end; i++) {
		const uint8_t *cut = from_file && at < end ? memchr(at, 0xff, (size_t)(end - at))
							   : NULL;
		now.bytes = at;
		now.n = (size_t)((cut ? cut : end) - at);
		bool sent = send_request(c, from_file);
		ND_ASSERT(sent || !good);
		good = good || sent;
		at = (cut ? cut : end) + 1;
	}
	nd_client_free(c);
	return 0;
}
