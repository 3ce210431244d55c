"""A day of the safety officer: map against Friday, change preview, verified ticket, register."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from alerts import Actor
from alerts.documents.verify_pack import check
from alerts.people.access import SYSTEM
from alerts.register.templates import template
from alerts.tickets.intake import Found
from detectors import Phase
from ingest import METRIC_BY_NAME, from_columns
from tests.browser.conftest import CAMPUS, SITE, School
from tests.browser.test_inspections import APPROVER, EDITOR, POINT
from tests.browser.test_phone import Clock

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
OFFICER = Actor("officer", frozenset(("officer",)), frozenset(("school-1",)))
FIXER = Actor("fixer", frozenset(("fixer",)), frozenset(("school-1",)))
DAY_NS, STEP_NS = 86_400 * 10**9, 10 * 10**9
KITCHEN = "smoke-kitchen"
NUISANCES = 41
COMPILING_MS = 120_000
"""Longest time of a first preview, which may compile its kernels."""
CAMPUS_WITH_KITCHEN: dict[str, Any] = {
    **CAMPUS,
    "sensor": [
        *CAMPUS["sensor"],
        {"site": SITE, "id": KITCHEN, "kind": "smoke", "profile": "kitchen", "place": "room-412", "period_s": 10},
    ],
}


@pytest.fixture
def clock() -> Clock:
    """Return the clock of the alert service, which a test sets back."""
    return Clock()


@pytest.fixture
def school(tmp_path: Path, sqlite_template: bytes, clock: Clock) -> Iterator[School]:
    """Return the served school, which has a kitchen."""
    served = School(tmp_path, sqlite_template, campus=CAMPUS_WITH_KITCHEN, clock=clock)
    served.start()
    yield served
    served.stop()


def submitted(school: Any) -> Any:
    """Return the ticket of a danger whose repair waits for its acceptance."""
    found = Found("school-1", "room-412", "exit_blocked", "inspection", "安全出口堆放课桌")
    ticket = school.dispatch.intake.find(OFFICER, found)
    steps: list[tuple[str, Actor, dict[str, Any]]] = [
        ("assign", OFFICER, {"fixer": "fixer", "note": "清空通道"}),
        ("take", FIXER, {}),
        ("start", FIXER, {}),
        ("submit", FIXER, {"note": "课桌已搬走"}),
    ]
    for action, actor, fields in steps:
        ticket = school.dispatch.act(ticket.id, action, actor, fields, version=ticket.version)
    return ticket


def downloaded(page: Page, selector: str) -> bytes:
    """Return the file behind a link."""
    with page.expect_download() as file:
        page.click(selector)
    return Path(file.value.path()).read_bytes()


def test_the_officer_verifies_a_ticket_and_takes_its_papers(school: Any, sign_in: SignIn, tmp_path: Path) -> None:
    """The list that needs the officer has it; notice, reply and evidence pack download, and the pack is in order."""
    ticket = submitted(school)
    page = sign_in("officer")
    page.goto(f"{school.url}/#/dangers")
    row = page.get_by_test_id("danger").filter(has_text="安全出口堆放课桌")
    row.get_by_role("link").click()
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "submitted")
    page.locator("button[data-action=accept]").click()
    page.locator("form button[type=submit]").last.click()
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "observing")
    for letter in ("notice", "reply"):
        content = downloaded(page, f"a[href*='/{letter}?'][href*='xlsx']")
        assert zipfile.is_zipfile(io.BytesIO(content))
    path = tmp_path / "pack.zip"
    path.write_bytes(downloaded(page, "[data-testid=evidence-pack]"))
    report = check(path)
    assert report["problems"] == []
    assert report["entries"] >= 8  # the danger and each step of its ticket
    page.reload()
    expect(page.get_by_text(report["manifest_sha256"][:12])).to_be_attached()
    assert school.dispatch.queries.ticket(ticket.id, OFFICER).state == "observing"


def test_each_number_of_the_register_opens_its_evidence(school: Any, sign_in: SignIn) -> None:
    """A count shows its points, a grade its formula on the page of the point; two cards print; no archive is due."""
    chosen = template("kindergarten")
    points_of = dict(list(chosen.points.items())[:12])
    school.dispatch.register.write(SYSTEM, "school-1", chosen.zones_of("school-1"), points_of, origin="t", approve=True)
    page = sign_in("officer")
    page.goto(f"{school.url}/#/register")
    points = page.get_by_test_id("point")
    expect(points.first).to_be_visible()
    total = points.count()
    counts = page.get_by_test_id("count")
    sums = 0
    for number in range(counts.count()):
        one = counts.nth(number)
        wanted = int(one.locator(".numbers").last.inner_text())
        one.click()
        expect(points).to_have_count(wanted)
        one.click()
        expect(points).to_have_count(total)
        sums += wanted
    assert sums == total
    for number in range(min(2, total)):
        row = points.nth(number)
        formula = row.locator("a.evidence .small").last.inner_text()
        row.locator("a.evidence").last.click()
        expect(page.get_by_text(formula).first).to_be_visible()
        assert downloaded(page, "a[href*='/cards?points=']").startswith(b"%PDF")
        page.go_back()
        expect(points).to_have_count(total)
    expect(page.get_by_text("暂无归档")).to_be_visible()


def test_the_map_of_friday_lists_the_changes_until_now(school: Any, sign_in: SignIn, clock: Clock) -> None:
    """A point that a hazard raises since has both grades in the list; the present map has none."""
    clock.ahead_ns = -8 * DAY_NS
    school.dispatch.register.put(EDITOR, SITE, "dorm-3-fire", POINT, version=None)
    school.dispatch.register.approve(APPROVER, SITE, {"dorm-3-fire": 1})
    clock.ahead_ns = 0
    page = sign_in("officer", language="en")
    page.goto(f"{school.url}/#/riskMap")
    expect(page.get_by_test_id("map-point")).to_have_count(1)
    page.get_by_role("button", name="Friday 17:00").click()
    expect(page.get_by_test_id("changed")).to_have_text("0 points differ from now")
    expect(page.get_by_test_id("map-change")).to_have_count(0)
    school.detect(Phase.RAISE, level=3)
    changed = page.get_by_test_id("map-change")
    expect(changed).to_have_count(1)
    expect(page.get_by_test_id("changed")).to_have_text("1 points differ from now")
    expect(changed).to_have_attribute("data-was", "orange")
    expect(changed).to_have_attribute("data-now", "red")
    expect(changed.locator("a[href^='#/hazards/']")).to_have_count(1)
    page.get_by_test_id("as-of").press("End")
    expect(changed).to_have_count(0)
    page.get_by_test_id("as-of").press("ArrowLeft")
    expect(changed).to_have_count(1)
    changed.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Fire in dormitory 3")).to_be_visible()


def cook(school: School) -> None:
    """Store a term of the kitchen: 41 times steam at 0.2 dB/m, and a fire at 0.6 dB/m, which has two levels."""
    now_ns = time.time_ns() // STEP_NS * STEP_NS
    begins = [(now_ns - (day + 2) * DAY_NS, 0.2) for day in range(NUISANCES)]
    begins.append((now_ns - 400 * 10**9, 0.6))
    starts, peaks = np.array(sorted(begins)).T
    times_ns = (starts.astype(np.int64)[:, None] + np.arange(30, dtype=np.int64) * STEP_NS).ravel()
    values = np.where(np.arange(30) < 12, peaks[:, None], 0.01).ravel()
    rows = len(times_ns)
    columns = {
        "sensor": np.full(rows, school.catalog.code(SITE, KITCHEN, "smoke"), np.int32),
        "metric": np.full(rows, METRIC_BY_NAME["smoke_density"].code, np.int16),
        "time_ns": times_ns,
        "arrival_ns": times_ns,
        "value": values,
        "quality": np.zeros(rows, np.uint8),
    }
    school.store.write(from_columns(columns), cursor=2)


def test_the_preview_of_the_kitchen_limit_counts_the_term(school: Any, sign_in: SignIn) -> None:
    """A higher limit has 41 alarms less on stored readings and finds the one fire."""
    cook(school)
    school.detect(Phase.RAISE, sensor=KITCHEN, rule="smoke_density_kitchen")
    page = sign_in("officer", language="en")
    page.goto(f"{school.url}/#/detectors/smoke_density_kitchen")
    page.locator("input[name=limit-0]").fill("0.3")
    page.get_by_role("button", name="Preview").click()
    result = page.get_by_test_id("preview")
    expect(result).to_have_text("With 0.3 / 0.45: −41 alarms, 0 of 1 incidents missed", timeout=COMPILING_MS)
    page.locator("input[name=limit-0]").fill("0.7")
    page.locator("input[name=limit-1]").fill("0.8")
    page.get_by_role("button", name="Preview").click()
    expect(result).to_contain_text("−43 alarms, 1 of 1 incidents missed")
    expect(page.get_by_role("row")).to_have_count(4)
