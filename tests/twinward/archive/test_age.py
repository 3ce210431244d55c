"""The age stream: readable by an independent program, and every cut or changed byte is found."""

from __future__ import annotations

import io

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinward.archive.age import CHUNK_BYTES, AgeReader, AgeWriter
from twinward.errors import ArchiveError

PASSPHRASE = b"correct horse battery"
SIZES = st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 77])


def sealed(data: bytes, *, step: int = 50_000) -> bytes:
    """Return the encrypted data, written in steps."""
    target = io.BytesIO()
    writer = AgeWriter(target, PASSPHRASE, work_factor=4)
    for start in range(0, len(data), step):
        writer.write(data[start : start + step])
    writer.finish()
    return target.getvalue()


def opened(blob: bytes, passphrase: bytes = PASSPHRASE) -> bytes:
    """Return the decrypted data."""
    return io.BufferedReader(AgeReader(io.BytesIO(blob), passphrase, name="x.age")).read()


@given(size=SIZES, step=st.integers(1_000, 200_000))
def test_an_independent_reader_gets_the_same_bytes(size: int, step: int) -> None:
    """The implementation in Rust and the reader decrypt the file."""
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    blob = sealed(data, step=step)
    assert pyrage.passphrase.decrypt(blob, PASSPHRASE.decode()) == data
    assert opened(blob) == data


@given(size=SIZES, place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_every_flipped_bit_is_refused(size: int, place: float, bit: int) -> None:
    """A change anywhere raises one sentence."""
    blob = bytearray(sealed(bytes(size)))
    blob[int(place * len(blob))] ^= 1 << bit
    with pytest.raises(ArchiveError) as caught:
        opened(bytes(blob))
    assert "\n" not in str(caught.value)


@given(size=SIZES, share=st.floats(0, 1, exclude_max=True))
def test_every_cut_is_refused(size: int, share: float) -> None:
    """A shorter file is refused, also at the border of a chunk."""
    blob = sealed(bytes(size))
    with pytest.raises(ArchiveError):
        opened(blob[: int(share * len(blob))])


def test_chunks_cannot_be_removed_exchanged_or_added() -> None:
    """The order and the end are authenticated."""
    size = CHUNK_BYTES + 16
    blob = sealed(bytes(3 * CHUNK_BYTES))
    start = len(blob) - 3 * size
    head, chunks = blob[:start], [blob[start + number * size :][:size] for number in range(3)]
    for wrong in ([0, 1], [0, 2], [1, 0, 2], [0, 1, 2, 2]):
        with pytest.raises(ArchiveError, match="cut or changed"):
            opened(head + b"".join(chunks[number] for number in wrong))


def test_a_wrong_passphrase_and_an_excessive_cost_are_refused() -> None:
    """The cost of the key derivation is bounded before it is paid."""
    blob = sealed(b"data")
    with pytest.raises(ArchiveError, match="passphrase"):
        opened(blob, b"another passphrase")
    header = blob.split(b"\n")[1]
    with pytest.raises(ArchiveError, match="allowed: 2\\^20"):
        opened(blob.replace(header, header.rsplit(b" ", 1)[0] + b" 30", 1))
