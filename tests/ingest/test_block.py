"""Column blocks: exact round trip, and damaged bytes never decode to a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ingest import COLUMNS, BlockError, TelemetryBatch, empty_batch, from_columns
from ingest.block import batch_id, decode, encode

LABELS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
DECIMALS = st.integers(-20_000, 20_000).map(lambda number: number / 100)
TIMES = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**44).map(lambda ms: ms * 1_000_000 % 2**63)


@st.composite
def batches(draw: st.DrawFn) -> TelemetryBatch:
    """Draw batches of 0 to 40 rows with any value of the dtypes."""
    rows = draw(st.integers(0, 40))
    columns: dict[str, Any] = {
        name: draw(hnp.arrays(dtype, rows)) for name, dtype in COLUMNS if np.issubdtype(dtype, np.integer)
    }
    for name in ("time_ns", "arrival_ns"):
        columns[name] = np.array(draw(st.lists(TIMES, min_size=rows, max_size=rows)), np.int64)
    values = draw(st.sampled_from((DECIMALS, st.integers(0, 1).map(float), st.floats(allow_nan=False))))
    columns["value"] = np.array(draw(st.lists(values, min_size=rows, max_size=rows)), np.float64)
    marked = st.dictionaries(st.integers(0, rows - 1), st.dictionaries(st.text(max_size=9), LABELS, max_size=3))
    return from_columns(columns, draw(marked) if rows else {})


def equal(left: TelemetryBatch, right: TelemetryBatch) -> bool:
    """Return whether all bits of all columns and all attributes are equal."""
    same = all(getattr(left, name).tobytes() == getattr(right, name).tobytes() for name, _ in COLUMNS)
    return same and len(left) == len(right) and dict(left.attributes) == dict(right.attributes)


def typical(rows: int) -> TelemetryBatch:
    """Return readings of a school: a few metrics with usual decimals, many of one read of the socket."""
    random = np.random.default_rng(7)
    sensor = random.integers(0, 5_000, rows).astype(np.int32)
    arrival = np.repeat(1_760_000_000_000_000_000 + np.cumsum(random.integers(9, 999_999, rows // 50 + 1)), 50)[:rows]
    sent = (arrival - random.integers(0, 2_000_000_000, rows)) // 1_000_000 * 1_000_000
    value = np.round(random.normal(20, 3, rows), 1)
    value[sensor % 5 == 0] = 0.0
    metric = np.array((1, 20, 40, 6, 45), np.int16)[sensor % 5]
    quality = np.zeros(rows, np.uint8)
    names = (name for name, _ in COLUMNS)
    return from_columns(dict(zip(names, (sensor, metric, sent, arrival, value, quality), strict=True)))


@given(batches())
def test_round_trip_keeps_every_bit(batch: TelemetryBatch) -> None:
    """Extreme integers, signed zeros, infinities and attributes round-trip."""
    block = encode(batch)
    back = decode(block)
    assert equal(batch, back)
    assert back.id == batch_id(block)
    assert encode(back) == block


def test_empty_batch_round_trips() -> None:
    """A batch of duplicates or rejects has no rows and is an entry."""
    assert len(decode(encode(empty_batch()))) == 0


def test_signed_zero_and_not_a_number_keep_their_bits() -> None:
    """The short form of decimals is used only where it is exact."""
    for values in ([-0.0, 1.5], [0.1 + 0.2, 1.0], [np.nan, 1.0], [np.inf, -np.inf], [2.0**52, 0.5], [1e300, 5e-324]):
        batch = typical(2)
        batch.value[:] = values
        assert decode(encode(batch)).value.tobytes() == batch.value.tobytes()


@given(batches(), st.data())
def test_any_changed_or_missing_byte_is_a_block_error(batch: TelemetryBatch, data: st.DataObject) -> None:
    """A damaged block never becomes another batch."""
    block = bytearray(encode(batch))
    place = data.draw(st.integers(0, len(block) - 1))
    if data.draw(st.booleans()):
        block[place] ^= data.draw(st.integers(1, 255))
    else:
        del block[place:]
    try:
        back = decode(bytes(block))
    except BlockError:
        return
    assert equal(back, batch)  # a few bits of a compressed frame's header are unused


@pytest.mark.parametrize("junk", [b"", b"TW", b"TW\x01" + b"0" * 16, b"TW\x02" + b"0" * 40, b"{}" * 40])
def test_junk_is_a_block_error(junk: bytes) -> None:
    """Arbitrary bytes and blocks of a later version raise BlockError."""
    with pytest.raises(BlockError):
        decode(junk)


def test_id_follows_content() -> None:
    """Equal readings have equal ids, different ones different ids."""
    first, again, other = typical(50), typical(50), typical(50)
    other.value[3] += 1
    assert batch_id(encode(first)) == batch_id(encode(again)) != batch_id(encode(other))


def test_typical_block_is_small() -> None:
    """A reading takes about 6 bytes; plain columns take 31."""
    batch = typical(10_000)
    assert len(encode(batch)) < 7 * len(batch)
