"""Write the software bill of materials of the service and its console, in CycloneDX 1.6 JSON.

    .venv/bin/python deploy/sbom.py FILE

The Python components are those of `constraints-run.txt`, with licences and dependencies from the environment of
`bootstrap.py test`; the console's are those of its npm lock, with their hashes. The hashes of all Python files are in
`constraints-run.txt`.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONSOLE = ROOT / "alerts" / "console"
HASH_NAMES = {"sha512": "SHA-512", "sha256": "SHA-256"}


def main() -> int:
    """Write the file named by the only argument; return the exit status."""
    _, *names = sys.argv
    if len(names) != 1:
        print(f"sbom: {len(names)} arguments; allowed: one, the file to write", file=sys.stderr)
        return 2
    Path(names[0]).write_text(json.dumps(bill(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def bill() -> dict[str, Any]:
    """Return the bill of materials."""
    project = ROOT / "pyproject.toml"
    command = ("-m", "cyclonedx_py", "environment", "--pyproject", project, "--no-validate", "--of", "JSON", "--sv")
    made = subprocess.run([sys.executable, *command, "1.6"], check=True, capture_output=True)
    document: dict[str, Any] = json.loads(made.stdout)
    locked, console = locked_versions(), npm_components()
    python = [part for part in document["components"] if locked.get(_name(part["name"])) == part["version"]]
    document["components"] = python + console
    known = {part["bom-ref"] for part in document["components"]} | {document["metadata"]["component"]["bom-ref"]}
    document["dependencies"] = [
        entry | {"dependsOn": sorted(set(entry.get("dependsOn", ())) & known)}
        for entry in document["dependencies"]
        if entry["ref"] in known
    ]
    return document


def locked_versions() -> dict[str, str]:
    """Return the version of each Python distribution of the service, by its normalised name."""
    text = (ROOT / "constraints-run.txt").read_text(encoding="ascii")
    pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==(\S+)", text, re.MULTILINE)
    return {_name(name): version for name, version in pins}


def npm_components() -> list[dict[str, Any]]:
    """Return a component for each package of the npm lock that becomes part of the console."""
    packages = json.loads((CONSOLE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    found = {
        (path.rpartition("node_modules/")[2], facts["version"]): facts
        for path, facts in packages.items()
        if path and not facts.get("dev")
    }
    return [_npm_component(name, version, facts) for (name, version), facts in sorted(found.items())]


def _npm_component(name: str, version: str, facts: dict[str, Any]) -> dict[str, Any]:
    kind, _, digest = facts["integrity"].partition("-")
    reference = f"pkg:npm/{name.replace('@', '%40')}@{version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": version,
        "purl": reference,
    }
    component["hashes"] = [{"alg": HASH_NAMES[kind], "content": base64.b64decode(digest).hex()}]
    if facts.get("license"):
        component["licenses"] = [{"license": {"name": facts["license"]}}]
    return component


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
