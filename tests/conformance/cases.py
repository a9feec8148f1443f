# SPDX-License-Identifier: Apache-2.0
"""Reads cases; decides which of them a build must pass."""
import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
PASSING = os.path.join(HERE, "passing.txt")

# plugin -> supported options, or None for all of CoreDNS's. A case is in scope if its whole Corefile uses nothing else;
# see in_scope().
SCOPE = {
    "any": set(), "auto": None, "autopath": None, "bind": {"except"}, "debug": set(),
    "errors": {"consolidate", "stacktrace"},
    "file": None, "root": None, "secondary": {"transfer", "fallthrough"},
    "health": {"lameduck"}, "hosts": None, "import": set(), "log": {"class"}, "loop": set(), "metadata": set(),
    "loadbalance": set(), "prometheus": set(), "ready": set(), "reload": set(), "rewrite": None, "template": None,
    "transfer": None, "whoami": set(),
    "cache": {"success", "denial", "servfail", "disable", "keepttl"},
    "forward": {"except", "force_tcp", "prefer_udp", "expire", "max_fails", "health_check", "policy",
                "max_concurrent", "next", "tls", "tls_servername", "doh_method", "resolver"},
    "kubernetes": {"source", "pods", "namespaces", "ignore", "ttl", "fallthrough"},
    "acl": None, "cancel": None, "chaos": None, "dns64": None, "erratic": None, "header": None, "local": None,
    "minimal": None, "multisocket": None, "nsid": None, "pprof": None, "shed": None, "timeouts": None, "view": None,
}
KUBERNETES_FIELDS = ("api",)   # cases with these need more than SCOPE


def folders():
    return sorted(d for d in os.listdir(HERE) if os.path.exists(os.path.join(HERE, d, "cases.jsonl")))


def load(folder):
    folder = folder if os.path.isabs(folder) else os.path.join(HERE, folder)
    with open(os.path.join(folder, "cases.jsonl"), encoding="utf-8") as f:
        cases = [json.loads(line) for line in f]
    for c in cases:
        c["_folder"] = folder
    return cases


def group_key(case):
    """Cases with the same key share a server."""
    if case.get("own_server") or case.get("config_error"):
        return case["id"]
    return json.dumps([case["_folder"], bool(case.get("upstream"))] + [case.get(k) for k in (
        "cluster", "corefile_opts", "zones", "k8s_external", "transfer", "api", "corefile", "files", "env",
        "autopath")], sort_keys=True)


def cluster_text(case, ips):
    """The objects as a List in JSON; an empty one if the case has no cluster."""
    if not case.get("cluster"):
        return '{"items": []}'
    with open(os.path.join(case["_folder"], case["cluster"]), encoding="utf-8") as f:
        text = f.read()
    return text.replace("@LOCALIP@", next((i for i in ips if ":" not in i), "127.0.0.1"))


def kubernetes_corefile(case, port, upstream_port, where):
    """where: the line with the source of the cluster's objects."""
    zones = " ".join(case.get("zones") or ["cluster.local."])
    external = case.get("k8s_external")

    def block(head, lines):
        return [f"  {head} {{"] + ["    " + x for x in lines] + ["  }"]
    out = [f".:{port} {{"]
    if case.get("transfer"):
        out += block("transfer " + " ".join([zones] + (external["zones"] if external else [])), case["transfer"])
    if external:
        out += block("k8s_external " + " ".join(external["zones"]), external["opts"])
    if case.get("autopath"):
        out.append("  autopath @kubernetes")
    out += block("kubernetes " + zones, [where] + case["corefile_opts"])
    if upstream_port:
        out.append(f"  forward . 127.0.0.1:{upstream_port}")
    return "\n".join(out + ["}"]) + "\n"


def directives(text, depth=0):
    """(plugin, words of its line, options in its block) for each directive of a Corefile. A simple parser, sufficient
    for the layout of the cases: one directive or option per line."""
    out = []
    for line in text.split("\n"):
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if not words:
            continue
        if words[0] == "}":
            depth -= 1
        elif depth == 0 and words[-1] != "{":
            depth = 1           # a server block without braces is the whole file
        else:
            if depth == 1:
                out.append((words[0], words[1:], []))
            elif depth > 1:
                out[-1][2].append(words[0])
            if words[-1] == "{":
                depth += 1
    return out


def in_scope(case):
    """A case in scope must pass: only plugins and options of SCOPE, in the Corefile and in the files it imports; no
    upstream over TLS, no live API server. A refusal may also be for an option that no plugin has (`nonesuch`), or for
    a plugin that does not exist (`Whoami`, `{`)."""
    if "corefile_opts" in case:
        return (not any(case.get(k) for k in KUBERNETES_FIELDS)
                and {o.split()[0] for o in case["corefile_opts"]} <= SCOPE["kubernetes"])
    used = directives(case["corefile"])
    for name, text in (case.get("files") or {}).items():
        if name.endswith((".server", ".override")):
            used += directives(text, 0 if name.endswith(".server") else 1)
    refusal = case.get("config_error")
    for plugin, args, options in used:
        if plugin not in SCOPE:
            if refusal and (plugin.lower() in SCOPE or plugin == "{"):
                continue
            return False
        if any("://" in a and not a.startswith(("dns://", "tls://", "https://")) for a in args):
            return False
        if SCOPE[plugin] is not None:
            if set(options) - ({"nonesuch"} if refusal else set()) - SCOPE[plugin]:
                return False
    return True


def read_passing():
    if not os.path.exists(PASSING):
        return set()
    with open(PASSING, encoding="utf-8") as f:
        return {line.strip() for line in f if line.strip() and not line.startswith("#")}


def write_passing(ids):
    with open(PASSING, "w", encoding="utf-8") as f:
        f.write("# Cases that must pass (`./dev conformance --source`). It only grows: --update adds to it.\n")
        f.writelines(i + "\n" for i in sorted(ids))
