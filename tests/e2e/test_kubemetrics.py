# SPDX-License-Identifier: Apache-2.0
"""Metrics of kubernetes, and its messages about unusable objects."""
import datetime
import re

from serving import texts

COREFILE = """.:@PORT {
    bind 127.0.0.1
    kubernetes cluster.local {
        source cluster.yaml
    }
    prometheus 127.0.0.1:@PROM
}
other.example:@PORT {
    bind 127.0.0.1
    kubernetes other.example {
        source cluster.yaml
    }
    prometheus 127.0.0.1:@PROM
}
"""
TOOK = "coredns_kubernetes_dns_programming_duration_seconds"


def service(name, spec):
    return f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: n}}\nspec: {spec}\n"


def slice_of(name, changed, addresses, owner=None):
    return (f"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}-a, namespace: n, "
            f"labels: {{kubernetes.io/service-name: {owner or name}}}, annotations: "
            f"{{endpoints.kubernetes.io/last-change-trigger-time: '{changed}'}}}}\n"
            f"endpoints:\n- addresses: [{', '.join(addresses)}]\n")


def ago(seconds):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)
    return then.isoformat().replace("+00:00", "Z")


def value(page, name, **labels):
    for line, number in page.items():
        found = re.fullmatch(r"([a-z_]+)(?:\{(.*)\})?", line)
        if found and found.group(1) == name and dict(re.findall(r'(\w+)="([^"]*)"', found.group(2) or "")) == labels:
            return number
    return None


def test_what_is_counted(serve):
    s = serve(COREFILE, files={"cluster.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n" +
              service("web", "{clusterIP: 10.0.0.1}") + slice_of("web", ago(100), ["10.1.0.1", "none", "10.1.0.2"]) +
              service("set", "{clusterIP: None}") + slice_of("set", ago(2000), ["10.1.0.3"]) +
              slice_of("lonely", ago(1), ["10.1.0.4"]) + service("old", "{clusterIP: 10.0.0.2}") +
              slice_of("old", "yesterday", ["10.1.0.5"]) +
              service("out", "{type: ExternalName, externalName: 192.0.2.1}") +
              service("a.b", "{clusterIP: 10.0.0.3}") + service("c.d", "{clusterIP: 10.0.0.4}") +
              service("half", "{clusterIP: 10.0.0.5, clusterIPs: [10.0.0.5, nonsense]}")})
    page = s.metrics()
    # Counted once, although two blocks share the index.
    assert value(page, TOOK + "_count", service_kind="cluster_ip") == 1
    assert value(page, TOOK + "_bucket", service_kind="cluster_ip", le="65.536") == 0
    assert value(page, TOOK + "_bucket", service_kind="cluster_ip", le="131.072") == 1
    assert 100 <= value(page, TOOK + "_sum", service_kind="cluster_ip") < 131
    assert value(page, TOOK + "_bucket", service_kind="headless_with_selector", le="524.288") == 0
    assert value(page, TOOK + "_count", service_kind="headless_with_selector") == 1
    skipped = "nodens_kubernetes_skipped_total"
    assert value(page, skipped, kind="Service", why="name") == 2
    assert value(page, skipped, kind="Service", why="address") == 1
    assert value(page, skipped, kind="Service", why="target") == 1
    assert value(page, skipped, kind="EndpointSlice", why="address") == 1
    assert value(page, skipped, kind="EndpointSlice", why="name") is None
    assert value(page, "nodens_kubernetes_index_bytes") > 1000
    log = s.log()
    assert log.count("further ones are only counted") == 4
    assert "Service n/a.b: name or namespace" in log and "n/c.d" not in log
    assert "EndpointSlice n/web-a: invalid IP address" in log
    assert 'EndpointSlice n/old-a: annotation endpoints.kubernetes.io/last-change-trigger-time' in log
    # Their usable parts are used.
    assert texts(s.ask("half.n.svc.cluster.local.")) == ["10.0.0.5"]
    assert texts(s.ask("old.n.svc.other.example.")) == ["10.0.0.2"]


def test_numbers_outlive_a_reload(serve):
    s = serve(COREFILE, files={"cluster.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n" +
              service("web", "{clusterIP: 10.0.0.1}") + slice_of("web", ago(100), ["10.1.0.1"])})
    s.reload()
    page = s.metrics()
    assert value(page, TOOK + "_count", service_kind="cluster_ip") == 1
