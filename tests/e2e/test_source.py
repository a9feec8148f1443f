# SPDX-License-Identifier: Apache-2.0
"""kubernetes with manifests: a folder that changes while it is served."""
import os
import random
import threading
import time

import dns.rcode

from serving import ROOT, texts, wait_for

COREFILE = """.:@PORT {
    bind 127.0.0.1
    ready 127.0.0.1:@READY
    kubernetes cluster.local in-addr.arpa {
        source manifests
        pods verified
    }
    prometheus 127.0.0.1:@PROM
}
"""
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n"


def service(name, ip, more=""):
    return (f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: n}}\n"
            f"spec: {{clusterIP: {ip}, ports: [{{name: http, port: 80}}]}}\n{more}")


def pods(name, addresses):
    return (f"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}-a, namespace: n, "
            f"labels: {{kubernetes.io/service-name: {name}}}}}\nports: [{{name: http, port: 80}}]\nendpoints:\n" +
            "".join(f"- addresses: [{a}]\n" for a in addresses))


def write(s, name, text):
    path = os.path.join(s.folder, "manifests", name)
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


def served(serve, tmp_path, text):
    folder = tmp_path / "0" / "manifests"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text(text)
    return serve(COREFILE)


def looked_up(s, name):
    return texts(s.ask(name + ".n.svc.cluster.local."))


def test_a_change_is_served(serve, tmp_path):
    s = served(serve, tmp_path, NAMESPACE + service("a", "10.0.0.1"))
    assert s.get("READY", "/ready") == (200, "OK")
    serial = s.ask("cluster.local.", "SOA").answer[0][0].serial
    time.sleep(1.1)
    write(s, "a.yaml",
          NAMESPACE + service("a", "10.0.0.2") + service("b", "None") + pods("b", ["10.1.0.1", "10.1.0.2"]))
    wait_for(lambda: looked_up(s, "a") == ["10.0.0.2"], 5)
    assert sorted(looked_up(s, "b")) == ["10.1.0.1", "10.1.0.2"]
    assert s.ask("1.0.0.10.in-addr.arpa.", "PTR").rcode() == dns.rcode.NXDOMAIN
    assert texts(s.ask("2.0.0.10.in-addr.arpa.", "PTR")) == ["a.n.svc.cluster.local."]
    assert s.ask("cluster.local.", "SOA").answer[0][0].serial > serial
    write(s, "b.yaml", service("c", "10.0.0.3"))
    wait_for(lambda: looked_up(s, "c") == ["10.0.0.3"], 5)
    os.unlink(os.path.join(s.folder, "manifests", "b.yaml"))
    wait_for(lambda: s.ask("c.n.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN, 5)


def test_a_broken_file_changes_nothing(serve, tmp_path):
    s = served(serve, tmp_path, NAMESPACE + service("a", "10.0.0.1"))
    write(s, "b.yaml", service("a", "10.0.0.9") + "kind: [")
    s.wait_log(r"\[ERROR\] plugin/kubernetes: manifests/b\.yaml:\d+ - .*; keeping the last good state")
    time.sleep(2.5)
    assert looked_up(s, "a") == ["10.0.0.1"]
    assert s.log().count("last good state") == 1
    assert s.get("READY", "/ready")[0] == 200
    write(s, "b.yaml", service("b", "10.0.0.2"))
    wait_for(lambda: looked_up(s, "b") == ["10.0.0.2"], 5)


def test_a_broken_start_is_refused(serve, tmp_path):
    folder = tmp_path / "0" / "manifests"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text(NAMESPACE + "---\napiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: n}\n"
                                   "spec: {ports: [{port: many}]}\n")
    s = serve(COREFILE, wait=False)
    assert s.wait() != 0
    assert "Corefile:4 - plugin/kubernetes: source: manifests/a.yaml:8 - Service n/x: invalid port" in s.log()


def test_reload_keeps_what_was_read(serve, tmp_path):
    s = served(serve, tmp_path, NAMESPACE + service("a", "10.0.0.1"))
    read = s.log().count("1 Namespace")
    s.write("Corefile", "# another text\n" + COREFILE.replace("pods verified", "pods verified\n        ttl 60"))
    s.reload()
    assert s.ask("a.n.svc.cluster.local.").answer[0].ttl == 60
    assert s.log().count("1 Namespace") == read
    s.write("Corefile", COREFILE.replace("pods verified", "pods insecure"))
    s.reload()
    assert s.log().count("1 Namespace") == read + 1


def test_answers_stay_whole_while_all_changes(serve, tmp_path):
    """Lock-free readers: a Service always has one of the written states, and never disappears."""
    states = [[f"10.1.{k}.{i}" for i in range(20 + 10 * k)] for k in range(4)]
    text = NAMESPACE + service("a", "None")
    s = served(serve, tmp_path, text + pods("a", states[0]))
    stop = threading.Event()

    def change():
        k = 0
        while not stop.is_set():
            k += 1
            write(s, "a.yaml", text + pods("a", states[k % 4]) + f"# {k} {'x' * random.randrange(99)}\n")
            stop.wait(0.4)
    t = threading.Thread(target=change)
    t.start()
    seen = set()
    try:
        end = time.monotonic() + 6
        while time.monotonic() < end:
            got = texts(s.ask("a.n.svc.cluster.local.", tcp=True))
            which = [i for i, state in enumerate(states) if sorted(state) == sorted(got)]
            assert which, got
            seen.add(which[0])
    finally:
        stop.set()
        t.join()
    assert len(seen) > 1


def test_the_sample_cluster(serve):
    """All queries of deploy/sample get the answers in their comments."""
    sample = os.path.join(ROOT, "deploy", "sample")
    with open(os.path.join(sample, "Corefile")) as f:
        text = f.read().replace("deploy/sample/manifests", os.path.join(sample, "manifests"))
    for port in ("18080", "18181", "19153"):
        text = text.replace(port, "@P" + "ABCDEFGHIJ"[int(port[-1])])
    s = serve(text, args=("-conf", "Corefile", "-dns.port", "@PORT"))
    asked = 0
    with open(os.path.join(sample, "queries.txt")) as f:
        for line in f:
            if line.startswith("#"):
                continue
            name, rtype = line.split()[:2]
            reply = s.ask(name + ".", rtype)
            asked += 1
            if "NXDOMAIN" in line:
                assert reply.rcode() == dns.rcode.NXDOMAIN, line
            elif "NODATA" in line:
                assert reply.rcode() == dns.rcode.NOERROR and not reply.answer, line
            else:
                assert reply.rcode() == dns.rcode.NOERROR and reply.answer, line
    assert asked >= 12
