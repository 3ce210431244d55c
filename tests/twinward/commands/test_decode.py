"""Command `decode`: one output line per input line, without tracebacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from twinward.cli import app
from twinward.commands.decode import decode_lines, show_time

NOW_NS = 1_788_000_000_000_000_000


def _decode(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    lines = [json.dumps(message) for message in messages]
    return [json.loads(line) for line in decode_lines(lines, clock=lambda: NOW_NS)]


def test_reading_shows_all_its_facts() -> None:
    """Booleans are true and false; a message without a time has the arrival time."""
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
            "device": "",
            "doubt": "",
            "lasts_s": 0.0,
        }
    ]


def test_nanoseconds_are_kept() -> None:
    """Nine decimals of a network server are kept."""
    payload = '{"time": "2026-09-01T01:34:15.775023242+00:00", "batteryLevel": 5}'
    (shown,) = _decode({"topic": "application/a/device/0101010101010101/event/status", "payload": payload})
    assert shown["readings"][0]["time"] == "2026-09-01T01:34:15.775023242Z"


def test_picture_is_reported_as_media() -> None:
    """Payloads in base64 are not read as text."""
    (shown,) = _decode({"topic": "frigate/c/person/snapshot", "payload_b64": "/9j/4AAQ"})
    assert shown["media"] == {"sensor": "c", "type": "image/jpeg", "label": "person"}


def test_lines_of_one_scenario_share_state() -> None:
    """Only a decoder with the raised flag reports its end."""
    raised = {"topic": "zigbee2mqtt/d", "payload": '{"tamper": true}', "scenario": "one"}
    over = {"topic": "zigbee2mqtt/d", "payload": '{"tamper": false}'}
    _, shared, other = _decode(raised, {**over, "scenario": "one"}, {**over, "scenario": "two"})
    assert [reading["value"] for reading in shared["readings"]] == [False]
    assert other["readings"] == []


def test_unknown_topic_is_refused() -> None:
    """No format claims the topic."""
    (shown,) = _decode({"topic": "elsewhere/x", "payload": "1"})
    assert shown["format"] is None
    assert [reject["reason"] for reject in shown["rejects"]] == ["topic"]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"topic": 3}', '{"topic": "a"}', '{"topic": "a", "payload_b64": "*"}', "[" * 100_000]
)
def test_bad_line_yields_an_error_line(line: str) -> None:
    """The error has the line's number."""
    good = '{"topic": "zigbee2mqtt/a", "payload": "{}"}'
    first, second = (json.loads(shown) for shown in decode_lines([line, good], clock=lambda: NOW_NS))
    assert first["error"].startswith("line 1: ")
    assert "error" not in second


@settings(max_examples=100, deadline=None)
@given(line=st.text(max_size=60))
def test_any_line_gives_one_line_or_none(line: str) -> None:
    """A blank line yields nothing, every other line one JSON object."""
    shown = list(decode_lines([line], clock=lambda: NOW_NS))
    assert len(shown) == (1 if line.strip() else 0)
    assert all(isinstance(json.loads(text), dict) for text in shown)


def test_quality_is_that_of_the_service() -> None:
    """A power-on value after a measurement and a value outside its range are faults; a fire is none."""

    def message(celsius: float) -> dict[str, Any]:
        body = {"Time": "2026-08-29T10:40:00Z", "DS18B20": {"Id": "0117A2F30B11", "Temperature": celsius}}
        return {"topic": "tele/boiler/SENSOR", "payload": json.dumps(body), "scenario": "boiler"}

    shown = _decode(*[message(celsius) for celsius in (21.0, 85.0, 60.0, 85.0, 3000.0)])
    assert [one["readings"][0]["quality"] for one in shown] == ["good", "fault", "good", "good", "fault"]


def test_a_clock_that_is_not_set_gives_the_arrival_time() -> None:
    """The doubt is shown with the reading."""
    payload = json.dumps({"params": {"ts": 7.3, "smoke:0": {"alarm": True}}, "method": "NotifyStatus", "src": "s"})
    (shown,) = _decode({"topic": "shelly-s/events/rpc", "payload": payload})
    assert {(row["time"], row["doubt"]) for row in shown["readings"]} == {(show_time(NOW_NS), "time_past")}


def test_decode_refuses_its_input_as_output(tmp_path: Path) -> None:
    """The input stays whole."""
    source = tmp_path / "in.jsonl"
    source.write_text('{"topic": "campus/s1/smoke/a", "payload": "{}"}\n')
    before = source.read_bytes()
    result = CliRunner().invoke(app, ["decode", "--input", str(source), "--output", str(source)])
    assert "the output is the input" in str(result.exception)
    assert source.read_bytes() == before
