"""Unread keys: counted per device, with their names, over batches and restarts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ingest import Catalog, Intake, IntakeSettings, Ledger, LedgerEntries, Sensor, Unread, unread_of
from ingest.decode import decoders
from ingest.devices.unread import KEYS_MAX, UnreadKeys

NOW_NS = 1_795_161_600_000_000_000
EUI = "0101010101010101"


def uplink(fields: Mapping[str, Any], eui: str = EUI) -> tuple[int, int, bytes, bytes]:
    """Return an uplink of ChirpStack with these fields."""
    message = {"time": "2026-11-20T08:00:00Z", "object": fields, "data": "AQ=="}
    return 0x30, 0, f"application/a/device/{eui}/event/up".encode(), json.dumps(message).encode()


def test_unread_keys_are_counted_for_their_device() -> None:
    """Each key counts each time; a message without any reading brings its device into the catalogue."""
    ledger, catalog = Ledger(), Catalog()
    intake = Intake(catalog, decoders(), ledger=ledger)
    intake.accept([uplink({"mood": "grey", "temperature": 20}), uplink({"mood": "blue", "tone": "low x"})], NOW_NS)
    intake.accept([uplink({"tint": "red"}, "0202020202020202"), uplink({}, "0303030303030303")], NOW_NS)
    sealed = intake.seal()
    assert sealed is not None
    found = {catalog[code].id: unread for code, unread in unread_of(ledger).items()}
    assert found == {
        EUI: Unread(3, ("mood", "tone")),
        "0202020202020202": Unread(1, ("tint",)),
        "0303030303030303": Unread(1, ("data",)),
    }
    assert {sensor.first_ns for sensor in catalog if sensor.id in found} == {NOW_NS}


def test_an_unread_message_of_a_declared_sensor_is_no_report() -> None:
    """A declared sensor of which nothing was read still counts as one without a message."""
    site = IntakeSettings().site
    catalog, ledger = Catalog([Sensor(0, EUI, site, "smoke", place="hall")]), Ledger()
    intake = Intake(catalog, decoders(), ledger=ledger)
    intake.accept([uplink({"mood": "grey"})], NOW_NS)
    assert intake.seal() is not None
    known = catalog.find(site, EUI)
    assert known is not None
    assert (known.kind, known.first_ns, unread_of(ledger)[known.code].count) == ("smoke", 0, 1)


def test_names_of_keys_are_bounded_and_survive_a_restart() -> None:
    """The first KEYS_MAX different keys stay; the next service continues with them."""
    ledger = Ledger()
    UnreadKeys(ledger).add(7, [f"key-{number}" + "x" * 100 for number in range(KEYS_MAX + 5)])
    ledger.note("unread", 7, KEYS_MAX + 5)
    delta = ledger.drain()
    assert delta is not None
    after = Ledger(LedgerEntries(added=[(delta.number, delta.added)]))
    UnreadKeys(after).add(7, ["another"])
    found = unread_of(after)[7]
    assert (found.count, len(found.keys), max(map(len, found.keys))) == (KEYS_MAX + 5, KEYS_MAX, 64)
