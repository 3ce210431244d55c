"""Codec of detection batches for the log.

Numeric columns are little-endian bytes, the other ones msgpack with sorted keys: equal batches give equal bytes.
Version 1 named the timeline of a detection `lane` in its evidence.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from .detection import DetectionBatch
from .errors import StateError

VERSION = 2
_ARRAYS: dict[str, Any] = {
    "sensor": np.int32, "metric": np.int16, "phase": np.int8, "level": np.int8, "first_ns": np.int64,
    "last_ns": np.int64, "gateway_ns": np.int64, "arrival_ns": np.int64, "decided_ns": np.int64,
    "score": np.float64, "late": np.bool_, "drill": np.bool_,
}  # fmt: skip
_LISTS = ("rule", "detector", "hazard", "evidence")
_encoder = msgspec.msgpack.Encoder(order="sorted", enc_hook=lambda item: item.item())


def encode(batch: DetectionBatch) -> bytes:
    """Return the batch as bytes of the present version."""
    columns = {
        name: np.ascontiguousarray(getattr(batch, name), np.dtype(dtype).newbyteorder("<")).tobytes()
        for name, dtype in _ARRAYS.items()
    }
    lists = {name: list(getattr(batch, name)) for name in _LISTS}
    return _encoder.encode({"version": VERSION, "rows": len(batch), **columns, **lists})


def decode(data: bytes) -> DetectionBatch:
    """Return the batch of a block of any version. Raises StateError (a ValueError) when it is damaged."""
    try:
        fields = msgspec.msgpack.decode(data, type=dict[str, Any])
        version = fields["version"]
        if version not in range(1, VERSION + 1):
            raise StateError(f"detections: version {version}; allowed are 1 to {VERSION}")
        if version == 1:
            fields["evidence"] = [_upgraded(evidence) for evidence in fields["evidence"]]
        columns: dict[str, Any] = {
            name: np.frombuffer(fields[name], np.dtype(dtype).newbyteorder("<")).astype(dtype)
            for name, dtype in _ARRAYS.items()
        }
        batch = DetectionBatch(**columns, **{name: fields[name] for name in _LISTS})
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise StateError(f"detections: {error}") from error
    if len(batch) != fields["rows"]:
        raise StateError(f"detections: {len(batch)} rows; the block states {fields['rows']}")
    return batch


def _upgraded(evidence: dict[str, Any]) -> dict[str, Any]:
    """Return evidence of version 1 with the key of the present version."""
    return {"timeline" if key == "lane" else key: value for key, value in evidence.items()}
