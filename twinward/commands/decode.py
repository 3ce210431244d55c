"""`decode`: decoded readings of captured messages, one JSON object per line."""

from __future__ import annotations

import base64
import binascii
import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from ingest import LIFE_SAFETY, ReadingChecks
from ingest.decode import Decoded, Decoder, Reading, Router
from ingest.decode.times import EARLIEST_NS
from twinward.clock import Clock, system_clock

SECOND_NS = 1_000_000_000
_SCENARIOS_MAX = 10_000
_State = tuple[Router, ReadingChecks]


def decode_lines(lines: Iterable[str], *, clock: Clock = system_clock) -> Iterator[str]:
    """Yield one output line per input line that is not blank; an unreadable line yields {"error": ...}.

    Input: `topic`, `payload` or `payload_b64`, `retain`, `scenario`; lines of one scenario share decoder
    state, every other line gets new decoders. clock: source of the arrival time.
    """
    scenarios: OrderedDict[str, _State] = OrderedDict()
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                meaning = _decode_line(line, scenarios, clock())
            except ValueError as error:
                meaning = {"error": f"line {number}: {error}"}
            yield json.dumps(meaning, ensure_ascii=False)


def _decode_line(line: str, scenarios: OrderedDict[str, _State], now_ns: int) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error
    if not isinstance(message, dict) or not isinstance(message.get("topic"), str):
        raise ValueError("the line is no object with topic, and payload or payload_b64")  # noqa: TRY004 - one kind of error for a bad line
    scenario = message.get("scenario")
    router, checks = _state(scenarios, scenario) if isinstance(scenario, str) else _fresh()
    topic, retained = message["topic"], message.get("retain") is True
    part = router.find(topic)
    decoded = router.decode(topic, _payload(message), retained=retained, now_ns=now_ns)
    return _show(topic, part, decoded, checks, now_ns)


def _fresh() -> _State:
    return Router(), ReadingChecks()


def _state(scenarios: OrderedDict[str, _State], name: str) -> _State:
    if name not in scenarios:
        scenarios[name] = _fresh()
        if len(scenarios) > _SCENARIOS_MAX:
            scenarios.popitem(last=False)
    return scenarios[name]


def _payload(message: dict[str, Any]) -> bytes:
    text, coded = message.get("payload"), message.get("payload_b64")
    if isinstance(text, str):
        return text.encode(errors="surrogatepass")
    if not isinstance(coded, str):
        raise ValueError("payload and payload_b64 must be texts")  # noqa: TRY004 - one kind of error for a bad line
    try:
        return base64.b64decode(coded, validate=True)
    except binascii.Error as error:
        raise ValueError(f"payload_b64: {error}") from error


def _show(topic: str, part: Decoder | None, decoded: Decoded, checks: ReadingChecks, now_ns: int) -> dict[str, Any]:
    media = decoded.media
    rejects = [{"reason": reject.reason, "detail": reject.detail} for reject in decoded.rejects]
    shown: dict[str, Any] = {
        "topic": topic,
        "format": None if part is None else part.name,
        "readings": [_show_reading(reading, checks, now_ns) for reading in decoded.readings],
        "availability": [
            {"sensor": one.sensor, "online": one.online, "reason": one.reason, "asleep": one.asleep}
            for one in decoded.availability
        ],
        "declares": list(decoded.declares),
        "removed": list(decoded.removed),
        "renamed": [{"old": old, "new": new} for old, new in decoded.renamed],
        "notices": list(decoded.notices),
        "rejects": rejects,
        "ignored": decoded.ignored,
        "unread": list(decoded.unread),
    }
    if media is not None:
        shown["media"] = {"sensor": media.sensor, "type": media.type, "label": media.label}
    return shown


def _show_reading(reading: Reading, checks: ReadingChecks, now_ns: int) -> dict[str, Any]:
    """Return a reading as JSON. Without a usable event time, and for an alarm of an unset clock, arrival counts."""
    value = bool(reading.value) if reading.unit == "bool" else reading.value
    time_ns, doubt = now_ns if reading.time_ns is None else reading.time_ns, reading.doubt
    if time_ns < EARLIEST_NS and reading.metric in LIFE_SAFETY:
        time_ns, doubt = now_ns, "time_past"
    return {
        "sensor": reading.sensor,
        "kind": reading.kind,
        "metric": reading.metric,
        "value": value,
        "unit": reading.unit,
        "time": show_time(time_ns),
        "quality": checks.quality(reading).name.lower(),
        "dims": dict(reading.dims),
        "device": reading.device,
        "doubt": doubt,
        "lasts_s": reading.lasts_s,
    }


def show_time(time_ns: int) -> str:
    """Return RFC 3339 in UTC, with nine decimals for nanoseconds and six otherwise."""
    seconds, fraction = divmod(time_ns, SECOND_NS)
    digits = f"{fraction:09d}" if fraction % 1_000 else f"{fraction // 1_000:06d}"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{digits}Z"
