"""The compose layout: the file fits its schema, and its parts fit each other and the service."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

from ingest.stores.influx_lines import MEASUREMENT
from ingest.vocabulary import METRICS

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "compose"
LAYOUT = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = LAYOUT["services"]
DASHBOARDS = [
    json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "grafana/dashboards").iterdir())
]
SETTINGS = tomllib.loads((FOLDER / "twinward.toml").read_text(encoding="utf-8"))
SOURCES = yaml.safe_load((FOLDER / "grafana/datasources/twinward.yaml").read_text(encoding="utf-8"))["datasources"]


def mounts(service: str) -> dict[str, str]:
    """Return path in the container -> volume or file of the host."""
    pairs = [volume.split(":") for volume in SERVICES[service].get("volumes", ())]
    return {pair[1]: pair[0] for pair in pairs}


def test_the_file_fits_the_compose_specification() -> None:
    """The schema is the one that the specification publishes."""
    (found,) = (path for path in files("check-jsonschema") or () if path.name == "compose-spec.json")
    schema = json.loads(found.read_text(encoding="utf-8"))
    assert [error.message for error in validator_for(schema)(schema).iter_errors(LAYOUT)] == []


def test_every_mounted_file_and_volume_exists() -> None:
    """A missing file would become an empty folder without an error."""
    sources = {source for service in SERVICES for source in mounts(service).values()}
    assert {source for source in sources if source.startswith(".") and not (FOLDER / source).exists()} == set()
    assert {source for source in sources if not source.startswith(".")} == set(LAYOUT["volumes"])


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_is_pinned_and_restricted(service: str) -> None:
    """An image has a whole version; only TLS ports leave the machine; no value in the file is a secret."""
    part = SERVICES[service]
    assert re.search(r":v?\d+\.\d+\.\d+|:\d+\.\d+-", part["image"])
    assert all(port.startswith("127.0.0.1:") or port in {"8883:8883", "8443:8443"} for port in part.get("ports", ()))
    secret = {name for name in part.get("environment", {}) if re.search("PASSWORD|TOKEN|SECRET|KEY", name)}
    assert all(name.endswith("_FILE") for name in secret)
    if service != "prepare":
        assert part["security_opt"] == ["no-new-privileges:true"]
        assert part["restart"] == "unless-stopped"


def test_the_key_of_the_authority_is_in_no_running_service() -> None:
    """Only the preparation reads it."""
    assert [service for service in SERVICES if "authority" in mounts(service).values()] == ["prepare"]


def test_settings_name_mounted_files_and_services() -> None:
    """Each address is a service of the layout, each file below a mounted path."""
    text = (FOLDER / "twinward.toml").read_text(encoding="utf-8")
    hosts = set(re.findall(r"(?:mqtts|http)://([a-z]+):|@([a-z]+)/", text))
    assert {one or other for one, other in hosts} <= SERVICES.keys()
    paths = [path for path in re.findall(r'"(/[^"]+)"', text) if path not in mounts("twinward")]
    assert paths
    assert [path for path in paths if str(Path(path).parent) not in mounts("twinward")] == []


def test_each_panel_has_a_source_and_known_names() -> None:
    """Panels of readings name metrics of the vocabulary and the measurement of the store."""
    sources = {source["uid"]: source["type"] for source in SOURCES}
    queries = []
    for board in DASHBOARDS:
        for panel in board["panels"]:
            assert sources[panel["datasource"]["uid"]] == panel["datasource"]["type"]
            queries += [target["query"] for target in panel["targets"] if "query" in target]
    assert {re.search('FROM "([a-z]+)"', query)[1] for query in queries} == {MEASUREMENT}  # type: ignore[index]
    named = {re.search("\"metric\" = '([a-z_]+)'", query)[1] for query in queries}  # type: ignore[index]
    assert named <= {metric.name for metric in METRICS}


def test_the_image_has_the_version_of_the_project() -> None:
    """A released layout starts the image of its own release."""
    project = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {SERVICES[one]["image"] for one in ("prepare", "saver", "twinward")} == {f"twinward:{project['version']}"}
