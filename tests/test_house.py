"""The house rules that a machine can check: sizes, imports, light faces, a truthful README."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("ingest", "detectors", "alerts", "simulators", "twinward")
HEAVY = ("fastapi", "starlette", "sklearn", "paho", "httpx", "apprise", "influxdb_client", "duckdb", "uvicorn")


def modules() -> Iterator[Path]:
    """Every Python module of the product."""
    for package in PACKAGES:
        yield from (path for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts)


def function_lengths(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of each function's body as it stands, its docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            documented = ast.get_docstring(node, clean=False)
            yield node.end_lineno - node.lineno + 1 - (documented.count("\n") + 1 if documented else 0), node.name


def test_no_module_is_longer_than_400_lines() -> None:
    """A longer module is two concepts."""
    long = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {path: lines for path, lines in long.items() if lines > 400} == {}


def test_functions_are_short() -> None:
    """Nine functions of ten have at most 25 lines, none more than 70."""
    lengths = [(lines, f"{path}:{name}") for path in modules() for lines, name in function_lengths(path)]
    assert len(lengths) > 100
    assert float(np.percentile([lines for lines, _ in lengths], 90)) <= 25
    assert [entry for entry in lengths if entry[0] > 70] == []


def test_import_contracts_hold() -> None:
    """Imports run against the data, and simulators share nothing with the product."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_face_is_light(package: str) -> None:
    """Importing a package's face loads no web framework, no learning library, no network or database client."""
    code = f"import sys, {package}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_face_loads_later_has_no_module_of_its_name(package: str) -> None:
    """Importing such a module would put it in the place of what the face gives."""
    text = (ROOT / package / "__init__.py").read_text(encoding="utf-8")
    later = re.search(r"_LATER = \{(.*?)\}", text, re.DOTALL)
    names = re.findall(r'"(\w+)":', later.group(1)) if later else []
    assert [name for name in names if (ROOT / package / f"{name}.py").exists()] == []


def test_no_room_is_named_after_the_craft() -> None:
    """No utils, common, core, helpers or base: a helper lives beside its only user."""
    banned = {"utils", "common", "core", "helpers", "base"}
    assert [str(path) for path in modules() if banned & {part.removesuffix(".py") for part in path.parts}] == []


def test_readme_has_the_two_commands() -> None:
    """The first block runs the demo, the second the tests, and there is no third."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert [block.strip() for block in blocks] == ["python3 bootstrap.py demo", "python3 bootstrap.py test"]


def test_readme_picture_is_there() -> None:
    """Every picture that the README shows stands in the repository."""
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(pictures) == 1
    assert (ROOT / pictures[0]).is_file()
