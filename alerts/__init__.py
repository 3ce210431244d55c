"""Detections -> hazards -> risk grades -> tickets -> notices: the dual-prevention loop."""

from .access import OPERATIONS, ROLES, SYSTEM, Actor, allowed, require
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
from .model import Finding, Hazard, Notice, Receipt, Ticket
from .moment import format_time, parse_time
from .outbox import Outbox
from .people import Account, People
from .queries import Page
from .registry import Place, Registry, RiskPoint, Site, Zone, load_registry, read_registry
from .schema import open_database
from .tickets import Field, Loop, Step, loop

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
