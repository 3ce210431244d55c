"""Codec of detection batches."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from detectors import DetectionBatch, StateError, decode, encode
from ingest import TelemetryBatch

from .histories import histories, make, readings, thorough


@thorough
@given(batch=histories())
def test_decoded_batch_equals_the_encoded_one(batch: TelemetryBatch) -> None:
    """Every column survives, and equal batches give equal bytes."""
    found = make("campus").update(batch)
    data = encode(found)
    decoded = decode(data)
    assert encode(decoded) == data
    for name in DetectionBatch.__slots__:
        assert list(getattr(decoded, name)) == list(getattr(found, name)), name


def test_block_of_version_1_is_upgraded() -> None:
    """Version 1 named the late timeline `lane`; it decodes to the same batch."""
    found = make("smoke").update(readings([("smoke", 1, 10, 4000, 1, 0)]))
    assert found.evidence[0]["timeline"] == "late"
    data = encode(found)
    fields = msgspec.msgpack.decode(data)
    fields["version"] = 1
    for evidence in fields["evidence"]:
        evidence["lane"] = evidence.pop("timeline")
    assert encode(decode(msgspec.msgpack.encode(fields))) == data


@pytest.mark.parametrize("changes", [{"version": 3}, {"version": 0}, {"rows": 9}, {"score": b"1"}, {"evidence": None}])
def test_damaged_block_raises_state_error(changes: dict[str, object]) -> None:
    """An unknown version, another count of rows and broken columns."""
    fields = msgspec.msgpack.decode(encode(make("smoke").update(readings([("smoke", 1, 0, 0, 1, 0)]))))
    for data in (msgspec.msgpack.encode(fields | changes), b"", b"\x81"):
        with pytest.raises(StateError, match="detections"):
            decode(data)
