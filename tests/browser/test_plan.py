"""Plan of 2,000 sensors: clusters, floors, live alarms, keyboard, editor, work of a frame."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from detectors import Phase
from tests.alerts.plans.drawn import picture

from .conftest import PASSWORD, SITE, School

pytestmark = pytest.mark.browser

SENSORS, FLOORS, BLOCKS = 2_000, 5, 20
FRAME_MS_MAX = 12
"""Bound on a busy machine, in ms; the goal is 6 ms on a quiet one, and a frame has 16.7 ms."""
DRAWING = ("FireAnimationFrame", "EventDispatch")
"""Work of the page in a frame. Style, paint and other tasks of the browser grow with the load of the machine."""
ALARM_S_MAX = 5.0
"""Bound on a busy machine, in s; the goal is 0.5 s on a quiet one."""
GESTURES = 60
NEAR = 200
"""Pixels of the pan."""
TRACED = "toplevel,devtools.timeline,disabled-by-default-devtools.timeline"
WATCH = """() => {
  window.drawnAt = new Promise((done) => {
    const canvas = document.querySelector('[data-testid=plan-canvas]');
    new MutationObserver(() => /hazard 1 /.test(canvas.dataset.drawn) && done(Date.now()))
      .observe(canvas, {attributes: true, attributeFilter: ['data-drawn']});
    setTimeout(() => done(Infinity), 20000);
  });
}"""


def campus() -> dict[str, Any]:
    """Return a school of 20 buildings with five floors and 20 rooms a floor, one smoke detector a room."""
    zones, places, sensors = [], [], []
    for block in range(BLOCKS):
        left, bottom = 10 + block % 5 * 78, 10 + block // 5 * 62
        corners = [[left, bottom], [left + 62, bottom], [left + 62, bottom + 44], [left, bottom + 44]]
        zones.append({"site": SITE, "id": f"b{block}", "name_zh": f"{block + 1}号楼", "name_en": f"Block {block + 1}"})
        zones[-1] |= {"polygon": corners, "key": "dormitory"}
        for number in range(SENSORS // BLOCKS):
            floor, room = 1 + number // 20, number % 20
            name = f"b{block}-{floor}{room:02}"
            xy = [left + 5 + room % 10 * 5.8 + floor * 0.5, bottom + 12 + room // 10 * 20 + floor]
            row = {"site": SITE, "zone": f"b{block}", "id": name, "floor": floor, "xy": xy, "name_zh": f"{name}室"}
            places.append(row)
            sensors.append({"site": SITE, "id": f"smoke-{name}", "kind": "smoke", "place": name, "period_s": 60})
    site = {"id": SITE, "name_zh": "大校", "name_en": "Large school", "size_m": [400, 260]}
    return {"site": [site], "zone": zones, "place": places, "sensor": sensors}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Iterator[School]:
    """Return a served school of 2,000 sensors."""
    served = School(tmp_path_factory.mktemp("large"), sqlite_template, campus=campus())
    for sensor in served.registry.sensors:
        served.catalog.code(SITE, sensor.id, sensor.kind)
    served.people.create("operator2", PASSWORD, roles=["operator"], sites=[SITE])
    served.start()
    yield served
    served.stop()


@pytest.fixture
def plan(large: School, browser: Browser) -> Iterator[Page]:
    """Return the page of the plan with every sensor drawn."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    context.add_init_script("localStorage.setItem('twinward.language', 'en')")
    page = context.new_page()
    page.goto(f"{large.url}/#/plan")
    page.fill("input[name=username]", "operator2")
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("plan-canvas")).to_have_attribute("data-drawn", re.compile("all 2000"), timeout=30_000)
    yield page
    context.close()


def frames(page: Page, act: Any) -> list[float]:
    """Return the main thread's CPU time (ms) of each frame while `act` runs, by the browser's own trace."""
    session = page.context.new_cdp_session(page)
    rows: list[dict[str, Any]] = []
    session.on("Tracing.dataCollected", lambda part: rows.extend(part["value"]))
    done: list[bool] = []
    session.on("Tracing.tracingComplete", lambda _: done.append(True))
    session.send("Tracing.start", {"transferMode": "ReportEvents", "categories": TRACED})
    act()
    session.send("Tracing.end")
    while not done:
        page.wait_for_timeout(50)
    return cpu_of_frames(rows)


def cpu_of_frames(rows: list[dict[str, Any]]) -> list[float]:
    """Return the CPU time (ms) of events and drawing on the page's main thread, frame by frame."""
    fired = [row for row in rows if row["name"] == "FireAnimationFrame"]
    assert fired, "the trace has no animation frame"
    thread = (fired[0]["pid"], fired[0]["tid"])
    tasks = [row for row in rows if (row["pid"], row["tid"]) == thread and row["name"] in DRAWING and row["ph"] == "X"]
    edges = sorted({row["ts"] for row in fired})
    spent = np.zeros(len(edges) + 1)
    for task in tasks:
        spent[int(np.searchsorted(edges, task["ts"] + task["dur"]))] += task.get("tdur", task["dur"]) / 1000
    return [float(one) for one in spent[1:-1]]


def test_pan_and_zoom_of_2000_sensors_take_little_of_a_frame(plan: Page) -> None:
    """At p95 a part of the 16.7 ms of a frame: CPU for events and drawing on the main thread."""
    box = plan.get_by_test_id("plan-canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def gestures() -> None:
        plan.mouse.move(x, y)
        for step in range(GESTURES):
            plan.mouse.wheel(0, -120 if step % 20 < 10 else 120)
        plan.mouse.down()
        for step in range(GESTURES):
            plan.mouse.move(x + NEAR * np.sin(step / 5), y + NEAR / 2 * np.cos(step / 7))
        plan.mouse.up()

    gestures()
    spent = frames(plan, gestures)
    p50, p95 = np.percentile(spent, [50, 95])
    line = json.dumps({"bench": "plan", "sensors": SENSORS, "frames": len(spent), "p50_ms": p50, "p95_ms": p95})
    sys.stdout.write(line + "\n")
    assert len(spent) >= GESTURES / 2
    assert p95 < FRAME_MS_MAX


def test_an_alarm_is_drawn_from_the_live_stream(large: School, plan: Page) -> None:
    """Mark and ring within 0.5 s, without a new read of the sensors; a drill is drawn as a drill; floors are chosen."""
    canvas = plan.get_by_test_id("plan-canvas")
    expect(plan.get_by_test_id("connection")).to_have_text(re.compile("Live"))
    plan.wait_for_timeout(1_500)
    read: list[str] = []
    plan.on("request", lambda request: read.append(request.url))
    plan.evaluate(WATCH)
    begun = time.time()
    large.detect(Phase.RAISE, sensor="smoke-b7-305")
    took = plan.evaluate("drawnAt") / 1000 - begun
    assert took < ALARM_S_MAX, (took, read)
    expect(plan.locator(".ring")).to_have_count(1)
    large.detect(Phase.RAISE, sensor="smoke-b3-105", drill=True)
    expect(canvas).to_have_attribute("data-drawn", re.compile("hazard 1 drill 1 "))
    floor = plan.get_by_test_id("floor")
    expect(floor).to_contain_text("Floor 3 ⚠ 1")
    floor.select_option("1")
    expect(canvas).to_have_attribute("data-drawn", re.compile("hazard 0 drill 1 all 400"))
    floor.select_option(label="All floors")
    mark = plan.locator('[data-testid=plan-sensor][data-sensor="smoke-b7-305"]')
    expect(mark).to_have_attribute("data-state", "hazard")


def test_keys_walk_the_list_and_the_plan(plan: Page) -> None:
    """One stop of the Tab key in the list, arrow keys between sensors; keys pan and zoom the plan."""
    marks = plan.get_by_test_id("plan-sensor")
    assert plan.locator("[data-testid=plan-sensor][tabindex='0']").count() == 1
    plan.locator("[data-testid=plan-sensor][tabindex='0']").focus()
    plan.keyboard.press("ArrowDown")
    expect(marks.nth(1)).to_be_focused()
    expect(marks.nth(1)).to_have_attribute("tabindex", "0")
    area = plan.get_by_role("application")
    area.focus()
    before = plan.screenshot(clip=area.bounding_box())
    for key in ("+", "ArrowLeft", "ArrowUp", "0"):
        plan.keyboard.press(key)
        plan.wait_for_timeout(500)
        after = plan.screenshot(clip=area.bounding_box())
        assert after != before, key
        before = after
    box = area.bounding_box()
    assert box is not None
    plan.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(12):
        plan.mouse.wheel(0, -400)
    plan.wait_for_timeout(200)
    assert plan.url.endswith("#/plan")


def test_the_wall_draws_the_same_plan(large: School, plan: Page, tmp_path: Path) -> None:
    """One component: the wall shows every sensor of the school."""
    plan.goto(f"{large.url}/#/wall")
    expect(plan.get_by_test_id("plan-canvas")).to_have_attribute("data-drawn", re.compile("all 2000"))
    plan.screenshot(path=tmp_path / "wall.png")
    assert (tmp_path / "wall.png").stat().st_size > 10_000


def test_an_officer_edits_the_plan_on_screen(school: Any, sign_in: Any, tmp_path: Path) -> None:
    """Picture, zone by mouse, sensor by drag, room; a stale save is refused; others see the result."""
    page = sign_in("officer", language="en")
    page.goto(f"{school.url}/#/plan/edit")
    surface = page.get_by_test_id("plan-surface")
    expect(surface).to_be_visible()
    for name, content in (("script.svg", b"<svg><script>alert(1)</script></svg>"), ("large.png", bytes(20_000_000))):
        (tmp_path / name).write_bytes(content)
        page.get_by_test_id("picture").set_input_files(tmp_path / name)
        expect(page.get_by_role("alert")).to_contain_text("PNG" if name == "script.svg" else "at most 16 MB")
    (tmp_path / "plan.png").write_bytes(picture(600, 360))
    page.get_by_test_id("picture").set_input_files(tmp_path / "plan.png")
    expect(surface.locator("image")).to_have_count(1)
    box = surface.bounding_box()
    assert box is not None
    page.get_by_role("button", name="Draw a zone").click()
    for across, down in ((0.6, 0.2), (0.9, 0.2), (0.9, 0.5)):
        page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])
    page.keyboard.press("Enter")
    page.get_by_test_id("zone-name").fill("Laboratory")
    waiting = page.get_by_role("button", name="smoke-412", exact=True)
    waiting.drag_to(surface, target_position={"x": box["width"] * 0.75, "y": box["height"] * 0.3})
    expect(page.locator("[data-placed='smoke-412']")).to_have_count(1)
    page.get_by_role("button", name="Save plan").click()
    expect(page.get_by_role("status").filter(has_text="Saved as version 1")).to_be_visible()
    actor = school.people.account("officer").actor
    plan, version = school.dispatch.plans.get(actor, SITE)
    assert (version, plan.sensors[0].id, [zone.name_en for zone in plan.zones]) == (
        1,
        "smoke-412",
        ["Dormitory 3", "Laboratory"],
    )
    school.dispatch.plans.put(actor, plan, version=1)
    page.get_by_test_id("zone-name").fill("Workshop")
    page.get_by_role("button", name="Save plan").click()
    expect(page.get_by_role("alert")).to_contain_text("Someone else has changed it")
