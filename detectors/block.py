"""Detections as bytes for the log and back; equal batches give equal bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from .detection import DetectionBatch
from .errors import StateError

VERSION = 1
_ARRAYS: dict[str, Any] = {
    "sensor": np.int32, "metric": np.int16, "phase": np.int8, "level": np.int8, "first_ns": np.int64,
    "last_ns": np.int64, "gateway_ns": np.int64, "arrival_ns": np.int64, "decided_ns": np.int64,
    "score": np.float64, "late": np.bool_, "drill": np.bool_,
}  # fmt: skip
_LISTS = ("rule", "detector", "hazard", "evidence")
_encoder = msgspec.msgpack.Encoder(order="sorted", enc_hook=lambda item: item.item())


def encode(batch: DetectionBatch) -> bytes:
    """The batch as bytes: little-endian columns, the rest as msgpack with sorted keys."""
    columns = {
        name: np.ascontiguousarray(getattr(batch, name), np.dtype(dtype).newbyteorder("<")).tobytes()
        for name, dtype in _ARRAYS.items()
    }
    lists = {name: list(getattr(batch, name)) for name in _LISTS}
    return _encoder.encode({"version": VERSION, "rows": len(batch), **columns, **lists})


def decode(data: bytes) -> DetectionBatch:
    """The batch that `encode` was given. Raises StateError (a ValueError) on damaged or foreign bytes."""
    try:
        fields = msgspec.msgpack.decode(data, type=dict[str, Any])
        if fields["version"] != VERSION:
            raise StateError(f"detections of version {fields['version']}, wanted {VERSION}")
        columns: dict[str, Any] = {
            name: np.frombuffer(fields[name], np.dtype(dtype).newbyteorder("<")).astype(dtype)
            for name, dtype in _ARRAYS.items()
        }
        batch = DetectionBatch(**columns, **{name: fields[name] for name in _LISTS})
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise StateError(f"detections: {error}") from error
    if len(batch) != fields["rows"]:
        raise StateError(f"detections: {len(batch)} rows, wanted {fields['rows']}")
    return batch
