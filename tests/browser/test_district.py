"""Quarter end of a district supervisor: missing reports, league, supervision order, statistics, masks."""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from alerts import Actor
from alerts import Page as Rows
from alerts.dangers.photos import Sent
from alerts.documents.verify_pack import check
from alerts.tickets.intake import Found
from detectors import Phase
from tests.browser.conftest import BOX, CAMPUS, OTHER, PASSWORD, SITE, SMOKE, School
from tests.browser.test_phone import picture
from tests.browser.test_safety_officer import downloaded

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
SCHOOLS = 42
SILENT = f"school-{SCHOOLS}"
OFFICER, FIXER = Actor("officer", frozenset(("officer",))), Actor("mender", frozenset(("fixer",)))
FIVE = ("responsibility", "measures", "funds", "time_limit", "contingency_plan")
KINDS = ("exit_blocked", "window_barred", "wiring", "building")
PUPIL = "李明"
COLUMNS = ("found", "open", "overdue", "relapsed", "major")
"""Last columns of the table of schools."""


def district_campus() -> dict[str, Any]:
    """Return a campus of a district: each school has a zone with a room."""
    further = [f"school-{number}" for number in range(2, SCHOOLS + 1)]
    sites = [*CAMPUS["site"], *({"id": one, "name_zh": one, "name_en": one} for one in further if one != OTHER)]
    zones = [{"site": one, "id": "hall", "name_zh": "教学楼", "name_en": "Hall", "polygon": BOX} for one in further]
    places = [{"site": one, "zone": "hall", "id": "room-412", "name_zh": "教室", "name_en": "Room"} for one in further]
    return {
        **CAMPUS,
        "site": [one | {"district": "yuelu", "pupils": 900, "area_m2": 20_000} for one in sites],
        "zone": [*CAMPUS["zone"], *zones],
        "place": [*CAMPUS["place"], *places],
    }


@pytest.fixture
def school(tmp_path: Path, sqlite_template: bytes) -> Iterator[School]:
    """Return the served schools of a district; its supervisor is `wang`, that of one other school is `li`."""
    served = School(tmp_path, sqlite_template, campus=district_campus())
    every = sorted(served.registry.sites)
    served.people.create("wang", PASSWORD, roles=["district"], sites=every)
    served.people.create("mender", PASSWORD, roles=["fixer"], sites=every)
    served.people.create("li", PASSWORD, roles=["district"], sites=[OTHER])
    served.start()
    yield served
    served.stop()


def find(school: School, site: str, kind: str) -> Any:
    """Enter a danger that the officer of the school found."""
    return school.dispatch.intake.find(OFFICER, Found(site, "room-412", kind, "inspection", "检查发现"))


def act(school: School, ticket: Any, action: str, actor: Actor = OFFICER, **fields: Any) -> Any:
    """Apply one step to a ticket as it is now."""
    version = school.dispatch.queries.ticket(ticket.id, OFFICER).version
    return school.dispatch.act(ticket.id, action, actor, fields, version=version)


def rectify(school: School, ticket: Any) -> Any:
    """Lead a danger to its observation, in time."""
    act(school, ticket, "assign", fixer="mender")
    for action in ("take", "start", "submit"):
        act(school, ticket, action, FIXER)
    return act(school, ticket, "accept")


def fill(school: School) -> None:
    """Enter four dangers in each school but the last; one is late, one relapses, one is major."""
    for number in range(1, SCHOOLS):
        made = [find(school, f"school-{number}", kind) for kind in KINDS]
        if number == 3:
            act(school, made[0], "assign", fixer="mender", due=in_seconds(1))
            school.dispatch.tick(time.time_ns() + 2_000_000_000)
        if number == 4:
            rectify(school, made[0])
            find(school, "school-4", KINDS[0])
        if number == 5:
            act(school, made[0], "declare_major", note="承重墙开裂")


def in_seconds(seconds: float) -> str:
    """Return a time from now."""
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()


def table(page: Page) -> dict[str, list[str]]:
    """Return the cells of each school's row."""
    script = "(rows) => rows.map((row) => [row.dataset.site, [...row.cells].map((cell) => cell.innerText)])"
    return dict(page.get_by_test_id("school").evaluate_all(script))


def test_the_supervisor_finds_the_silent_school_and_exports_the_quarter(school: Any, sign_in: SignIn) -> None:
    """Sums equal the schools; no reports are improbable; a danger found and fixed lowers no rank."""
    fill(school)
    page = sign_in("wang", language="en")
    page.goto(f"{school.url}/#/supervision")
    rows = page.get_by_test_id("school")
    expect(rows).to_have_count(SCHOOLS)
    silent = page.get_by_test_id("missing").locator("li")
    expect(silent).to_have_count(1)
    expect(silent).to_have_attribute("data-site", SILENT)
    expect(silent).to_contain_text("no reports: improbable")
    before = table(page)
    assert before[SILENT][0] == "?"
    assert next(iter(before)) == SILENT
    numbers = {site: dict(zip(COLUMNS, map(int, cells[-5:]), strict=True)) for site, cells in before.items()}
    for name in COLUMNS:
        shown = int(page.locator(f"[data-sum={name}]").inner_text())
        assert shown == sum(one[name] for one in numbers.values()), name
    assert [numbers["school-3"]["overdue"], numbers["school-4"]["relapsed"], numbers["school-5"]["major"]] == [1, 1, 1]
    assert page.locator("[data-sum=overdue]").inner_text() == "1"
    expect(page.get_by_test_id("major")).to_have_count(1)

    rectify(school, find(school, "school-9", "fire_equipment"))
    expect(page.locator("[data-site=school-9] td:nth-last-child(5)")).to_have_text("5")
    after = table(page)
    assert int(after["school-9"][0]) <= int(before["school-9"][0])
    assert float(after["school-9"][2]) >= float(before["school-9"][2])
    assert after[SILENT][0] == "?"

    text = downloaded(page, "[data-testid=export-csv]").decode("utf-8-sig")
    lines = [row for row in csv.reader(io.StringIO(text)) if row]
    assert_sums(school, lines)


def assert_sums(school: School, lines: list[list[str]]) -> None:
    """Check each row of the export against the form of its school, and the last row against the sum."""
    *rows, last = lines[-1 - SCHOOLS :]
    now, sums = datetime.now(school.registry.timezone), [0] * len(last)
    for site, (_, *cells) in zip(sorted(school.registry.sites), rows, strict=True):
        quarter = (now.month - 1) // 3 + 1
        form = school.dispatch.papers.form(OFFICER, site, "quarter_statistics", year=now.year, quarter=quarter)
        assert [cells] == form.table()[1:], site
        sums[1:] = [total + number(cell) for total, cell in zip(sums[1:], cells, strict=True)]
    assert [number(cell) for cell in last] == [total * cell.isdigit() for total, cell in zip(sums, last, strict=True)]
    assert sum(sums) > SCHOOLS


def number(cell: str) -> int:
    """Return a count; 0 for a rate or a name."""
    return int(cell) if cell.isdigit() else 0


def press(page: Page, action: str, **fields: str) -> None:
    """Press the button of an action, fill its form and send it."""
    page.locator(f"button[data-action={action}]").click()
    for name, value in fields.items():
        page.locator(f"form [name={name}]").fill(value)
    if fields:
        page.locator("form button[type=submit]").click()
    expect(page.locator("form")).to_have_count(0)


def test_an_order_on_a_major_danger_is_extended_countersigned_and_answered(
    school: Any, sign_in: SignIn, tmp_path: Path
) -> None:
    """The school asks with a reason, the bureau signs; the pack is in order; another bureau sees none."""
    ticket = find(school, SITE, "exit_blocked")
    act(school, ticket, "declare_major", note="安全出口封闭")
    act(school, ticket, "fulfil", **dict.fromkeys(FIVE, "已落实"))
    act(school, ticket, "assign", fixer="mender")
    page = sign_in("wang", language="en")
    page.goto(f"{school.url}/#/supervision")
    page.get_by_test_id("major").get_by_role("link").click()
    press(page, "supervise", note="七日内整改")
    order = page.get_by_test_id("order")
    expect(order).to_have_attribute("data-state", "open")

    officer = sign_in("officer", language="en")
    officer.goto(f"{school.url}/#/tickets/{ticket.id}")
    expect(officer.get_by_test_id("order")).to_contain_text("七日内整改")
    due = officer.evaluate(
        "new Date(Date.now() + 9 * 864e5 - new Date().getTimezoneOffset() * 6e4).toJSON().slice(0, 16)"
    )
    before_ns = school.dispatch.queries.ticket(ticket.id, OFFICER).due_ns
    press(officer, "extend", due=due, note="防火门须定制")
    expect(officer.get_by_test_id("proposal")).to_contain_text("防火门须定制")
    assert school.dispatch.queries.ticket(ticket.id, OFFICER).due_ns == before_ns
    expect(page.get_by_test_id("proposal")).to_contain_text("防火门须定制")
    page.locator("button[data-action=countersign]").click()
    expect(order.locator("[data-kind=extended]")).to_contain_text("防火门须定制")
    assert school.dispatch.queries.ticket(ticket.id, OFFICER).due_ns > before_ns
    expect(officer.get_by_test_id("proposal")).to_have_count(0)
    press(officer, "answer", note="防火门已订购")
    expect(order).to_have_attribute("data-state", "answered")
    expect(order).to_contain_text("防火门已订购")

    path = tmp_path / "pack.zip"
    path.write_bytes(downloaded(officer, "[data-testid=evidence-pack]"))
    report = check(path)
    assert report["ok"], report
    expect(page.get_by_test_id("evidence-pack")).to_have_count(0)
    li = client(school, "li")
    assert li.get(f"tickets/{ticket.id}").status_code == 404
    assert [one["site"] for one in li.get("supervision/schools").json()["items"]] == [OTHER]
    li.close()


def client(school: School, username: str) -> httpx.Client:
    """Return a client with the session of a person."""
    made = httpx.Client(base_url=f"{school.url}/api/v1/", timeout=120)
    token = made.post("session", json={"username": username, "password": PASSWORD}).json()["token"]
    made.headers["Authorization"] = f"Bearer {token}"
    return made


def test_the_supervisor_sees_no_event_of_a_pupil(school: Any, sign_in: SignIn) -> None:
    """No words of a report, photo, reading, detection, evidence pack or page of a hazard."""
    dispatch, content = school.dispatch, picture()["buffer"]
    dispatch.intake.report(SITE, "room-412", "building", f"初三{PUPIL}被砸伤", address="192.0.2.1")
    school.detect(Phase.RAISE)
    tickets = dispatch.queries.tickets(OFFICER, site=SITE, state=None, grade=None, page=Rows())
    [reported] = [one for one in tickets if one.hazard is None]
    [sensed] = [one for one in tickets if one.hazard is not None]
    sent = Sent(content, "found", time.time_ns(), "room-412", hashlib.sha256(content).hexdigest())
    photo = dispatch.intake.add_photo(reported.danger, OFFICER, sent)
    page = sign_in("wang", language="en")
    for ticket in tickets:
        page.goto(f"{school.url}/#/tickets/{ticket.id}")
        expect(page.get_by_test_id("state")).to_be_visible()
        expect(page.get_by_text(ticket.number).first).to_be_visible()
        expect(page.locator("img[src^='api/v1/photos/'], [data-testid=evidence-pack]")).to_have_count(0)
        expect(page.locator("main header a[href^='#/hazards/']")).to_have_count(0)
        assert PUPIL not in page.content()
    wang, officer = client(school, "wang"), client(school, "officer")
    span = {"from": in_seconds(-60), "to": in_seconds(0)}
    for path, query in (
        (f"photos/{photo}", {}),
        (f"hazards/{sensed.hazard}", {}),
        (f"tickets/{reported.id}/evidence-pack", {}),
        ("detections", {}),
        ("readings", {"site": SITE, "sensor": SMOKE, "metric": "smoke_density"} | span),
    ):
        assert officer.get(path, params=query).status_code == 200, path
        assert wang.get(path, params=query).status_code == 403, path
    assert PUPIL in officer.get(f"tickets/{reported.id}").text
    for path in ("tickets", f"tickets/{reported.id}", "hazards", "supervision/schools", "notices"):
        found = wang.get(path)
        assert found.status_code == 200, path
        assert PUPIL not in found.text, path
    wang.close()
    officer.close()
