"""Frame parser: any split of a stream gives the same frames; hostile lengths cost no memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import Frame
from ingest.mqtt import FrameParser, MalformedStream
from ingest.mqtt.frames import OVERSIZE

LIMIT = 300


def varint(value: int) -> bytes:
    """Encode MQTT's variable byte integer, independent of the parser."""
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def publish(frame: Frame, *, mqtt5: bool, properties: bytes = b"") -> bytes:
    """Encode a PUBLISH packet of a broker."""
    flags, packet_id, topic, payload = frame
    body = len(topic).to_bytes(2, "big") + topic
    if flags & 6:
        body += packet_id.to_bytes(2, "big")
    if mqtt5:
        body += varint(len(properties)) + properties
    body += payload
    return bytes([flags & 0xFF]) + varint(len(body)) + body


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Draw a PUBLISH of QoS 0 or 1."""
    qos = draw(st.sampled_from((0, 2)))
    flags = 0x30 | qos | draw(st.sampled_from((0, 1, 8, 9)))
    packet_id = draw(st.integers(1, 65535)) if qos else 0
    payload = draw(st.one_of(st.binary(max_size=40), st.integers(100, 4 * LIMIT).map(lambda size: b"x" * size)))
    return flags, packet_id, draw(st.binary(max_size=20)), payload


OTHERS = st.sampled_from((b"\xd0\x00", b"\x90\x04\x00\x01\x00\x00", b"\x40\x02\x00\x07", b"\x20\x03\x00\x00\x00"))


@given(
    packets=st.lists(st.one_of(frames(), OTHERS), max_size=12),
    properties=st.sampled_from((b"", b"\x01\x01", b"\x26\x00\x01a\x00\x01b" * 30)),
    mqtt5=st.booleans(),
    cuts=st.lists(st.integers(0, 4000), max_size=30),
)
def test_any_split_gives_the_frames_that_were_sent(
    *, packets: list[Frame | bytes], properties: bytes, mqtt5: bool, cuts: list[int]
) -> None:
    """Any split of the stream gives whole frames in order and unchanged other packets."""
    stream = b"".join(
        packet if isinstance(packet, bytes) else publish(packet, mqtt5=mqtt5, properties=properties)
        for packet in packets
    )
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    parser = FrameParser(mqtt5=mqtt5, payload_max_bytes=LIMIT)
    got_frames: list[Frame] = []
    got_others: list[bytes] = []
    for start, end in pairwise(edges):
        some_frames, some_others = parser.feed(stream[start:end])
        got_frames += some_frames
        got_others += some_others
    wanted = [
        frame if len(frame[3]) <= LIMIT else (frame[0] | OVERSIZE, frame[1], frame[2], b"")
        for frame in packets
        if not isinstance(frame, bytes)
    ]
    assert got_frames == wanted
    assert got_others == [packet for packet in packets if isinstance(packet, bytes)]


@given(data=st.binary(max_size=400), mqtt5=st.booleans(), step=st.integers(1, 7))
def test_garbage_raises_malformed_stream_or_waits(*, data: bytes, mqtt5: bool, step: int) -> None:
    """Bytes that are no MQTT raise only MalformedStream."""
    parser = FrameParser(mqtt5=mqtt5, payload_max_bytes=LIMIT)
    try:
        for start in range(0, len(data), step):
            for flags, _, _, payload in parser.feed(data[start : start + step])[0]:
                assert flags & 0xF0 == 0x30
                assert len(payload) <= LIMIT
    except MalformedStream:
        pass


def test_a_huge_payload_is_skipped_without_being_held() -> None:
    """A packet of 200 MB passes in chunks; the parser holds at most one chunk, and the next frame is whole."""
    size = 200_000_000
    head = b"\x32" + varint(2 + 1 + 2 + 1 + size) + b"\x00\x01t\x00\x05\x00"
    parser = FrameParser(mqtt5=True)
    assert parser.feed(head) == ([], [])
    chunk = b"x" * 1_000_000
    for _ in range(size // len(chunk) - 1):
        assert parser.feed(chunk) == ([], [])
        assert len(parser._tail) == 0
    good = publish((0x30, 0, b"t", b"{}"), mqtt5=True)
    assert parser.feed(chunk + good)[0] == [(0x32 | OVERSIZE, 5, b"t", b""), (0x30, 0, b"t", b"{}")]


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\xff\xff\xff\xff\x01",  # length of five bytes
        b"\x34\x05\x00\x01t\x00\x01",  # QoS 2, above the subscribed QoS
        b"\x30\x03\x00\x09t",  # topic longer than the packet
        b"\x90\xff\xff\xff\x7f",  # a SUBACK of 256 MB
    ],
)
def test_a_malformed_stream_has_a_reason(data: bytes) -> None:
    """The connection closes with a reason."""
    with pytest.raises(MalformedStream):
        FrameParser(mqtt5=False).feed(data)
