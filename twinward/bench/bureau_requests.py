"""Requests of the benchmark of a bureau: every list of the interface, roll-ups and maps."""

from __future__ import annotations

BUREAU = (
    "sites", "zones", "sensors", "sensors?q=smoke-3", "hazards", "hazards?state=all", "hazards?kind=fire", "tickets",
    "tickets?state=assigned", "tickets?state=closed", "tickets?grade=red&major=true", "tickets?source=patrol",
    "tickets?supervised=true", "tickets?needs_me=true", "supervision/schools",
    "supervision/schools?district=district-0", "supervision/schools?sort=rank&limit=50",
    "supervision/schools?q=0123", "risk-rollup", "risk-rollup?district=district-0", "risk-points",
    "inspections", "inspections?state=done", "repeat-offenders", "notices", "posts", "coverage", "emergency-orders",
    "users", "accounting", "clocks",
)  # fmt: skip
"""Requests of a city, of all schools."""
ADMIN = (
    "audit", "detections", "rosters", "displays", "handovers", "notices", "users?role=officer", "quarantine",
    "place-codes", "tickets?needs_me=true",
)  # fmt: skip
"""Requests over all schools that a bureau may not make, or that give the administrator more."""
SCHOOL = (
    "sites", "zones?site={site}", "sensors?site={site}", "hazards?site={site}", "tickets?site={site}",
    "tickets?site={site}&needs_me=true", "detections?site={site}", "notices?site={site}", "audit",
    "inspections?site={site}", "risk-points?site={site}", "register/{site}/points", "register/{site}/zones",
    "risk-map?site={site}", "risk-map?site={site}&at={past}", "repeat-offenders?site={site}", "posts?site={site}",
    "coverage", "emergency-orders?site={site}", "users", "handovers?site={site}", "training/{site}/records",
    "place-codes?site={site}", "accounting?site={site}&by=device", "clocks?site={site}", "quarantine?site={site}",
)  # fmt: skip
"""Requests of the officer of one school."""
MAPS = ("risk-map", "risk-map?at={past}")
"""Maps of a whole city, which have every risk point."""
