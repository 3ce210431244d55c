"""Snapshot bytes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import StateError
from detectors.snapshot import VERSION, decode_snapshot, digest, encode_snapshot

fields_of = st.dictionaries(
    st.text().filter(lambda name: name != "version"), st.integers(0, 9) | st.binary(), max_size=5
)


@given(fields_of)
def test_decoded_fields_equal_the_encoded_ones(fields: dict[str, object]) -> None:
    """The version is added."""
    assert decode_snapshot(encode_snapshot(fields)) == {"version": VERSION, **fields}


@given(fields_of, st.data())
def test_any_changed_byte_is_refused(fields: dict[str, object], data: st.DataObject) -> None:
    """The checksum covers the whole content."""
    whole = bytearray(encode_snapshot(fields))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StateError, match="snapshot"):
        decode_snapshot(bytes(whole))


def test_other_versions_are_refused() -> None:
    """A snapshot without checksum, as version 5 was, and one of a later version."""
    for state in (msgspec.msgpack.encode({"version": 5}), encode_snapshot({"version": VERSION + 1})):
        with pytest.raises(StateError, match="version"):
            decode_snapshot(state)


@given(st.text(), st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_digest_differs_where_an_input_differs(name: str, one: float, two: float) -> None:
    """Equal inputs give equal digests, different ones do not."""
    assert (digest(name, one) == digest(name, two)) == (repr(one) == repr(two))
