"""Parser of PUBLISH frames in a byte stream, MQTT 3.1.1 and 5; other packets pass through whole.

Called once a chunk of up to 256 KiB, so the loop over the frames is as tight as Python allows: indices into one
bytes object, no object per field. Source: OASIS MQTT 5.0, 2.1 (fixed header), 3.3 (PUBLISH); MQTT 3.1.1 likewise.
"""

from __future__ import annotations

from ingest.frame import OVERSIZE, QOS1, Frame

from .errors import MalformedStream

PAYLOAD_MAX_BYTES = 65_536
_CONTROL_MAX_BYTES = 1_048_576


def _length(data: bytes, pos: int) -> tuple[int, int]:
    """Return a variable byte integer and the next position; position -1 for a truncated one.

    Raises MalformedStream when it is over four bytes long (MQTT 5.0, 1.5.5).
    """
    value = shift = 0
    for index in range(pos, min(pos + 4, len(data))):
        value |= (data[index] & 0x7F) << shift
        if data[index] < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, index + 1
        shift += 7
    if len(data) - pos >= 4:  # noqa: PLR2004 - four bytes at most
        raise MalformedStream("a packet's length has more than four bytes")
    return 0, -1


class FrameParser:
    """Incremental parser: any split of a stream into chunks gives the same frames and other packets.

    payload_max_bytes: a larger payload is never held in memory; its frame appears after its last byte.
    Memory is bounded by payload_max_bytes plus one topic and its properties.
    """

    def __init__(self, *, mqtt5: bool, payload_max_bytes: int = PAYLOAD_MAX_BYTES) -> None:
        self._mqtt5 = mqtt5
        self._payload_max = payload_max_bytes
        self._tail = b""
        self._skip = 0
        self._skipped: Frame | None = None

    def feed(self, data: bytes) -> tuple[list[Frame], list[bytes]]:
        """Return the PUBLISH frames and the other packets (with fixed header) that this chunk completes, in order.

        Raises MalformedStream; the caller must then close the connection.
        """
        frames: list[Frame] = []
        others: list[bytes] = []
        if self._skip:
            data = self._pass_over(data, frames)
        if self._tail:
            data = self._tail + data
        try:
            pos = self._frames(data, frames, others)
        except IndexError as error:
            raise MalformedStream("a PUBLISH is shorter than its own fields") from error
        self._tail = data[pos:]
        return frames, others

    def _frames(self, data: bytes, frames: list[Frame], others: list[bytes]) -> int:  # noqa: C901 - the hot loop
        pos, size = 0, len(data)
        limit, mqtt5, add = self._payload_max, self._mqtt5, frames.append
        while pos + 1 < size:
            flags = data[pos]
            length = data[pos + 1]
            body = pos + 2
            if length > 127:  # noqa: PLR2004 - the continuation bit
                length, body = _length(data, pos + 1)
                if body < 0:
                    break
            end = body + length
            if end > size or length > limit or flags & 0xF4 != 0x30:  # noqa: PLR2004 - PUBLISH, QoS 0 or 1
                taken = self._unusual(data, pos, body, end, frames, others)
                if taken == pos:
                    break
                pos = taken
                continue
            start = body + 2 + (data[body] << 8 | data[body + 1])
            topic = data[body + 2 : start]
            mid = 0
            if flags & 2:
                mid = data[start] << 8 | data[start + 1]
                start += 2
            if mqtt5:
                properties = data[start]
                start += 1
                if properties > 127:  # noqa: PLR2004 - the continuation bit
                    properties, start = _length(data[:end], start - 1)
                    if start < 0:
                        raise MalformedStream("a PUBLISH is shorter than its own fields")
                start += properties
            if start > end:
                raise MalformedStream("a PUBLISH is shorter than its own fields")
            add((flags, mid, topic, data[start:end]))
            pos = end
        return pos

    def _unusual(  # noqa: PLR0917 - positions of one packet, from the one hot caller
        self, data: bytes, pos: int, body: int, end: int, frames: list[Frame], others: list[bytes]
    ) -> int:
        """Handle a control packet, an incomplete packet or an oversized one; return the next position."""
        flags, size = data[pos], len(data)
        if flags & 0xF0 != 0x30:  # noqa: PLR2004 - PUBLISH
            if end - body > _CONTROL_MAX_BYTES:
                raise MalformedStream(f"a control packet of {end - body} bytes")
            if end > size:
                return pos
            others.append(data[pos:end])
            return end
        if flags & 4:
            raise MalformedStream("QoS 2 or 3; the subscriptions allow 0 and 1")
        if end - body <= self._payload_max:
            return pos
        return self._large(data, pos, body, end, frames)

    def _large(self, data: bytes, pos: int, body: int, end: int, frames: list[Frame]) -> int:
        """Handle a large packet: skip an oversized payload, reject oversized fields."""
        size = len(data)
        if size < body + 2:
            return pos
        start = body + 2 + (data[body] << 8 | data[body + 1])
        topic_end = start
        start += 2 if data[pos] & QOS1 else 0
        if size < min(start + 4, end):
            return pos
        mid = data[topic_end] << 8 | data[topic_end + 1] if data[pos] & QOS1 else 0
        if self._mqtt5:
            properties, start = _length(data, start)
            if start < 0 or properties > _CONTROL_MAX_BYTES:
                raise MalformedStream(f"properties of {properties} bytes")
            start += properties
        if start > end:
            raise MalformedStream("a PUBLISH is shorter than its own fields")
        topic = data[body + 2 : topic_end]
        if end - start <= self._payload_max:
            if end > size:
                return pos
            frames.append((data[pos], mid, topic, data[start:end]))
            return end
        frame = (data[pos] | OVERSIZE, mid, topic, b"")
        if end <= size:
            frames.append(frame)
            return end
        self._skip, self._skipped = end - size, frame
        return size

    def _pass_over(self, data: bytes, frames: list[Frame]) -> bytes:
        passed = min(self._skip, len(data))
        self._skip -= passed
        if not self._skip and self._skipped is not None:
            frames.append(self._skipped)
            self._skipped = None
        return data[passed:]
