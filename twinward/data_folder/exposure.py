"""Exposure of a data folder: files that other accounts may read, and a service that runs as root."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import structlog

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def exposed(folder: Path) -> list[Path]:
    """Return the folder and its files that a group or others may use, sorted. Files may vanish meanwhile."""
    return sorted(path for path in _inside(folder) if _mode(path) & _OTHERS)


def run_by_root(folder: Path) -> bool:
    """Return whether the service of this data folder runs as root, by the owner of the folder where it exists."""
    try:
        return folder.stat().st_uid == 0
    except OSError:
        return os.geteuid() == 0


def report_exposure(folder: Path) -> None:
    """Log a start as root, and files that other accounts may read, with the command that ends it."""
    log = structlog.get_logger(part="start")
    if os.geteuid() == 0:
        log.warning("the service runs as root; run it with an account of its own, as deploy/twinward.service does")
    if found := exposed(folder):
        advice = f"chmod -R go= {folder}"
        log.warning(
            "other accounts may use files of the data folder", first=str(found[0]), count=len(found), fix=advice
        )


def _inside(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield folder
        for parent, folders, files in os.walk(folder):
            yield from (Path(parent, name) for name in (*folders, *files))


def _mode(path: Path) -> int:
    try:
        found = path.lstat().st_mode
    except OSError:
        return 0
    return 0 if stat.S_ISLNK(found) else stat.S_IMODE(found)
