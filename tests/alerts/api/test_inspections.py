"""HTTP routes of inspections: proofs by sensors, entries, photos, documents."""

from __future__ import annotations

import csv
import hashlib
import io
import time
from typing import Any

import pytest
from PIL import Image

from alerts import Actor
from alerts.api import Last
from detectors import Phase

SITE = "school-1"
EDITOR, APPROVER = (Actor(name, frozenset(("officer",)), frozenset((SITE,))) for name in ("officer", "officer2"))
POINT: dict[str, Any] = {
    "name": {"zh": "宿舍火灾", "en": "Fire in a dormitory"},
    "zone": "dorm",
    "place": "d-101",
    "hazard": "fire",
    "inherent": {"method": "ls", "likelihood": 5, "severity": 5},
    "existing": {"method": "ls", "likelihood": 3, "severity": 5},
    "measures": [
        {"id": "m1", "text": {"zh": "通道畅通"}, "cycle_days": 1},
        {"id": "m2", "text": {"zh": "探测器有效"}, "sensor": "smoke-102"},
    ],
}


@pytest.fixture
def walked(office: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return an interface with a risk point whose sensor has a fresh reading."""
    register, catalog = office.world.dispatch.register, office.world.catalog
    office.world.now_ns = time.time_ns()
    register.put(EDITOR, SITE, "dorm-1", POINT, version=None)
    register.approve(APPROVER, SITE, {"dorm-1": 1})
    code, metric = catalog.find(SITE, "smoke-102").code, catalog.metric("smoke_density").code
    office.readings = {code: [Last(metric, time.time_ns(), 0.01, 0)]}
    monkeypatch.setattr(type(office.telemetry), "latest", lambda _self, sensor: office.readings.get(sensor, []))
    return office


def item(sheet: Any, name: str) -> Any:
    """Return an item of the first stop."""
    return next(one for one in sheet["stops"][0]["items"] if one["item"] == name)


def test_a_sensor_proves_an_item_only_while_it_works(walked: Any, seen: Any) -> None:
    """A fresh good reading proves; an old, faulty or missing one does not, nor a sensor in a finding."""
    client = walked.sign_in("officer")
    route = client.get(f"inspections/{SITE}/route", params={"kind": "weekly"}).json()
    assert route["figures"] | {"minutes": 0} == {
        "stops": 1, "stops_done": 0, "items": 2, "proved": 1, "walk": 1, "not_ok": 0, "minutes": 0, "left_off": 0,
    }  # fmt: skip
    proof = item(route, "m2.0")["proof"]
    assert (proof["sensor"], proof["value"], proof["unit"]) == ("smoke-102", 0.01, "dB/m")
    [code] = walked.readings
    [good] = walked.readings[code]

    def proved() -> bool:
        return bool(client.get(f"inspections/{SITE}/route", params={"kind": "weekly"}).json()["figures"]["proved"])

    for bad in (
        [],
        [Last(good.metric, good.time_ns - 7_200 * 10**9, 0.01, 0)],
        [Last(good.metric, good.time_ns, 0.01, 1)],
    ):
        walked.readings[code] = bad
        assert not proved()
    walked.readings[code] = [good]
    assert proved()
    walked.world.feed(seen(Phase.RAISE, sensor="smoke-102", hazard="sensor_fault", rule="fault"))
    assert not proved()


def test_a_walk_from_route_to_danger_photo_and_documents(walked: Any) -> None:
    """Entries in bulk, a photo of the danger, the proofs of the end, and both forms."""
    client = walked.sign_in("fixer")
    made = client.post(f"inspections/{SITE}", json={"id": "walk-0001", "kind": "weekly"})
    assert made.status_code == 201
    path = f"inspections/{SITE}/walk-0001"
    at = "2026-09-21T23:00:00.5+08:00"
    entries = [
        {
            "id": "entry-0001",
            "type": "item",
            "at": at,
            "stop": "s1",
            "item": "m1.0",
            "result": "not_ok",
            "note": "桌椅",
        },
        {"id": "entry-0002", "type": "end", "at": at},
        {"id": "entry-0003", "type": "item", "at": at, "stop": "s1", "item": "none", "result": "ok"},
    ]
    first = client.post(f"{path}/entries", json={"entries": entries}).json()
    assert [one["outcome"] for one in first["outcomes"]] == ["stored", "stored", "refused"]
    again = client.post(f"{path}/entries", json={"entries": entries}).json()
    assert [one["outcome"] for one in again["outcomes"]] == ["repeated", "repeated", "refused"]
    assert again["inspection"]["version"] == first["inspection"]["version"]
    walked.readings.clear()
    sheet = client.get(path).json()
    assert (sheet["state"], item(sheet, "m2.0")["state"]) == ("done", "proved")
    content = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(content, "JPEG")
    photo = {"content": content.getvalue(), "params": {"taken_at": "2026-09-21T15:00:00Z"}}
    stated = {"X-Photo-SHA256": hashlib.sha256(content.getvalue()).hexdigest()}
    kept = [client.put(f"{path}/entries/entry-0001/photo", headers=stated, **photo).json()["id"] for _ in range(2)]
    assert kept[0] == kept[1]
    wrong = client.put(f"{path}/entries/entry-0001/photo", headers={"X-Photo-SHA256": "0" * 64}, **photo)
    assert wrong.status_code == 422
    [danger] = {one["danger"] for one in first["outcomes"] if one["danger"]}
    assert [one.id for one in walked.world.dispatch.danger_queries.photos(danger)] == kept[:1]
    form = client.get(f"{path}/form", params={"format": "csv"}).content.decode("utf-8-sig")
    rows = [*csv.reader(io.StringIO(form))]
    assert [row[2:6] for row in rows[1:]] == [
        ["通道畅通", "不合格", "现场", "桌椅"],
        ["探测器有效", "合格", "传感器 smoke-102 0.01 dB/m", ""],
    ]
    ledger = client.get(f"inspections/{SITE}/ledger", params={"format": "csv"}).content.decode("utf-8-sig")
    [row] = [*csv.reader(io.StringIO(ledger))][1:]
    assert (row[2], row[7]) == ("周检查", "通道畅通 (桌椅)")
    assert client.get(f"{path}/form", params={"format": "pdf"}).content.startswith(b"%PDF")
    assert client.get("inspections", params={"state": "done"}).json()["items"][0]["id"] == "walk-0001"
