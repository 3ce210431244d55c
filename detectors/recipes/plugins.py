"""Rule types of plug-ins: entry points of the group `twinward.detectors`.

An entry point loads a `Plugin`. A plug-in cannot replace a packaged type or another plug-in. Its detectors run guarded
(`detectors/proof/guard.py`), in shadow until a score sheet of this very code lets them page.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from .kinds import Rule
from .types import ORIGINS, TYPES

GROUP = "twinward.detectors"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A rule type outside the package.

    name: of the type in recipes; settings: frozen dataclass derived from Rule; make: returns the detector of a rule,
    from the rule and a `detectors.makers.Setting`; words: (zh, en) name for people.
    """

    name: str
    settings: type[Rule]
    make: Callable[[Any, Any], Any]
    words: tuple[str, str] = ("", "")


FOREIGN: dict[str, Plugin] = {}
"""Registered plug-ins by the name of their type."""
_loaded: list[bool] = []


def rule_type(name: str) -> type[Rule] | None:
    """Return the settings of a type, packaged or of a plug-in; None for an unknown name."""
    if name in TYPES:
        return TYPES[name]
    load_plugins()
    return FOREIGN[name].settings if name in FOREIGN else None


def type_names() -> list[str]:
    """Return the names of all types, the packaged ones first."""
    load_plugins()
    return [*TYPES, *FOREIGN]


def load_plugins(found: Iterable[EntryPoint] | None = None) -> None:
    """Register the installed plug-ins, once; logs and leaves out those that cannot be loaded."""
    if found is None:
        if _loaded:
            return
        _loaded.append(True)
        found = entry_points(group=GROUP)
    for entry in found:
        dist = getattr(entry, "dist", None)
        try:
            plugin = entry.load()
            register(plugin, origin="unpackaged" if dist is None else f"{dist.name} {dist.version}")
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything and must not stop the service
            log.warning("plug-in %s left out: %r", entry.name, error)


def register(plugin: Plugin, *, origin: str) -> None:
    """Add a plug-in. Raises TypeError or ValueError for one that is no plug-in or takes a name in use."""
    if type(plugin) is not Plugin or not issubclass(plugin.settings, Rule):
        raise TypeError(f"{plugin!r}: allowed is a Plugin whose settings derive from Rule")
    if plugin.name in TYPES or plugin.settings in TYPES.values():
        raise ValueError(f"type {plugin.name!r}: allowed is a name and a class that the package does not use")
    if plugin.name in FOREIGN and FOREIGN[plugin.name] != plugin:
        raise ValueError(f"type {plugin.name!r}: another plug-in has this name")
    FOREIGN[plugin.name] = plugin
    ORIGINS[plugin.settings] = f"{origin} {_code_digest(plugin.settings, plugin.make)}"


def _code_digest(*parts: Any) -> str:
    """Return the digest of the source files that define these objects, "" where there is none."""
    files = sorted({name for part in parts if (name := _source(part))})
    digest = hashlib.sha256()
    for name in files:
        digest.update(Path(name).read_bytes())
    return digest.hexdigest()[:32] if files else ""


def _source(part: Any) -> str:
    try:
        return inspect.getsourcefile(part) or ""
    except (TypeError, OSError):
        return ""
