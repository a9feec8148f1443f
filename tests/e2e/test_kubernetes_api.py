# SPDX-License-Identifier: Apache-2.0
"""The kubernetes plugin with a real API server: changes of objects, and outages of the server."""
import os
import signal
import threading

from apiserver import service, slice_of, until
from live import ZONE, Proxy, answers, config, filled, moved, rcode
from serving import texts


class Watcher:
    """with Watcher(server, NAME): queries continuously. The answers must follow the states announced by
    passed(STATE...) in order; empty answers count too."""

    def __init__(self, s, name, *states):
        self.s, self.name, self.states, self.seen, self.stop = s, name, list(states), [], threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self):
        while not self.stop.is_set():
            got = answers(self.s, self.name)
            if not self.seen or self.seen[-1] != got:
                self.seen.append(got)

    def passed(self, *addresses):
        self.states.append(sorted(addresses))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, failed, *_):
        self.stop.set()
        self.thread.join()
        at = 0
        for got in self.seen if not failed else ():
            while at < len(self.states) and self.states[at] != got:
                at += 1
            assert at < len(self.states), f"{got} after {self.seen[:self.seen.index(got)][-3:]}"


def test_rolling_update(api, serve_cluster):
    filled(api, "rolling")
    s = serve_cluster(ready="web.rolling")
    with Watcher(s, "web.rolling", ["10.244.1.1"]) as w:
        for i in range(2, 30):      # each time one is added before one is removed
            for ips in ([f"10.244.1.{i - 1}", f"10.244.1.{i}"], [f"10.244.1.{i}"]):
                w.passed(*ips)
                api.patch("EndpointSlice", "web-x", {"endpoints": [{"addresses": [a]} for a in ips]}, "rolling")
        w.passed("10.244.1.29", "10.244.2.1")
        api.create(slice_of("web", "rolling", ["10.244.2.1"], "second"))
        until(lambda: answers(s, "web.rolling") == ["10.244.1.29", "10.244.2.1"])
        w.passed("10.244.2.1")
        api.delete("EndpointSlice", "web-x", "rolling")
        until(lambda: answers(s, "web.rolling") == ["10.244.2.1"])
    assert len(w.seen) > 5
    assert texts(s.ask("1.2.244.10.in-addr.arpa.", "PTR")) == [f"10-244-2-1.web.rolling.{ZONE}"]
    assert int(s.ask("29.1.244.10.in-addr.arpa.", "PTR").rcode()) == 3


def test_an_endpoint_moves_between_slices(api, serve_cluster):
    """When the controller repacks slices, an endpoint is in two for a while; the answer has it once."""
    filled(api, "packed")
    api.create(slice_of("web", "packed", ["10.244.1.2"], "y"))
    s = serve_cluster(ready="web.packed")
    both = ["10.244.1.1", "10.244.1.2"]
    until(lambda: answers(s, "web.packed") == both)
    with Watcher(s, "web.packed", both) as w:
        for keep, drop in (("web-y", "web-x"), ("web-x", "web-y")) * 5:
            api.patch("EndpointSlice", keep, {"endpoints": [{"addresses": [a]} for a in both]}, "packed")
            api.patch("EndpointSlice", drop, {"endpoints": []}, "packed")
        w.passed("10.244.1.1")
        api.patch("EndpointSlice", "web-x", {"endpoints": [{"addresses": ["10.244.1.1"]}]}, "packed")
        until(lambda: answers(s, "web.packed") == ["10.244.1.1"])


def test_not_ready_and_back(api, serve_cluster):
    filled(api, "readiness")
    s = serve_cluster(ready="web.readiness")
    for ready, want in ((False, []), (True, ["10.244.1.1"]), (False, []), (None, ["10.244.1.1"])):
        api.patch("EndpointSlice", "web-x", {"endpoints": [{
            "addresses": ["10.244.1.1"], "conditions": {} if ready is None else {"ready": ready}}]}, "readiness")
        until(lambda want=want: answers(s, "web.readiness") == want)


def test_service_changes(api, serve_cluster):
    filled(api, "changing")
    s = serve_cluster(ready="web.changing")
    api.create(service("api", "changing", "10.96.200.1"))
    until(lambda: answers(s, "api.changing") == ["10.96.200.1"])
    api.patch("Service", "api", {"spec": {"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}}, "changing")
    until(lambda: len(s.ask(f"_dns._udp.api.changing.{ZONE}", "SRV").answer) == 1)
    api.delete("Service", "api", "changing")
    until(lambda: rcode(s, "api.changing") == 3)


def test_namespace_deleted(api, serve_cluster):
    filled(api, "short")
    api.create(service("vip", "short", "10.96.204.1"))
    s = serve_cluster(ready="web.short")
    api.delete("Namespace", "short")    # Terminating: its objects are served until they are deleted
    assert api.get("Namespace", "short")["status"]["phase"] == "Terminating"
    api.delete("Service", "vip", "short")
    until(lambda: rcode(s, "vip.short") == 3)
    assert answers(s, "web.short") == ["10.244.1.1"]
    api.delete_namespace("short")
    until(lambda: rcode(s, "web.short") == 3)
    until(lambda: int(s.ask("1.1.244.10.in-addr.arpa.", "PTR").rcode()) == 3 or
          not any("short" in t for t in texts(s.ask("1.1.244.10.in-addr.arpa.", "PTR"))))
    filled(api, "short")
    until(lambda: answers(s, "web.short") == ["10.244.1.1"])


def test_labels(api, serve_cluster):
    filled(api, "labelled")
    api.create(service("other", "labelled"))
    s = serve_cluster("namespace_labels tier=a", ready="web.labelled")
    api.patch("EndpointSlice", "web-x", {"metadata": {"labels": {"kubernetes.io/service-name": "other"}}}, "labelled")
    until(lambda: answers(s, "other.labelled") == ["10.244.1.1"] and not answers(s, "web.labelled"))
    api.patch("Namespace", "labelled", {"metadata": {"labels": {"tier": "b"}}})
    until(lambda: rcode(s, "other.labelled") == 3)
    api.patch("Namespace", "labelled", {"metadata": {"labels": {"tier": "a"}}})
    until(lambda: answers(s, "other.labelled") == ["10.244.1.1"])


def test_selected_by_label(api, serve_cluster):
    """`labels` selects Services and slices: one that loses its label disappears, one that gets it appears."""
    filled(api, "selected")
    for kind, name in (("Service", "web"), ("EndpointSlice", "web-x")):
        api.patch(kind, name, {"metadata": {"labels": {"dns": "yes"}}}, "selected")
    api.create(service("other", "selected", "10.96.202.1"))
    s = serve_cluster("labels dns=yes", ready="web.selected")
    assert rcode(s, "other.selected") == 3
    api.patch("EndpointSlice", "web-x", {"metadata": {"labels": {"dns": "no"}}}, "selected")
    until(lambda: not answers(s, "web.selected"))
    api.patch("EndpointSlice", "web-x", {"metadata": {"labels": {"dns": "yes"}}}, "selected")
    until(lambda: answers(s, "web.selected") == ["10.244.1.1"])
    api.patch("Service", "web", {"metadata": {"labels": {"dns": None}}}, "selected")
    until(lambda: rcode(s, "web.selected") == 3)
    api.patch("Service", "other", {"metadata": {"labels": {"dns": "yes"}}}, "selected")
    until(lambda: answers(s, "other.selected") == ["10.96.202.1"])


def test_api_server_restarts(api, serve_cluster, tmp_path):
    """Cut off from the server under test, it restarts and gets changes; the last good state stays meanwhile."""
    filled(api, "restart")
    api.create(service("goes", "restart", "10.96.203.1"))
    proxy = Proxy(api.port)
    try:
        s = serve_cluster(kubeconfig=config(api, tmp_path, proxy.port, f"token: {api.read('dns.token')}"),
                   ready="web.restart")
        with Watcher(s, "web.restart", ["10.244.1.1"]) as w:
            proxy.cut(True)
            api.kill()
            api.start()
            api.delete("Service", "goes", "restart")
            api.create(service("comes", "restart", "10.96.203.2"))
            api.delete("EndpointSlice", "web-x", "restart")
            w.passed("10.244.1.2")
            api.create(slice_of("web", "restart", ["10.244.1.2"], "y"))
            assert answers(s, "goes.restart") == ["10.96.203.1"] and rcode(s, "comes.restart") == 3
            # The two changes arrive one after the other: in between the Service has no endpoint.
            w.states.insert(1, [])
            proxy.cut(False)
            until(lambda: answers(s, "web.restart") == ["10.244.1.2"], 60)
        until(lambda: rcode(s, "goes.restart") == 3 and answers(s, "comes.restart") == ["10.96.203.2"])
    finally:
        proxy.close()


def test_version_too_old(api, serve_cluster):
    """While the server is stopped the cluster changes, and its resource version is compacted away: 410."""
    filled(api, "old")
    s = serve_cluster(ready="web.old")
    version = api.get("EndpointSlice", "web-x", "old")["metadata"]["resourceVersion"]
    s.signal(signal.SIGSTOP)
    try:
        api.create(service("new", "old", "10.96.201.1"))
        api.delete("EndpointSlice", "web-x", "old")
        api.create(slice_of("web", "old", ["10.244.1.3"], "y"))
        api.compact()
        api.kill()
        api.start()
        api.create(service("newer", "old", "10.96.201.2"))
        assert api.watch_status("EndpointSlice", version) == 410
    finally:
        s.signal(signal.SIGCONT)
    until(lambda: answers(s, "web.old") == ["10.244.1.3"], 60)
    until(lambda: answers(s, "new.old") == ["10.96.201.1"] and answers(s, "newer.old") == ["10.96.201.2"])


def test_watches_are_cut(api, serve_cluster, tmp_path):
    filled(api, "cut")
    proxy = Proxy(api.port)
    try:
        s = serve_cluster(kubeconfig=config(api, tmp_path, proxy.port, f"token: {api.read('dns.token')}"),
                          ready="web.cut")
        for i in range(2, 5):
            proxy.cut(True)
            moved(api, "cut", f"10.244.1.{i}")
            assert answers(s, "web.cut") == [f"10.244.1.{i - 1}"]
            proxy.cut(False)
            until(lambda i=i: answers(s, "web.cut") == [f"10.244.1.{i}"], 60)
    finally:
        proxy.close()


def test_token_rotates(api, serve_cluster, tmp_path):
    filled(api, "tokens")
    api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "dns", "namespace": "tokens"}})
    api.grant("ServiceAccount", "dns", "tokens")
    file = tmp_path / "token"
    file.write_text(api.token("dns", "tokens", "first"))
    s = serve_cluster(kubeconfig=config(api, tmp_path, api.port, f'tokenFile: "{file}"'), ready="web.tokens")
    (tmp_path / "token.new").write_text(api.token("dns", "tokens", "second"))
    os.rename(tmp_path / "token.new", file)
    api.delete("Secret", "first", "tokens")
    api.kill()      # and its cache of the first token
    api.start()
    moved(api, "tokens", "10.244.1.7")
    until(lambda: answers(s, "web.tokens") == ["10.244.1.7"], 90)


def test_thousands_at_once(api, serve_cluster):
    filled(api, "many")
    s = serve_cluster(ready="web.many")
    api.create_all(service(f"s-{i}", "many", f"10.98.{i // 200}.{i % 200 + 1}") for i in range(1000))
    until(lambda: answers(s, "s-999.many") == ["10.98.4.200"])
    wrong = [i for i in range(1000) if answers(s, f"s-{i}.many") != [f"10.98.{i // 200}.{i % 200 + 1}"]]
    assert not wrong
