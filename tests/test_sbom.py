"""The software bill of materials: valid, and complete for the service and its console."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def test_the_bill_is_valid_and_lists_every_dependency(tmp_path: Path) -> None:
    """CycloneDX 1.6 with each declared dependency, the console's packages and their hashes, and no test program."""
    path = tmp_path / "sbom.json"
    subprocess.run([sys.executable, ROOT / "deploy" / "sbom.py", path], check=True, timeout=60)
    text = path.read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    parts = {canonicalize_name(part["name"]): part for part in json.loads(text)["components"]}
    declared = [Requirement(one) for one in requires("twinward") or () if "extra ==" not in one]
    assert {canonicalize_name(one.name) for one in declared} <= parts.keys()
    assert "licenses" in parts["numpy"]
    package = json.loads((ROOT / "alerts" / "console" / "package.json").read_text(encoding="utf-8"))
    assert all(parts[name]["hashes"][0]["alg"] == "SHA-512" for name in package.get("dependencies", {}))
    assert parts.keys().isdisjoint({"pytest", "mypy", "vite"})
