/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/resolvconf/render.h"

#include <errno.h>
#include <string.h>
#include "base/err.h"

static void write_dns_config(const struct nd_render *r, struct nd_buf *out)
{
	nd_buf_text(out, "# For the spec of a pod, or the spec.template of a workload.\n"
			 "spec:\n"
			 "  dnsConfig:\n"
			 "    options:\n");
	for (unsigned i = 0; i < r->options; i++) {
		const char *colon = strchr(r->option[i], ':');
		int n = (int)strcspn(r->option[i], ":");
		nd_buf_printf(out, "    - name: %.*s\n", n, r->option[i]);
		if (colon)
			nd_buf_printf(out, "      value: \"%s\"\n", colon + 1);
	}
}

/* Writes a line of shell for each option that appends it unless it is present. In glibc, musl and
 * Go, later options lines add to earlier ones and override them. Options contain no line break and
 * no double quote. */
static void write_script(const struct nd_render *r, const char *indent, struct nd_buf *out)
{
	for (unsigned i = 0; i < r->options; i++)
		nd_buf_printf(out,
			      "%sgrep -Eq '^options([[:space:]].*)?[[:space:]]%s([[:space:]]|$)'"
			      " /etc/resolv.conf || printf '\\noptions %s\\n' >>/etc/resolv.conf\n",
			      indent, r->option[i], r->option[i]);
}

static void write_post_start(const struct nd_render *r, struct nd_buf *out)
{
	nd_buf_printf(
		out,
		"# For the spec of a pod, or the spec.template of a workload. The container needs a\n"
		"# shell and a user who can write /etc/resolv.conf. The hook runs concurrently with\n"
		"# the program, whose first lookups may happen before the option is set.\n"
		"spec:\n"
		"  containers:\n"
		"  - name: %s\n"
		"    lifecycle:\n"
		"      postStart:\n"
		"        exec:\n"
		"          command:\n"
		"          - /bin/sh\n"
		"          - -c\n"
		"          - |\n",
		r->container);
	write_script(r, "            ", out);
}

static void write_entrypoint(const struct nd_render *r, struct nd_buf *out)
{
	nd_buf_printf(
		out,
		"# For the spec of a pod, or the spec.template of a workload. The container needs a\n"
		"# shell and a user who can write /etc/resolv.conf. `args` must name the program and\n"
		"# its arguments, since `command` replaces the image's ENTRYPOINT.\n"
		"spec:\n"
		"  containers:\n"
		"  - name: %s\n"
		"    command:\n"
		"    - /bin/sh\n"
		"    - -c\n"
		"    - |\n",
		r->container);
	write_script(r, "      ", out);
	nd_buf_text(out, "      exec \"$@\"\n"
			 "    - sh\n"
			 "    args:\n"
			 "    - /path/of/the/program\n");
}

/* The indentation is given explicitly (|2), so lines may start with blanks. */
static int write_block(const char *text, struct nd_buf *out)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p != '\n' && *p != '\t' && (*p < 0x20 || *p > 0x7e))
			return ND_EFORMAT;
	while (*text) {
		int n = (int)strcspn(text, "\n");
		nd_buf_printf(out, n ? "    %.*s\n" : "%.*s\n", n, text);
		text += n + (text[n] == '\n');
	}
	return 0;
}

static int write_config_map(const struct nd_render *r, struct nd_buf *out)
{
	nd_buf_text(
		out,
		"# WARNING: a subPath mount does not update live. Pods keep the file they started\n"
		"# with; restart them after a change. The search list is specific to one namespace:\n"
		"# create one ConfigMap per namespace.\n"
		"apiVersion: v1\n"
		"kind: ConfigMap\n"
		"metadata:\n"
		"  name: resolv-conf\n"
		"data:\n"
		"  resolv.conf: |2\n");
	int err = write_block(r->text, out);
	nd_buf_printf(out,
		      "---\n"
		      "# For the spec of a pod, or the spec.template of a workload.\n"
		      "spec:\n"
		      "  containers:\n"
		      "  - name: %s\n"
		      "    volumeMounts:\n"
		      "    - name: resolv-conf\n"
		      "      mountPath: /etc/resolv.conf\n"
		      "      subPath: resolv.conf\n"
		      "      readOnly: true\n"
		      "  volumes:\n"
		      "  - name: resolv-conf\n"
		      "    configMap:\n"
		      "      name: resolv-conf\n",
		      r->container);
	return err;
}

const char *nd_render_forms(void)
{
	return "dnsConfig, postStart, entrypoint or configMap";
}

int nd_render_as(const char *form, const struct nd_render *r, struct nd_buf *out)
{
	int err = 0;

	if (strcmp(form, "dnsConfig") == 0)
		write_dns_config(r, out);
	else if (strcmp(form, "postStart") == 0)
		write_post_start(r, out);
	else if (strcmp(form, "entrypoint") == 0)
		write_entrypoint(r, out);
	else if (strcmp(form, "configMap") == 0)
		err = write_config_map(r, out);
	else
		err = -ENOENT;
	return err ? err : out->err;
}
