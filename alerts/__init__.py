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
    from .delivered import Delivered
    from .desk import AlertDesk
    from .journal import AuditReport, Event
    from .messenger import Messenger
    from .outbox import Outbox
    from .own_faults import NEARLY_FULL, OwnFault, fault_notices
    from .people import Account, People
    from .queries import Page
    from .schema import open_database
    from .stand_in import StandIn
    from .storage_faults import StorageFault, storage_fault

__all__ = [
    "NEARLY_FULL",
    "OPERATIONS",
    "ROLES",
    "SYSTEM",
    "Account",
    "Actor",
    "AlertDesk",
    "AlertError",
    "Assessment",
    "AuditReport",
    "Delivered",
    "Event",
    "Field",
    "Finding",
    "Forbidden",
    "Grade",
    "GuardFailed",
    "Hazard",
    "Invalid",
    "Loop",
    "Messenger",
    "Method",
    "NotFound",
    "Notice",
    "Outbox",
    "OwnFault",
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
    "StandIn",
    "Step",
    "StorageFault",
    "Ticket",
    "Zone",
    "allowed",
    "fault_notices",
    "format_time",
    "load_registry",
    "loop",
    "methods",
    "open_database",
    "parse_time",
    "read_registry",
    "require",
    "storage_fault",
]

_LATER = {
    "NEARLY_FULL": "own_faults",
    "Account": "people",
    "AlertDesk": "desk",
    "AuditReport": "journal",
    "Delivered": "delivered",
    "Event": "journal",
    "Messenger": "messenger",
    "Outbox": "outbox",
    "OwnFault": "own_faults",
    "Page": "queries",
    "People": "people",
    "StandIn": "stand_in",
    "StorageFault": "storage_faults",
    "fault_notices": "own_faults",
    "open_database": "schema",
    "storage_fault": "storage_faults",
}

if not TYPE_CHECKING:  # type checkers see the imports above, and nothing that is not there

    def __getattr__(name: str) -> object:
        """Load what is asked for the first time."""
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found = getattr(import_module(f".{_LATER[name]}", __name__), name)
        return found
