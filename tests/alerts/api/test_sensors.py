"""Sensors over HTTP: what is known of each, the end of its battery, and those that nobody has bound yet."""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors import Calendar, Phase, build, load_recipe
from ingest import COLUMNS, METRIC_BY_NAME, TelemetryBatch, from_columns

DAY_S = 86_400
START_S = 1_790_000_000


def beats(office: Any, sensor: str, span_s: tuple[int, int], *, low: bool) -> TelemetryBatch:
    """Heartbeats every ten minutes with the low flag."""
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


def test_the_end_of_a_battery_stands_with_its_sensor_until_the_cell_is_changed(office: Any) -> None:
    """Messages left and the days between which it ends, in both languages; null for every other sensor."""
    viewer, world = office.sign_in("viewer"), office.world
    detector = build(load_recipe(), world.catalog, Calendar())
    steps = (((0, 9 * DAY_S), False), ((9 * DAY_S, 10 * DAY_S), True), ((10 * DAY_S, 11 * DAY_S), False))
    shown = []
    for position, (span_s, low) in enumerate(steps, 1):
        found = detector.update(beats(office, "smoke-101", span_s, low=low))
        world.dispatch.apply(found, world.catalog, cursor=position)
        shown.append(viewer.get("sensors/school-1/smoke-101").json()["battery"])
    before, told, after = shown
    assert before is None
    assert after is None
    assert (told["used"], told["left_low"], told["left_high"]) == (0, 4_000, 8_000)
    assert told["per_day"] == 144
    assert told["earliest"] < told["latest"]
    assert told["earliest"] in told["text"]["zh"]
    assert told["latest"] in told["text"]["en"]
    assert viewer.get("sensors/school-1/smoke-102").json()["battery"] is None
    [finding] = viewer.get("detections", params={"sensor": "smoke-101"}).json()["items"]
    assert finding["battery"] == told


def heard(office: Any, *names: str, site: str = "school-1") -> None:
    """Sensors that nobody described send their first message."""
    for name in names:
        office.world.catalog.code(site, name, "smoke", wire="zigbee2mqtt", now_ns=START_S * 10**9)


def inbox(client: Any) -> list[str]:
    """Ids of the sensors that wait for a place."""
    answer = client.get("sensors", params={"assigned": False, "ignored": False}).json()
    ids = [row["id"] for row in answer["items"]]
    assert answer["total"] == len(ids)
    return ids


def test_a_list_binds_many_at_once_and_is_journalled(office: Any) -> None:
    """With or without its head, a byte order mark, blank lines; each binding is an entry of the audit."""
    heard(office, "new/1", "new/2", "new/3")
    officer = office.sign_in("officer")
    assert inbox(officer) == ["new/1", "new/2", "new/3"]
    [first, *_] = officer.get("sensors", params={"assigned": False}).json()["items"]
    assert (first["format"], first["kind"], first["first_heard"][:4]) == ("zigbee2mqtt", "smoke", "2026")
    assert (first["last_heard"], first["state"]) == (None, "unknown")
    told = '\ufeffSensor,Place\r\nnew/1, d-101\r\n\r\n"new/2",d-102\r\n'
    assert officer.post("sensors/places", json={"site": "school-1", "csv": told}).json() == {"assigned": 2}
    assert inbox(officer) == ["new/3"]
    assert officer.get("sensors/school-1/new/2").json()["place"] == "d-102"
    audit = [row for row in officer.get("audit").json()["items"] if row["kind"] == "sensor.assigned"]
    assert {row["subject"] for row in audit} == {"new/1", "new/2"}


def test_a_wrong_list_is_told_line_by_line_and_binds_nothing(office: Any) -> None:
    """Unknown sensor, unknown place, a place of another school, a line too short, a sensor twice."""
    heard(office, "new/1", "new/2")
    heard(office, "foreign", site="school-2")
    officer = office.sign_in("officer")
    told = "new/1,d-101\nnobody,d-101\nnew/2,attic\nnew/2\nforeign,d-101\nnew/1,d-102\n"
    refused = officer.post("sensors/places", json={"site": "school-1", "csv": told})
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


def test_a_neighbours_sensor_is_left_alone_but_for_danger_to_life(office: Any, seen: Any) -> None:
    """Out of the inbox, with its reason, journalled; its faults are nobody's, its fire is; binding it ends that."""
    heard(office, "shop")
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


def test_what_stood_before_a_sensor_was_ignored_can_still_end(office: Any, seen: Any) -> None:
    """A fault that is open clears; looked at again, the next one counts."""
    heard(office, "shop")
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
