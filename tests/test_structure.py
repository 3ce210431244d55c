"""Sizes of modules and functions, import contracts, light imports and names of modules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("ingest", "detectors", "alerts", "simulators", "twinward")
HEAVY = ("fastapi", "starlette", "sklearn", "paho", "httpx", "apprise", "influxdb_client", "duckdb", "uvicorn")
MODULE_LINES_MAX = 300
TOP_LEVEL_MODULES_MAX = 16
FUNCTION_LINES_P90 = 20
FUNCTION_LINES_MAX = 70
REASON = re.compile(r"\blines\b|\bone module because\b", re.IGNORECASE)
"""A sentence of a docstring that gives the reason for a long module."""


def modules(package: str) -> list[Path]:
    """Return every Python module of a package."""
    return sorted(path for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts)


def function_lengths(package: str) -> list[tuple[int, str]]:
    """Return the number of body lines, without the docstring, and the name of each function."""
    lengths = []
    for path in modules(package):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = node.body if ast.get_docstring(node) is None else node.body[1:]
                count = (node.end_lineno or node.lineno) - body[0].lineno + 1 if body else 0
                lengths.append((count, f"{path.relative_to(ROOT)}:{node.name}"))
    return lengths


@pytest.mark.parametrize("package", PACKAGES)
def test_a_long_module_gives_its_reason(package: str) -> None:
    """The docstring of each module over 300 lines has a sentence that gives the reason."""
    long = []
    for path in modules(package):
        text = path.read_text(encoding="utf-8")
        reason = REASON.search(ast.get_docstring(ast.parse(text)) or "")
        if text.count("\n") > MODULE_LINES_MAX and reason is None:
            long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
    assert long == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_top_level_of_a_package_is_small(package: str) -> None:
    """A package has at most 16 modules outside its sub-packages, `__init__` included."""
    assert len(list((ROOT / package).glob("*.py"))) <= TOP_LEVEL_MODULES_MAX


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_are_short(package: str) -> None:
    """Nine functions of ten have at most 20 lines, and none has more than 70."""
    lengths = function_lengths(package)
    assert len(lengths) > 100
    assert float(np.percentile([lines for lines, _ in lengths], 90)) <= FUNCTION_LINES_P90
    assert [entry for entry in lengths if entry[0] > FUNCTION_LINES_MAX] == []


def test_import_contracts_hold() -> None:
    """Imports run against the data flow, and simulators share no code with the product."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_import_cycle() -> None:
    """The imports between modules, type annotations included, form no cycle."""
    graph = grimp.build_graph(*PACKAGES)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert len(imports) > 200
    TopologicalSorter(imports).prepare()


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_is_light(package: str) -> None:
    """The public interface loads no web framework, learning library, network client or database client."""
    code = f"import sys, {package}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_shadows_a_name_that_is_loaded_on_use(package: str) -> None:
    """Importing a module of the same name would replace the exported name."""
    text = (ROOT / package / "__init__.py").read_text(encoding="utf-8")
    later = re.search(r"_LATER = \{(.*?)\}", text, re.DOTALL)
    names = re.findall(r'"(\w+)":', later.group(1)) if later else []
    assert [name for name in names if (ROOT / package / f"{name}.py").exists()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_are_named_after_the_domain(package: str) -> None:
    """No utils, common, core, helpers or base: a helper is beside its only user."""
    banned = {"utils", "common", "core", "helpers", "base"}
    named = [path.relative_to(ROOT) for path in modules(package)]
    assert [str(path) for path in named if banned & {part.removesuffix(".py") for part in path.parts}] == []
