"""Synthetic rows about the people of a bureau, from accounts and rosters to training."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from sqlalchemy import Table

from alerts.database import schema
from alerts.model import identity

from .bureau_size import DAY_NS, HOUR_NS, Size, site_of, zone_of
from .bureau_writer import Row

PEOPLE = ("principal", "safety", "guard")
"""Persons of each school, each with an account."""
NOTICES, ORDERS, HANDOVERS, RECORDS = 20, 2, 6, 12
"""Of each school; a year of a school has more handovers, which its index leaves out of a page."""

SHEET = {name: {"total": 0, "lines": []} for name in ("open", "incidents", "no_data", "ignored", "silences", "calls")}
"""Sheet of a shift without an event."""


def tables(size: Size, now_ns: int) -> list[tuple[str, Table, Iterator[Row], int]]:
    """Return name, table, rows and number of rows."""
    schools = size.schools
    return [
        ("accounts", schema.accounts, _accounts(size), schools * len(PEOPLE)),
        ("rosters", schema.rosters, _rosters(size), schools),
        ("notices", schema.notices, _notices(size, now_ns), schools * NOTICES),
        ("orders", schema.emergency_orders, _orders(size, now_ns), schools * ORDERS),
        ("displays", schema.displays, _displays(size, now_ns), schools),
        ("handovers", schema.handovers, _handovers(size, now_ns), schools * HANDOVERS),
        ("courses", schema.training_courses, _courses(size, now_ns), schools),
        ("training", schema.training_records, _records(size, now_ns), schools * RECORDS),
        ("rounds", schema.inspection_plans, _plans(size, now_ns), schools),
    ]


def _accounts(size: Size) -> Iterator[Row]:
    """Return accounts without a usable password."""
    for school, role in itertools.product(range(size.schools), PEOPLE):
        name = _account(school, role)
        yield {
            "username": name, "name": {"zh": f"{role}{school}", "en": f"{role} {school}"}, "password": "",
            "roles": ["fixer" if role == "guard" else "officer"], "sites": [site_of(school)], "ended_ns": None,
            "person": name, "locked_ns": None,
        }  # fmt: skip


def _rosters(size: Size) -> Iterator[Row]:
    for school in range(size.schools):
        persons = [
            {"id": role, "name_zh": role, "account": _account(school, role), "contacts": {"sms": "+8613800000000"}}
            for role in PEOPLE
        ]
        posts = [{"id": role, "name_zh": role, "deputies": ["principal"]} for role in ("safety", "guard", "dorm")]
        shifts = [
            {"post": post["id"], "begin": "00:00", "end": "00:00", "persons": ["guard"], "days": ["all"]}
            for post in posts
        ]
        steps = [{"wait_s": 60, "posts": ["guard"]}, {"wait_s": 60, "posts": ["safety"]}]
        chains = [{"id": "fire", "grades": ["red", "orange"], "steps": steps}]
        content = {"person": persons, "post": posts, "shift": shifts, "chain": chains}
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        yield {"site": site_of(school), "version": 1, "content": text}


def _notices(size: Size, now_ns: int) -> Iterator[Row]:
    for number, school in itertools.product(range(NOTICES), range(size.schools)):
        at_ns = now_ns - (NOTICES - number) * 7 * DAY_NS - school * 1_000_000_000
        supervised = number % 4 == 0
        text = {"zh": "烟雾升高", "en": "smoke rises"}
        body = {"title": text, "text": text, "site": site_of(school), "place": f"room-{number % 3}"}
        yield {
            "id": identity("bench-notice", school, number), "site": site_of(school), "hazard": "", "ticket": "",
            "channel": "console", "type": "ticket.supervise" if supervised else "hazard.opened",
            "created_ns": at_ns, "body": body, "state": "sent", "attempts": 1, "next_ns": at_ns,
            "delivered_ns": at_ns, "error": "",
        }  # fmt: skip


def _orders(size: Size, now_ns: int) -> Iterator[Row]:
    for number, school in itertools.product(range(ORDERS), range(size.schools)):
        at_ns = now_ns - (number + 1) * 30 * DAY_NS - school * 1_000_000_000
        name = _account(school, "safety")
        yield {
            "id": identity("bench-order", school, number), "site": site_of(school), "zone": "", "action": "evacuate",
            "drill": True, "sound": False, "note": "", "state": "ended", "ordered_by": name, "ordered_ns": at_ns,
            "clear_by": name, "ended_by": name, "ended_ns": at_ns + HOUR_NS, "called": [], "acknowledged": [],
            "sent_ns": at_ns, "version": 3,
        }  # fmt: skip


def _displays(size: Size, now_ns: int) -> Iterator[Row]:
    for school in range(size.schools):
        key = identity("bench-display", school)
        yield {
            "id": f"d{school:05d}", "site": site_of(school), "name": "guard room", "created_by": "admin",
            "created_ns": now_ns - 100 * DAY_NS, "digest": key,
        }  # fmt: skip


def _handovers(size: Size, now_ns: int) -> Iterator[Row]:
    for number, school in itertools.product(range(HANDOVERS), range(size.schools)):
        until_ns = now_ns - number * 12 * HOUR_NS - school * 1_000_000
        guard, safety = _account(school, "guard"), _account(school, "safety")
        yield {
            "id": identity("bench-handover", school, number), "site": site_of(school),
            "since_ns": until_ns - 12 * HOUR_NS, "until_ns": until_ns, "sheet": SHEET | {"done": {}},
            "note": "", "given_by": guard,
            "given_ns": until_ns, "taken_by": safety, "taken_ns": until_ns,
        }  # fmt: skip


def _courses(size: Size, now_ns: int) -> Iterator[Row]:
    for school in range(size.schools):
        yield {
            "site": site_of(school), "id": "fire", "kind": "lesson", "name": {"zh": "消防", "en": "fire"},
            "posts": ["guard"], "valid_days": 365, "since_ns": now_ns - 400 * DAY_NS, "version": 1,
            "edited_by": _account(school, "safety"), "edited_ns": now_ns - 400 * DAY_NS,
        }  # fmt: skip


def _records(size: Size, now_ns: int) -> Iterator[Row]:
    for school, number in itertools.product(range(size.schools), range(RECORDS)):
        yield {
            "id": identity("bench-training", school, number), "site": site_of(school), "course": "fire",
            "post": "guard", "person": PEOPLE[number % len(PEOPLE)], "held_on": f"2026-{number + 1:02d}-01",
            "valid_until": f"2027-{number + 1:02d}-01", "evidence": "sheet",
            "recorded_by": _account(school, "safety"), "recorded_ns": now_ns,
        }  # fmt: skip


def _plans(size: Size, now_ns: int) -> Iterator[Row]:
    for school in range(size.schools):
        yield {
            "site": site_of(school), "id": "weekly", "kind": "weekly", "name": {"zh": "每周", "en": "weekly"},
            "post": "dorm", "zones": [zone_of(0)], "places": [], "begins": ["08:00"], "days": ["mon"],
            "window_min": 60, "active": True, "version": 1, "edited_by": _account(school, "safety"),
            "edited_ns": now_ns,
        }  # fmt: skip


def _account(school: int, role: str) -> str:
    return f"{role}.{site_of(school)}"
