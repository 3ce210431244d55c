"""Sensors over HTTP: battery prediction, assignment to places, and ignored sensors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from detectors import Calendar, Phase, build, load_recipe
from ingest import COLUMNS, METRIC_BY_NAME, TelemetryBatch, Unread, from_columns
from ingest.renames import rename

DAY_S = 86_400
START_S = 1_790_000_000


def beats(office: Any, sensor: str, span_s: tuple[int, int], *, low: bool) -> TelemetryBatch:
    """Return heartbeats every 10 min with the battery flag."""
    catalog = office.world.catalog
    times = np.arange(*span_s, 600, dtype=np.int64)
    time_ns = (START_S + times) * 10**9
    found = {
        "sensor": np.full(len(times), catalog.code("school-1", sensor, "smoke")),
        "metric": np.full(len(times), METRIC_BY_NAME["battery_low"].code),
        "time_ns": time_ns,
        "arrival_ns": time_ns,
        "value": np.full(len(times), float(low)),
        "quality": np.zeros(len(times)),
    }
    return from_columns({name: found[name].astype(dtype) for name, dtype in COLUMNS})


def test_battery_prediction_lasts_until_the_battery_is_replaced(office: Any) -> None:
    """Messages left and range of days, in both languages; null for every other sensor."""
    viewer, world = office.sign_in("viewer"), office.world
    detector = build(load_recipe(), world.catalog, Calendar())
    steps = (((0, 9 * DAY_S), False), ((9 * DAY_S, 10 * DAY_S), True), ((10 * DAY_S, 11 * DAY_S), False))
    shown = []
    for position, (span_s, low) in enumerate(steps, 1):
        found = detector.update(beats(office, "smoke-101", span_s, low=low))
        world.dispatch.apply(found, world.catalog, cursor=position)
        shown.append(viewer.get("sensors/school-1/smoke-101").json()["battery"])
    before, battery, after = shown
    assert before is None
    assert after is None
    assert (battery["used"], battery["left_low"], battery["left_high"]) == (0, 4_000, 8_000)
    assert battery["per_day"] == 144
    assert battery["earliest"] < battery["latest"]
    assert battery["earliest"] in battery["text"]["zh"]
    assert battery["latest"] in battery["text"]["en"]
    assert viewer.get("sensors/school-1/smoke-102").json()["battery"] is None
    [finding] = viewer.get("detections", params={"sensor": "smoke-101"}).json()["items"]
    assert finding["battery"] == battery


def receive(office: Any, *names: str, site: str = "school-1") -> None:
    """Receive the first message of sensors that the registry does not contain."""
    for name in names:
        office.world.catalog.code(site, name, "smoke", wire="zigbee2mqtt", now_ns=START_S * 10**9)


def inbox(client: Any) -> list[str]:
    """Return the ids of the sensors without a place."""
    answer = client.get("sensors", params={"assigned": False, "ignored": False}).json()
    ids = [row["id"] for row in answer["items"]]
    assert answer["total"] == len(ids)
    return ids


def test_list_assigns_many_sensors_and_is_journalled(office: Any) -> None:
    """Accepts a header, a byte order mark and blank lines; each assignment is an audit entry."""
    receive(office, "new/1", "new/2", "new/3")
    officer = office.sign_in("officer")
    assert inbox(officer) == ["new/1", "new/2", "new/3"]
    [first, *_] = officer.get("sensors", params={"assigned": False}).json()["items"]
    assert (first["format"], first["kind"], first["first_heard"][:4]) == ("zigbee2mqtt", "smoke", "2026")
    assert (first["last_heard"], first["state"]) == (None, "unknown")
    csv = '\ufeffSensor,Place\r\nnew/1, d-101\r\n\r\n"new/2",d-102\r\n'
    assert officer.post("sensors/places", json={"site": "school-1", "csv": csv}).json() == {"assigned": 2}
    assert inbox(officer) == ["new/3"]
    assert officer.get("sensors/school-1/new/2").json()["place"] == "d-102"
    audit = [row for row in officer.get("audit").json()["items"] if row["kind"] == "sensor.assigned"]
    assert {row["subject"] for row in audit} == {"new/1", "new/2"}


def test_removed_and_sleeping_sensors_have_their_state(office: Any) -> None:
    """A removed sensor without a place leaves the inbox; a renamed one shows its former ids."""
    receive(office, "new/1", "new/2")
    catalog, officer = office.world.catalog, office.sign_in("officer")
    for name, changes in {"new/1": {"removed": True}, "new/2": {"asleep": True}}.items():
        catalog.update(replace(catalog.find("school-1", name), **changes))
    rename(catalog, "school-1", "new/2", "head")
    assert inbox(officer) == ["head"]
    shown = {row["id"]: (row["state"], row["former"]) for row in officer.get("sensors").json()["items"]}
    assert shown["new/1"] == ("removed", [])
    assert shown["head"] == ("asleep", ["new/2"])


def test_inbox_shows_unread_keys(office: Any) -> None:
    """A sensor with unread keys has their number and names; one without has null."""
    receive(office, "new/1", "new/2")
    known = office.world.catalog.find("school-1", "new/1")
    office.telemetry.unread_keys[known.code] = Unread(5, ("flow_rate", "mood"))
    officer = office.sign_in("officer")
    shown = {row["id"]: row["unread"] for row in officer.get("sensors", params={"assigned": False}).json()["items"]}
    assert shown == {"new/1": {"count": 5, "keys": ["flow_rate", "mood"]}, "new/2": None}
    assert officer.get("sensors/school-1/new/1").json()["unread"]["count"] == 5


def test_invalid_list_is_rejected_line_by_line_and_assigns_nothing(office: Any) -> None:
    """Unknown sensor, unknown place, foreign sensor, short line, repeated sensor."""
    receive(office, "new/1", "new/2")
    receive(office, "foreign", site="school-2")
    officer = office.sign_in("officer")
    csv = "new/1,d-101\nnobody,d-101\nnew/2,attic\nnew/2\nforeign,d-101\nnew/1,d-102\n"
    refused = officer.post("sensors/places", json={"site": "school-1", "csv": csv})
    assert refused.status_code == 422
    lines = {row["path"]: row["message"] for row in refused.json()["errors"]}
    assert sorted(lines) == ["line 2", "line 3", "line 4", "line 5", "line 6"]
    assert "attic" in lines["line 3"]
    assert all(row["text"]["zh"] != row["text"]["en"] for row in refused.json()["errors"])
    assert inbox(officer) == ["new/1", "new/2"]
    for empty in ("", "sensor,place\n"):
        assert officer.post("sensors/places", json={"site": "school-1", "csv": empty}).status_code == 422
    elsewhere = {"site": "school-2", "csv": "foreign,d-101"}
    assert officer.post("sensors/places", json=elsewhere).status_code == 404


def test_ignored_sensor_still_raises_life_safety_alarms(office: Any, seen: Any) -> None:
    """Its faults open no hazard, its fire does; an assignment ends the ignoring; all of it is journalled."""
    receive(office, "shop")
    officer, world = office.sign_in("officer"), office.world
    path = "sensors/school-1/shop"
    assert (
        officer.put(f"{path}/ignored", json={"reason": " the shop next door "}).json()["ignored"]
        == "the shop next door"
    )
    assert inbox(officer) == []
    world.feed(seen(Phase.RAISE, sensor="shop", hazard="sensor_fault", rule="fault", metric="fault"))
    assert officer.get("hazards").json()["items"] == []
    world.feed(seen(Phase.RAISE, sensor="shop", hazard="fire", at_s=5))
    assert [row["kind"] for row in officer.get("hazards").json()["items"]] == ["fire"]
    assert officer.put(f"{path}/place", json={"place": "d-101"}).json()["ignored"] is None
    bound = officer.put(f"{path}/ignored", json={"reason": "again"})
    assert (bound.status_code, bound.json()["guard"]) == (409, "bound")
    kinds = [row["kind"] for row in officer.get("audit").json()["items"] if row["subject"] == "shop"]
    assert kinds == ["sensor.assigned", "sensor.ignored"]


def test_open_hazard_of_an_ignored_sensor_can_clear(office: Any, seen: Any) -> None:
    """An open fault clears; after the ignoring ends, the next fault opens a hazard."""
    receive(office, "shop")
    officer, world = office.sign_in("officer"), office.world
    fault = {"sensor": "shop", "hazard": "sensor_fault", "rule": "fault", "metric": "fault"}
    world.feed(seen(Phase.RAISE, **fault))
    officer.put("sensors/school-1/shop/ignored", json={"reason": "next door"})
    world.feed(seen(Phase.CLEAR, at_s=5, **fault))
    assert not officer.get("hazards").json()["items"][0]["active"]
    officer.put("sensors/school-1/shop/ignored", json={"reason": ""})
    assert inbox(officer) == ["shop"]
    world.feed(seen(Phase.RAISE, at_s=9, **fault))
    assert officer.get("hazards").json()["items"][0]["active"]
