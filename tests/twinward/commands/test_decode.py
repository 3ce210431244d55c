"""The work of `twinward decode`: one line in, one line out, never a traceback."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twinward.commands.decode import decode_lines, show_time

NOW_NS = 1_788_000_000_000_000_000


def _decode(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    lines = [json.dumps(message) for message in messages]
    return [json.loads(line) for line in decode_lines(lines, clock=lambda: NOW_NS)]


def test_reading_shows_all_its_facts() -> None:
    """Booleans as true and false, the arrival time where the message has none."""
    (shown,) = _decode({"topic": "zigbee2mqtt/gate", "payload": '{"contact": true}'})
    assert shown["format"] == "zigbee2mqtt"
    assert shown["readings"] == [
        {
            "sensor": "gate",
            "kind": "gate",
            "metric": "open",
            "value": False,
            "unit": "bool",
            "time": show_time(NOW_NS),
            "quality": "good",
            "dims": {},
        }
    ]


def test_nanoseconds_are_kept() -> None:
    """A network server's nine decimals come out as they came in."""
    payload = '{"time": "2026-09-01T01:34:15.775023242+00:00", "batteryLevel": 5}'
    (shown,) = _decode({"topic": "application/a/device/0101010101010101/event/status", "payload": payload})
    assert shown["readings"][0]["time"] == "2026-09-01T01:34:15.775023242Z"


def test_picture_is_told_as_media() -> None:
    """Bytes come base64-coded and are never read as text."""
    (shown,) = _decode({"topic": "frigate/c/person/snapshot", "payload_b64": "/9j/4AAQ"})
    assert shown["media"] == {"sensor": "c", "type": "image/jpeg", "label": "person"}


def test_lines_of_one_scenario_share_state() -> None:
    """The end of a raised flag is told only by a decoder that saw it raised."""
    raised = {"topic": "zigbee2mqtt/d", "payload": '{"tamper": true}', "scenario": "one"}
    over = {"topic": "zigbee2mqtt/d", "payload": '{"tamper": false}'}
    _, shared, other = _decode(raised, {**over, "scenario": "one"}, {**over, "scenario": "two"})
    assert [reading["value"] for reading in shared["readings"]] == [False]
    assert other["readings"] == []


def test_topic_of_nobody_is_refused() -> None:
    """No format speaks for it."""
    (shown,) = _decode({"topic": "elsewhere/x", "payload": "1"})
    assert shown["format"] is None
    assert [reject["reason"] for reject in shown["rejects"]] == ["topic"]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"topic": 3}', '{"topic": "a"}', '{"topic": "a", "payload_b64": "*"}', "[" * 100_000]
)
def test_bad_line_gives_an_error_line_and_the_next_goes_on(line: str) -> None:
    """The number of the line is told."""
    good = '{"topic": "zigbee2mqtt/a", "payload": "{}"}'
    first, second = (json.loads(shown) for shown in decode_lines([line, good], clock=lambda: NOW_NS))
    assert first["error"].startswith("line 1: ")
    assert "error" not in second


@settings(max_examples=100, deadline=None)
@given(line=st.text(max_size=60))
def test_any_line_gives_one_line_or_none(line: str) -> None:
    """A blank line gives nothing, every other line exactly one JSON object."""
    shown = list(decode_lines([line], clock=lambda: NOW_NS))
    assert len(shown) == (1 if line.strip() else 0)
    assert all(isinstance(json.loads(text), dict) for text in shown)
