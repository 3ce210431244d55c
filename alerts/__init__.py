"""Detections -> hazards -> risk grades -> tickets -> notices: the dual-prevention loop.

What stands on the database is loaded when it is first asked for: registry and settings are read without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .access import OPERATIONS, ROLES, SYSTEM, Actor, allowed, require
from .errors import (
    AlertError,
    Forbidden,
    GuardFailed,
    Invalid,
    NotFound,
    RegistryError,
    SchemaError,
    Stale,
)
from .grading import Assessment, Grade, Method, methods
from .model import Finding, Hazard, Notice, Receipt, Ticket
from .moment import format_time, parse_time
from .registry import Place, Registry, RiskPoint, Site, Zone, load_registry, read_registry
from .tickets import Field, Loop, Step, loop

if TYPE_CHECKING:
    from .desk import AlertDesk
    from .journal import AuditReport, Event
    from .outbox import Outbox
    from .people import Account, People
    from .queries import Page
    from .schema import open_database

__all__ = [
    "OPERATIONS",
    "ROLES",
    "SYSTEM",
    "Account",
    "Actor",
    "AlertDesk",
    "AlertError",
    "Assessment",
    "AuditReport",
    "Event",
    "Field",
    "Finding",
    "Forbidden",
    "Grade",
    "GuardFailed",
    "Hazard",
    "Invalid",
    "Loop",
    "Method",
    "NotFound",
    "Notice",
    "Outbox",
    "Page",
    "People",
    "Place",
    "Receipt",
    "Registry",
    "RegistryError",
    "RiskPoint",
    "SchemaError",
    "Site",
    "Stale",
    "Step",
    "Ticket",
    "Zone",
    "allowed",
    "format_time",
    "load_registry",
    "loop",
    "methods",
    "open_database",
    "parse_time",
    "read_registry",
    "require",
]

_LATER = {
    "Account": "people",
    "AlertDesk": "desk",
    "AuditReport": "journal",
    "Event": "journal",
    "Outbox": "outbox",
    "Page": "queries",
    "People": "people",
    "open_database": "schema",
}

if not TYPE_CHECKING:  # type checkers see the imports above, and nothing that is not there

    def __getattr__(name: str) -> object:
        """Load what is asked for the first time."""
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found = getattr(import_module(f".{_LATER[name]}", __name__), name)
        return found
