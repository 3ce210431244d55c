"""Shelly: renaming by device id, sleep of devices on battery, faults that end, unread components."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.decode import Decoded, decoders


def decode(decoder: Any, topic: str, payload: Any) -> Decoded:
    """Decode one live message."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    found: Decoded = decoder.decode(topic, text.encode(), retained=False, now_ns=10**18)
    return found


def status(source: str, **components: Any) -> dict[str, Any]:
    """Return a notification of a device."""
    params = {"ts": 1756690002.5} | {key.replace("__", ":"): value for key, value in components.items()}
    return {"src": source, "method": "NotifyStatus", "params": params}


def test_a_device_id_under_another_prefix_is_a_renaming() -> None:
    """Once, and also after a restart."""
    (decoder,) = decoders(["shelly_gen2"])
    memory = dict(decode(decoder, "shelly-1/events/rpc", status("shelly-1", smoke__0={"alarm": False})).memory)
    (restarted,) = decoders(["shelly_gen2"])
    restarted.recall([(key, value) for key, value in memory.items() if value is not None])  # type: ignore[attr-defined]
    for each in (decoder, restarted):
        found = decode(each, "dorm1/events/rpc", status("shelly-1", smoke__0={"alarm": True}))
        assert found.renamed == [("shelly-1", "dorm1")]
        assert [reading.sensor for reading in found.readings] == ["dorm1"]
        assert not decode(each, "dorm1/events/rpc", status("shelly-1", smoke__0={"alarm": True})).renamed


@pytest.mark.parametrize(
    ("first", "topic", "asleep"),
    [
        (None, "shellyplusht-1", True),
        (None, "b1/shellyhtg3-1", True),
        (None, "shellyplus1-1", False),
        (status("x", sys={"wakeup_period": 7200}), "x", True),
        (status("x", sys={"wakeup_period": 0}), "x", False),
        (status("shellyfloodg4-1", flood__0={"alarm": False}), "cellar/flood", True),
        (status("shelly1g4-1", switch__0={"output": False}), "cellar/lamp", False),
    ],
)
def test_a_device_with_a_wake_up_period_is_asleep(first: Any, topic: str, asleep: bool) -> None:  # noqa: FBT001
    """Its last will is a sleep; that of a device on mains is a loss."""
    (decoder,) = decoders(["shelly_gen2"])
    if first:
        decode(decoder, f"{topic}/events/rpc", first)
    (state,) = decode(decoder, f"{topic}/online", "false").availability
    assert (state.online, state.asleep) == (False, asleep)
    (state,) = decode(decoder, f"{topic}/online", "true").availability
    assert (state.online, state.asleep) == (True, False)


def test_a_fault_ends_with_the_next_status_without_error() -> None:
    """The end is one reading."""
    (decoder,) = decoders(["shelly_gen2"])
    faults = [
        [
            reading.value
            for reading in decode(decoder, "s/status/temperature:100", fields).readings
            if reading.metric == "fault"
        ]
        for fields in ({"tC": None, "errors": ["read"]}, {"tC": 4.5}, {"tC": 4.5})
    ]
    assert faults == [[1.0], [0.0], []]


def test_unknown_components_and_keys_are_unread() -> None:
    """States of the network, totals and settings are not."""
    (decoder,) = decoders(["shelly_gen2"])
    found = decode(
        decoder,
        "s/events/rpc",
        status(
            "s",
            radon__0={"bq": 80},
            smoke__0={"alarm": False, "dust": 3},
            wifi={"rssi": -60, "ssid": "a"},
            cloud={"connected": True},
        ),
    )
    assert list(found.unread) == ["radon:0", "smoke.dust"]


def test_native_topics_stay_native() -> None:
    """A native sensor named `online` is no device of this format."""
    (decoder,) = decoders(["shelly_gen2"])
    assert not decoder.claims("campus/s1/smoke/online")
    assert decoder.claims("b1/f2/shelly/online")
