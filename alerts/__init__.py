"""Detections -> hazards -> risk grades -> tickets -> notices: the dual-prevention loop.

What stands on the database is loaded when it is first asked for: registry and settings are read without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

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
from .model import Finding, Hazard, Notice, Receipt, Ticket
from .moment import format_time, parse_time
from .people.access import OPERATIONS, ROLES, SYSTEM, Actor, allowed, require
from .risk.grading import Assessment, Grade, Method, methods
from .risk.registry import Place, Registry, RiskPoint, Site, Zone, load_registry, read_registry
from .tickets.loop import Field, Loop, Step, loop

if TYPE_CHECKING:
    from .database.journal import AuditReport, Event
    from .database.schema import open_database
    from .database.storage_faults import StorageFault, storage_fault
    from .dispatch import AlertDesk
    from .fallback import StandIn
    from .notices.memory_outbox import Messenger
    from .notices.outbox import Outbox
    from .notices.sent_ids import Delivered
    from .notices.service_faults import NEARLY_FULL, OwnFault, fault_notices
    from .people.accounts import Account, People
    from .queries import Page

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
    "NEARLY_FULL": "notices.service_faults",
    "Account": "people.accounts",
    "AlertDesk": "dispatch",
    "AuditReport": "database.journal",
    "Delivered": "notices.sent_ids",
    "Event": "database.journal",
    "Messenger": "notices.memory_outbox",
    "Outbox": "notices.outbox",
    "OwnFault": "notices.service_faults",
    "Page": "queries",
    "People": "people.accounts",
    "StandIn": "fallback",
    "StorageFault": "database.storage_faults",
    "fault_notices": "notices.service_faults",
    "open_database": "database.schema",
    "storage_fault": "database.storage_faults",
}

if not TYPE_CHECKING:  # type checkers see the imports above, and nothing that is not there

    def __getattr__(name: str) -> object:
        """Load what is asked for the first time."""
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found = getattr(import_module(f".{_LATER[name]}", __name__), name)
        return found
