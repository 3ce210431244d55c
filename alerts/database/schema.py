"""Tables of the alert database, for SQLite and PostgreSQL.

The journal is the record. Hazards, findings and tickets are its projections, written in the same transaction.
A change of a table needs a migration in `migrations/versions`; a test compares the result with these tables.
Each part has its module in `tables`; every user imports a table from here.
"""

from __future__ import annotations

from .tables.archives import archived_documents, year_archives
from .tables.columns import metadata
from .tables.dangers import danger_hazards, dangers, guide_clauses, photos, public_reports
from .tables.drills import drill_plans
from .tables.hazards import ENDED, assignments, findings, hazards, ignored, standing
from .tables.inspections import inspection_entries, inspection_plans, inspections, place_tags
from .tables.notices import emergency_orders, escalations, handovers, notices, rosters
from .tables.people import accounts, displays, push_devices, second_factors, sessions
from .tables.plans import plan_pictures, plans
from .tables.record import cursors, journal, meta, replies
from .tables.register import measure_checks, printed_cards, risk_grades, risk_points, risk_zones
from .tables.sensor_tests import sensor_tests
from .tables.silences import blind_rooms, muted_pages, silences
from .tables.tickets import ticket_numbers, tickets
from .tables.training import training_courses, training_records

REVISION = "0028"
"""Newest migration; the tables are its result."""

__all__ = [
    "ENDED",
    "REVISION",
    "accounts",
    "archived_documents",
    "assignments",
    "blind_rooms",
    "cursors",
    "danger_hazards",
    "dangers",
    "displays",
    "drill_plans",
    "emergency_orders",
    "escalations",
    "findings",
    "guide_clauses",
    "handovers",
    "hazards",
    "ignored",
    "inspection_entries",
    "inspection_plans",
    "inspections",
    "journal",
    "measure_checks",
    "meta",
    "metadata",
    "muted_pages",
    "notices",
    "photos",
    "place_tags",
    "plan_pictures",
    "plans",
    "printed_cards",
    "public_reports",
    "push_devices",
    "replies",
    "risk_grades",
    "risk_points",
    "risk_zones",
    "rosters",
    "second_factors",
    "sensor_tests",
    "sessions",
    "silences",
    "standing",
    "ticket_numbers",
    "tickets",
    "training_courses",
    "training_records",
    "year_archives",
]
