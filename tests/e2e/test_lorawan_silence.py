"""LoRaWAN devices go offline by their own period, learned or declared, with either network server."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from detectors import Calendar, Phase, build, load_recipe
from ingest import BatchSettings, Catalog, Intake, Sensor
from ingest.decode import decoders

STEP_S = 30
START_S = 1_790_000_000
HOUR_S = 3_600
Uplink = Callable[[str, float], tuple[str, bytes]]


def _stamp(at_s: float) -> str:
    return datetime.fromtimestamp(START_S + at_s, UTC).isoformat().replace("+00:00", "Z")


def chirpstack(device: str, at_s: float) -> tuple[str, bytes]:
    """Return an uplink of ChirpStack, with the network server's time one second before arrival."""
    body = {
        "time": _stamp(at_s - 1),
        "deviceInfo": {"deviceProfileName": "EM500-SWL"},
        "object": {"depth": 140 + at_s % 7},
    }
    return f"application/a/device/{device}/event/up", json.dumps(body).encode()


def things_stack(device: str, at_s: float) -> tuple[str, bytes]:
    """Return an uplink of The Things Stack."""
    message = {"received_at": _stamp(at_s - 1), "decoded_payload": {"depth": 140 + at_s % 7}}
    message |= {"version_ids": {"model_id": "EM500-SWL"}}
    return f"v3/a@t/devices/{device}/up", json.dumps({"uplink_message": message}).encode()


def offline_since(
    uplink: Uplink, sent: dict[str, list[float]], declared_s: dict[str, float], until_s: float
) -> dict[str, float]:
    """Return device -> second of its offline detection; sent: device -> seconds of its uplinks."""
    declared = [Sensor(0, device, "school-1", "water", period_s=period_s) for device, period_s in declared_s.items()]
    catalog = Catalog(declared)
    intake = Intake(catalog, decoders(("chirpstack", "tts_v3")), batch=BatchSettings(age_s=10))
    detector = build(load_recipe(), catalog, Calendar())
    waiting = sorted((at_s, device) for device, moments in sent.items() for at_s in moments)
    found: dict[str, float] = {}
    for now_s in range(0, int(until_s), STEP_S):
        now_ns = (START_S + now_s) * 10**9
        while waiting and waiting[0][0] <= now_s:
            at_s, device = waiting.pop(0)
            topic, payload = uplink(device, at_s)
            intake.accept([(0x02, 1, topic.encode(), payload)], (START_S + round(at_s)) * 10**9)
        intake.tick(now_ns)
        sealed = intake.seal()
        assert sealed is not None
        detections = detector.update(sealed.batch)
        for row in range(len(detections)):
            if detections.hazard[row] == "sensor_silent" and detections.phase[row] == Phase.RAISE:
                found[catalog[int(detections.sensor[row])].id] = now_s
    return found


@pytest.mark.parametrize("uplink", [chirpstack, things_stack])
def test_a_device_is_offline_three_periods_after_its_last_uplink(uplink: Uplink) -> None:
    """Periods of 10 and 20 minutes are learned, one hour is declared, an irregular device has 25 hours."""
    last_s = 6.0 * HOUR_S
    sent = {
        "a000000000000001": [float(s) for s in range(120, int(last_s) + 1, 600)],
        "a000000000000002": [float(s) for s in range(300, int(last_s) + 1, 1_200)],
        "a000000000000003": [float(s) for s in range(60, int(last_s) + 1, HOUR_S)],
        "a000000000000004": [60.0, 90.0, 4_000.0, 9_000.0, 9_500.0, 15_000.0, 15_050.0, 18_000.0, 21_000.0, last_s],
    }
    found = offline_since(uplink, sent, {"a000000000000003": HOUR_S}, last_s + 6 * HOUR_S)
    periods_s = {"a000000000000001": 600, "a000000000000002": 1_200, "a000000000000003": HOUR_S}
    assert set(found) == set(periods_s)
    for device, period_s in periods_s.items():
        waited_s = found[device] - sent[device][-1]
        assert 3 * period_s <= waited_s <= 3 * period_s + 120 + 2 * STEP_S
