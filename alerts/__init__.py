"""Public interface of alerts: hazards, risk grades, tickets and notices from detections.

Names that use the database load on first access, so settings and registry load without SQLAlchemy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .errors import (
    AlertError,
    Forbidden,
    GuardFailed,
    Invalid,
    NotFound,
    NotOwner,
    RegistryError,
    SchemaError,
    Stale,
)
from .model import Danger, EmergencyOrder, Finding, Hazard, Notice, Proposal, Receipt, RuleCount, Ticket
from .people.access import OPERATIONS, ROLES, SYSTEM, Actor, allowed, require
from .risk.grading import Assessment, Grade, Method, methods
from .risk.registry import Place, Registry, RiskPoint, Site, Zone, load_registry, read_registry
from .tickets.fields import Field
from .tickets.loop import Loop, Step, loop
from .timestamps import format_time, parse_time

if TYPE_CHECKING:
    from .database.engine import open_database
    from .database.journal import AuditReport, Event
    from .database.keyset import Page
    from .database.owner_fence import OwnerFence
    from .database.silent_server import ServerConnections
    from .database.storage_faults import StorageFault, storage_fault
    from .dispatch import AlertDispatch
    from .fallback import FallbackDispatch
    from .notices.dead_man import DeadMan, read_monitors
    from .notices.memory_outbox import MemoryOutbox
    from .notices.outbox import Outbox
    from .notices.sent_ids import SentIds
    from .notices.service_faults import NEARLY_FULL, ServiceFault, fault_notices
    from .notices.watchdog import WatchdogChannel
    from .people.accounts import People
    from .people.model import Account

__all__ = [
    "NEARLY_FULL",
    "OPERATIONS",
    "ROLES",
    "SYSTEM",
    "Account",
    "Actor",
    "AlertDispatch",
    "AlertError",
    "Assessment",
    "AuditReport",
    "Danger",
    "DeadMan",
    "EmergencyOrder",
    "Event",
    "FallbackDispatch",
    "Field",
    "Finding",
    "Forbidden",
    "Grade",
    "GuardFailed",
    "Hazard",
    "Invalid",
    "Loop",
    "MemoryOutbox",
    "Method",
    "NotFound",
    "NotOwner",
    "Notice",
    "Outbox",
    "OwnerFence",
    "Page",
    "People",
    "Place",
    "Proposal",
    "Receipt",
    "Registry",
    "RegistryError",
    "RiskPoint",
    "RuleCount",
    "SchemaError",
    "SentIds",
    "ServerConnections",
    "ServiceFault",
    "Site",
    "Stale",
    "Step",
    "StorageFault",
    "Ticket",
    "WatchdogChannel",
    "Zone",
    "allowed",
    "fault_notices",
    "format_time",
    "load_registry",
    "loop",
    "methods",
    "open_database",
    "parse_time",
    "read_monitors",
    "read_registry",
    "require",
    "storage_fault",
]

_LATER = {
    "NEARLY_FULL": "notices.service_faults",
    "Account": "people.model",
    "AlertDispatch": "dispatch",
    "AuditReport": "database.journal",
    "DeadMan": "notices.dead_man",
    "SentIds": "notices.sent_ids",
    "Event": "database.journal",
    "MemoryOutbox": "notices.memory_outbox",
    "Outbox": "notices.outbox",
    "OwnerFence": "database.owner_fence",
    "ServerConnections": "database.silent_server",
    "ServiceFault": "notices.service_faults",
    "Page": "database.keyset",
    "People": "people.accounts",
    "FallbackDispatch": "fallback",
    "StorageFault": "database.storage_faults",
    "fault_notices": "notices.service_faults",
    "open_database": "database.engine",
    "WatchdogChannel": "notices.watchdog",
    "read_monitors": "notices.dead_man",
    "storage_fault": "database.storage_faults",
}

if not TYPE_CHECKING:  # type checkers use the imports above

    def __getattr__(name: str) -> object:
        """Import the module of a name on first access."""
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found = getattr(import_module(f".{_LATER[name]}", __name__), name)
        return found
