"""Manifests of two nodes on Kubernetes: valid, closed, consistent; people reach the working node."""

from __future__ import annotations

import contextlib
import http.server
import importlib.util
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import tomllib
import urllib.request
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from tests.processes import free_port, program, until
from twinward.commands.certificate import make_certificate

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
MANIFESTS: list[dict[str, Any]] = [
    one
    for name in KUSTOMIZATION["resources"]
    for one in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
]
SCHEMAS = "kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict/"
IDS = [f"{one['kind']}-{one['metadata']['name']}" for one in MANIFESTS]


def schemas() -> dict[str, Path]:
    """Return the strict schemas of the release by file name."""
    found = files("kubernetes-validate") or []
    return {Path(one).name: Path(str(one.locate())) for one in found if str(one).startswith(SCHEMAS)}


def schema_name(manifest: dict[str, Any]) -> str:
    """Return the file of a manifest's schema, such as statefulset-apps-v1.json."""
    group = manifest["apiVersion"].lower().replace(".k8s.io", "").replace("/", "-")
    return f"{manifest['kind'].lower()}-{group}.json"


def find(kind: str, name: str) -> dict[str, Any]:
    """Return one manifest."""
    [found] = [one for one in MANIFESTS if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pods() -> list[dict[str, Any]]:
    """Return the pod specifications of all workloads."""
    return [one["spec"]["template"]["spec"] for one in MANIFESTS if one["kind"] in {"StatefulSet", "Deployment"}]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=IDS)
def test_a_manifest_fits_the_schema_of_its_release(manifest: dict[str, Any]) -> None:
    """Unknown keys are errors; a wrong manifest is found."""
    paths = schemas()

    def retrieve(uri: str) -> Any:
        return DRAFT4.create_resource(json.loads(paths[uri.rpartition("/")[2]].read_text(encoding="utf-8")))

    schema = json.loads(paths[schema_name(manifest)].read_text(encoding="utf-8"))
    validator = Draft4Validator(schema, registry=Registry(retrieve=retrieve))
    assert [error.message for error in validator.iter_errors(manifest)] == []
    assert [*validator.iter_errors(manifest | {"speck": {}})]


def test_references_between_the_manifests_hold() -> None:
    """Config maps, labels, the headless service, ports and the files of the balancer exist."""
    generated = {one["name"]: set(one["files"]) for one in KUSTOMIZATION["configMapGenerator"]}
    assert all((FOLDER / name).is_file() for names in generated.values() for name in names)
    for pod in pods():
        volumes = {one["name"]: one for one in pod["volumes"]}
        assert {one["configMap"]["name"] for one in volumes.values() if "configMap" in one} <= generated.keys()
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            assert {one["name"] for one in container["volumeMounts"]} <= volumes.keys() | {"data"}
    nodes = find("StatefulSet", "twinward")
    assert find("Service", nodes["spec"]["serviceName"])["spec"]["selector"] == {"app": "twinward"}
    balancer = (FOLDER / "haproxy.cfg").read_text(encoding="utf-8")
    hosts = re.findall(r"server \S+ (\S+):8443", balancer)
    space, service = KUSTOMIZATION["namespace"], nodes["spec"]["serviceName"]
    assert hosts == [f"twinward-{n}.{service}.{space}.svc.cluster.local" for n in range(nodes["spec"]["replicas"])]


def test_every_workload_is_closed_budgeted_and_spread() -> None:
    """Restricted pods without rights or writable roots; one disruption at a time; never two on one machine."""
    labels = [
        one["spec"]["template"]["metadata"]["labels"]
        for one in MANIFESTS
        if one["kind"] in {"StatefulSet", "Deployment"}
    ]
    budgets = [one["spec"] for one in MANIFESTS if one["kind"] == "PodDisruptionBudget"]
    assert [one["selector"]["matchLabels"] for one in budgets] == labels
    assert {one["maxUnavailable"] for one in budgets} == {1}
    assert find("NetworkPolicy", "closed")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    for pod in pods():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        if "fsGroup" in pod["securityContext"]:  # otherwise each mount opens private files of the volume to the group
            assert pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
        assert pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert "memory" in container["resources"]["limits"]
            assert not container["image"].endswith(":latest")
        assert all({"livenessProbe", "readinessProbe"} <= one.keys() for one in pod["containers"])


def test_the_settings_are_valid_and_equal_those_of_two_nodes(tmp_path: Path) -> None:
    """`check-config` accepts them with the files in place; log and journal are on one server."""
    text = (FOLDER / "twinward.toml").read_text(encoding="utf-8")
    settings = tomllib.loads(text)
    assert settings["log"]["url"] == settings["database"]
    make_certificate(["twinward"], folder=tmp_path)
    (tmp_path / "tls.crt").write_bytes((tmp_path / "server.pem").read_bytes())
    (tmp_path / "tls.key").write_bytes((tmp_path / "server.key").read_bytes())
    for name in ("mqtt-password", "influx-token", "tls.key"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o600)
    (tmp_path / "mqtt-password").write_text("a", encoding="ascii")
    (tmp_path / "influx-token").write_text("b", encoding="ascii")
    (tmp_path / "data").mkdir(mode=0o700)
    text = text.replace("/run/made", str(tmp_path)).replace("/var/lib/twinward", str(tmp_path / "data"))
    (tmp_path / "twinward.toml").write_text(text, encoding="utf-8")
    command = [program("twinward", "twinward"), "check-config", "--config", tmp_path / "twinward.toml"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


class Node:
    """A node over TLS: /healthz answers 200, /readyz 503 as during a fault, any other page its name."""

    def __init__(self, name: str, folder: Path, port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")

        class Pages(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(503 if self.path == "/readyz" else 200)
                self.end_headers()
                self.wfile.write(name.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Pages)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Close the port, as a standby has none."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


@contextlib.contextmanager
def balancer(folder: Path, ports: list[int]) -> Iterator[int]:
    """Run HAProxy with the shipped configuration on loopback; yield its port."""
    haproxy = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin") or program("haproxy", "haproxy")
    people, health = free_port(), free_port()
    text = (FOLDER / "haproxy.cfg").read_text(encoding="utf-8")
    for number, port in enumerate(ports):
        text = text.replace(f"twinward-{number}.nodes.twinward.svc.cluster.local:8443", f"127.0.0.1:{port}")
    text = text.replace("bind :8443", f"bind 127.0.0.1:{people}").replace("bind :8404", f"bind 127.0.0.1:{health}")
    text = text.replace("/tls/ca.pem", str(folder / "ca.pem"))
    config = folder / "haproxy.cfg"
    config.write_text(text, encoding="utf-8")
    checked = subprocess.run([haproxy, "-c", "-f", config], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen([haproxy, "-db", "-f", config])
    try:
        until(lambda: answers(f"http://127.0.0.1:{health}/", folder) is not None, timeout_s=30, what="the balancer")
        yield people
    finally:
        process.terminate()
        process.wait(10)


def answers(url: str, folder: Path) -> str | None:
    """Return the page, None without one."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.check_hostname = False
    try:
        with urllib.request.urlopen(url, timeout=5, context=context) as page:  # noqa: S310 - of the test
            return str(page.read().decode())
    except OSError:
        return None


def test_the_balancer_sends_people_to_the_node_that_works(tmp_path: Path) -> None:
    """A standby has no port; after a takeover the same address shows the other node, and the probe agrees."""
    make_certificate(["twinward"], folder=tmp_path)
    ports = [free_port(), free_port()]
    first = Node("node-0", tmp_path, ports[0])
    probe = loaded_probe(ports[0])
    with balancer(tmp_path, ports) as port:
        until(lambda: answers(f"https://127.0.0.1:{port}/", tmp_path) == "node-0", timeout_s=30, what="the first node")
        assert probe.main() == 0
        first.stop()
        assert probe.main() == 0  # it waits now
        second = Node("node-1", tmp_path, ports[1])
        until(lambda: answers(f"https://127.0.0.1:{port}/", tmp_path) == "node-1", timeout_s=30, what="the second node")
        second.stop()


def test_a_port_without_an_answer_fails_the_probe() -> None:
    """A service that hangs is restarted; one that has no port yet is not."""
    with socket.socket() as hung:
        hung.bind(("127.0.0.1", 0))
        hung.listen()
        probe = loaded_probe(hung.getsockname()[1])
        probe.LIMIT_S = 0.2
        assert probe.main() == 1


def loaded_probe(port: int) -> Any:
    """Return the probe script as a module that asks this port."""
    spec = importlib.util.spec_from_file_location("node_probe", FOLDER / "probe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.__dict__["PORT"] = port
    return module
