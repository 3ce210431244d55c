"""Detections -> hazards -> risk grades -> tickets -> notices: the dual-prevention loop."""

from .access import OPERATIONS, ROLES, SYSTEM, Actor, allowed, require
from .delivered import Delivered
from .desk import AlertDesk
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
from .journal import AuditReport, Event
from .messenger import Messenger
from .model import Finding, Hazard, Notice, Receipt, Ticket
from .moment import format_time, parse_time
from .outbox import Outbox
from .own_faults import NEARLY_FULL, OwnFault, fault_notices
from .people import Account, People
from .queries import Page
from .registry import Place, Registry, RiskPoint, Site, Zone, load_registry, read_registry
from .schema import open_database
from .stand_in import StandIn
from .storage_fault import StorageFault, storage_fault
from .tickets import Field, Loop, Step, loop

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
