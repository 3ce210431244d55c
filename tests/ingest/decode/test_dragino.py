"""Stored values of Dragino devices: history with its time, never a present state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.decode import Decoded, decoders
from ingest.vocabulary import Quality

NOW_NS = 1_795_161_600_000_000_000
AT_NS = 1_788_225_346_000_000_000


def uplink(model: str, fields: dict[str, Any]) -> Decoded:
    """Return the result of an uplink of The Things Stack; the codec names the model."""
    message = {"uplink_message": {"decoded_payload": {"Node_type": model, **fields}}}
    (decoder,) = decoders(["tts_v3"])
    found: Decoded = decoder.decode("v3/a/devices/d/up", json.dumps(message).encode(), retained=False, now_ns=NOW_NS)
    return found


LOGS: list[tuple[str, str, list[tuple[str, float]]]] = [
    (
        "LWL03A",
        "[FALSE,LEAK,3,0,2026-09-01 01:15:46],[FALSE,NO LEAK,3,2,2026-09-01 01:15:46],",
        [("leak", 1), ("leak", 0)],
    ),
    ("WL03A-LB", "[SUM,NO,TRUE,LEAK,3,0,2026-09-01 01:15:46],", [("leak", 1)]),
    ("LDS03A", "[FALSE,OPEN,NO,12,0,2026-09-01 01:15:46],", [("open", 1)]),
    ("DS03A-LB", "[SUM,NO,FALSE,CLOSE,12,4,2026-09-01 01:15:46],", [("open", 0)]),
    ("LHT65N", "[327.67,21.5,48.2,2026-09-01 01:15:46],", [("temperature", 21.5), ("humidity", 48.2)]),
    ("S31-LB", "[-3.5,48.2,Low,False,2026-09-01 01:15:46],", [("temperature", -3.5), ("humidity", 48.2)]),
    ("DDS75-LB", "[3300,1820,6552.1,YES,FALSE,0,2026-09-01 01:15:46],", [("distance", 1.82)]),
    ("DDS20-LB", "[3.3,182,215,YES,FALSE,0,2026-09-01 01:15:46],", [("distance", 0.182)]),
    ("DDS04-LB", "[182,0,6553.5,Low,False,2026-09-01 01:15:46],", [("distance", 1.82)]),
]


@pytest.mark.parametrize(("model", "log", "wanted"), LOGS, ids=[row[0] for row in LOGS])
@pytest.mark.parametrize("nested", [False, True])
def test_stored_values_are_history(model: str, log: str, wanted: list[tuple[str, float]], *, nested: bool) -> None:
    """Each value has its time and quality; a retransmission nests the log."""
    fields = {"DATALOG": log, "PNACKMD": "False"}
    found = uplink(model, {"data": {**fields, "Node_type": model}} if nested else fields)
    assert [(each.metric, each.value) for each in found.readings] == wanted
    assert {(each.quality, each.time_ns) for each in found.readings} == {(Quality.HISTORICAL, AT_NS)}
    assert not found.unread
    assert not found.rejects


@pytest.mark.parametrize("log", ["", "[", "[LEAK]", "[[,],", "[FALSE,DRY,1,2,2026-09-01 01:15:46],", 7, None, ["LEAK"]])
def test_a_broken_log_is_no_reading(log: Any) -> None:
    """Cut or foreign texts raise nothing and give no state."""
    assert not [each for each in uplink("LWL03A", {"DATALOG": log}).readings if each.metric == "leak"]


def test_the_log_of_another_model_is_unread() -> None:
    """Its columns have no meaning here."""
    assert "DATALOG" in uplink("CPL01", {"DATALOG": "[FALSE,OPEN,3,0,1,2026-09-01 01:15:46],"}).unread
