"""Column block: a TelemetryBatch as one compressed run of bytes, as stored in the log.

    magic "TW", version byte, 16 bytes of SHA-256 over the plain payload, zstandard frame of the payload
    payload: rows uint32, then six columns in stored order, then the attributes as msgpack
    column:  mode, width, scale, length of the data; integers as zigzag differences or offsets, split into byte planes

The digest covers the plain payload. The batch id therefore depends on the content, not on the compressor.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from .errors import BlockError
from .telemetry import COLUMNS, TelemetryBatch, from_columns

VERSION = 1
ROWS_MAX = 4_000_000
PAYLOAD_BYTES_MAX = 1 << 30
LEVEL = 1

_MAGIC = b"TW"
_DIGEST_BYTES = 16
_HEAD_BYTES = len(_MAGIC) + 1 + _DIGEST_BYTES
_ROWS = struct.Struct("<I")
_COLUMN = struct.Struct("<BBqI")  # mode, bytes an item, scale, bytes of data
_PLAIN, _DELTA, _RAW = range(3)
_WIDTHS: dict[int, np.dtype[Any]] = {1: np.dtype("<u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4"), 8: np.dtype("<u8")}
_TIME_SCALES = (1_000_000_000, 1_000_000, 1_000)
_VALUE_SCALES = (1, 10, 100, 1_000, 10_000)
_EXACT_MAX = float(1 << 52)  # float64 represents every integer up to here exactly
_MODES = {"time_ns": _DELTA, "arrival_ns": _DELTA}
_ATTRIBUTES = msgspec.msgpack.Decoder(dict[int, dict[str, Any]])


def encode(batch: TelemetryBatch) -> bytes:
    """Return the batch as a block. Raises ValueError above ROWS_MAX rows."""
    if len(batch) > ROWS_MAX:
        raise ValueError(f"a batch of {len(batch)} rows is too large for a block; at most {ROWS_MAX}")
    parts = [_ROWS.pack(len(batch))]
    parts += [_column(name, getattr(batch, name)) for name, _ in COLUMNS]
    parts.append(msgspec.msgpack.encode(dict(batch.attributes)))
    payload = b"".join(parts)
    frame = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False).compress(payload)
    return b"".join((_MAGIC, bytes((VERSION,)), _digest(payload), frame))


def decode(block: bytes) -> TelemetryBatch:
    """Return the batch with its id. Raises BlockError unless the bytes are a complete block of this version."""
    digest, payload = _open(block)
    try:
        batch = _batch(payload)
    except (struct.error, ValueError, IndexError, KeyError, TypeError, msgspec.MsgspecError) as error:
        raise BlockError(f"the payload is malformed: {error}") from error
    return replace(batch, id=digest.hex())


def batch_id(block: bytes) -> str:
    """Return the id of the batch: 32 hexadecimal digits derived from the content. Does not check the payload."""
    return block[len(_MAGIC) + 1 : _HEAD_BYTES].hex()


def _digest(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()[:_DIGEST_BYTES]


def _open(block: bytes) -> tuple[bytes, bytes]:
    if len(block) < _HEAD_BYTES or block[: len(_MAGIC)] != _MAGIC:
        raise BlockError("the bytes are no column block: they do not start with TW")
    if block[len(_MAGIC)] != VERSION:
        raise BlockError(f"block version {block[len(_MAGIC)]} is unknown; this release reads version {VERSION}")
    frame = block[_HEAD_BYTES:]
    try:
        size = zstandard.frame_content_size(frame)
        if not 0 <= size <= PAYLOAD_BYTES_MAX:
            raise BlockError(f"payload of {size} bytes is out of range; 0 to {PAYLOAD_BYTES_MAX} are allowed")
        payload = zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise BlockError(f"the frame is damaged: {error}") from error
    digest = block[len(_MAGIC) + 1 : _HEAD_BYTES]
    if _digest(payload) != digest:
        raise BlockError("the payload does not match its digest")
    return digest, payload


def _batch(payload: bytes) -> TelemetryBatch:
    (rows,) = _ROWS.unpack_from(payload)
    if rows > ROWS_MAX:
        raise ValueError(f"{rows} rows")
    offset = _ROWS.size
    columns: dict[str, NDArray[Any]] = {}
    for name, dtype in COLUMNS:
        mode, width, scale, size = _COLUMN.unpack_from(payload, offset)
        offset += _COLUMN.size
        data = payload[offset : offset + size]
        offset += size
        columns[name] = _values(_planes(data, rows, width), mode, scale, np.dtype(dtype))
    attributes = _ATTRIBUTES.decode(payload[offset:])
    _check_rows(attributes, rows)
    return from_columns(columns, attributes)


def _check_rows(attributes: Mapping[int, object], rows: int) -> None:
    for row in attributes:
        if not 0 <= row < rows:
            raise ValueError(f"attributes of row {row} in a batch of {rows}")


def _column(name: str, column: NDArray[Any]) -> bytes:
    if column.dtype == np.float64:
        mode, scale, numbers = _scaled_values(column)
    else:
        mode, scale = _MODES.get(name, _PLAIN), 1
        wide = column.astype(np.int64)
        if mode == _DELTA:
            scale, wide = _scaled_times(wide)
        numbers = _zigzag(_differences(wide) if mode == _DELTA else wide)
    width, data = _narrow(numbers)
    return _COLUMN.pack(mode, width, scale, len(data)) + data


def _scaled_times(times: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """Return the coarsest unit that divides all times, and the times in that unit."""
    for scale in _TIME_SCALES:
        if not len(times) or times[0] % scale or times[-1] % scale:
            continue
        whole = times // scale
        if np.array_equal(whole * scale, times):
            return scale, whole
    return 1, times


def _scaled_values(values: NDArray[np.float64]) -> tuple[int, int, NDArray[np.uint64]]:
    """Return values with up to four decimals as integers, all others with their exact bits."""
    bits = values.view(np.uint64)
    largest = float(np.abs(values).max(initial=0))
    for scale in _VALUE_SCALES:
        if not largest * scale < _EXACT_MAX:  # also true for NaN
            break
        whole = np.rint(values * scale) + 0.0  # turns -0.0, which has no integer form, into 0.0
        if np.array_equal((whole / scale).view(np.uint64), bits):
            return _PLAIN, scale, _zigzag(whole.astype(np.int64))
    return _RAW, 1, bits


def _differences(wide: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first value and the steps, modulo 2^64 so that no step overflows."""
    unsigned = wide.view(np.uint64)
    steps = unsigned.copy()
    steps[1:] -= unsigned[:-1]
    return steps.view(np.int64)


def _zigzag(signed: NDArray[np.int64]) -> NDArray[np.uint64]:
    return ((signed << 1) ^ (signed >> 63)).view(np.uint64)


def _unzigzag(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    one = np.uint64(1)
    return ((numbers >> one) ^ (~(numbers & one) + one)).view(np.int64)


def _narrow(numbers: NDArray[np.uint64]) -> tuple[int, bytes]:
    """Return bytes per item and byte planes. The first item is stored apart: it is far larger than the steps."""
    largest = int(numbers[1:].max(initial=0))
    width = next(width for width in _WIDTHS if largest < 1 << 8 * width)
    first = numbers[:1].astype("<u8").tobytes()
    rest = numbers[1:].astype(_WIDTHS[width])
    if width == 1:
        return width, first + rest.tobytes()
    return width, first + rest.view(np.uint8).reshape(-1, width).T.tobytes()


def _planes(data: bytes, rows: int, width: int) -> NDArray[np.uint64]:
    numbers = np.empty(rows, np.uint64)
    if rows:
        numbers[0] = np.frombuffer(data[:8], "<u8")[0]
        planes = np.frombuffer(data[8:], np.uint8).reshape(width, rows - 1)
        numbers[1:] = np.ascontiguousarray(planes.T).view(_WIDTHS[width]).reshape(rows - 1)
    elif data:
        raise ValueError("data without rows")
    return numbers


def _values(numbers: NDArray[np.uint64], mode: int, scale: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    if mode == _RAW:
        return numbers.view(dtype)
    signed = _unzigzag(numbers)
    if mode == _DELTA:
        signed = np.cumsum(signed.view(np.uint64), dtype=np.uint64).view(np.int64)
    if dtype == np.float64:
        return signed / float(scale) if scale != 1 else signed.astype(np.float64)
    return (signed * scale).astype(dtype) if scale != 1 else signed.astype(dtype)
