"""The lock files: complete for pyproject.toml, and with hashes for every supported processor."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PINNED = re.compile(
    r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", re.MULTILINE
)


def pins(name: str) -> dict[str, tuple[Version, int]]:
    """Return version and number of hashes of each distribution of a lock file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = {canonicalize_name(pin[1]): (Version(pin[2]), pin[3].count("--hash")) for pin in PINNED.finditer(text)}
    assert len(found) == text.count("==")
    return found


def declared() -> tuple[list[Requirement], list[Requirement]]:
    """Return the requirements of the service and its build, and all requirements."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    run = [*project["project"]["dependencies"], *groups["build"]]
    others = [one for extra in project["project"]["optional-dependencies"].values() for one in extra]
    return [Requirement(one) for one in run], [Requirement(one) for one in (*run, *others, *groups["release"])]


def test_every_requirement_is_locked_at_an_allowed_version() -> None:
    """`python3 bootstrap.py lock` ran after the last change of pyproject.toml."""
    for lock, wanted in zip((pins("constraints-run.txt"), pins("constraints.txt")), declared(), strict=True):
        for requirement in wanted:
            assert lock[canonicalize_name(requirement.name)][0] in requirement.specifier, requirement
    assert pins("constraints-run.txt").items() <= pins("constraints.txt").items()


def test_the_lock_is_closed() -> None:
    """Each dependency of a locked distribution is locked: pip installs the file without a resolution of its own."""
    lock = pins("constraints-run.txt")
    for name in lock:
        for text in requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in lock, f"{name} needs {requirement}"


def test_compiled_distributions_have_hashes_for_each_python_and_processor() -> None:
    """Numpy has a wheel for each of three Python versions and two processors, and its source."""
    assert pins("constraints.txt")["numpy"][1] > 6
