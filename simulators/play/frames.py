"""PUBLISH frames and packet boundaries of MQTT 5 (sections 1.5.5 and 3.3)."""

from __future__ import annotations

from collections.abc import Iterator

TOPIC_BYTES_MAX = 65_535
HEADS_MAX = 100_000
SHORT_MAX = 4_096
PUBLISH, PUBACK, PINGREQ, DISCONNECT = 0x30, 0x40, b"\xc0\x00", b"\xe0\x00"
QOS1, DUP, RETAIN = 0x02, 0x08, 0x01


class Frames:
    """Builds PUBLISH frames without properties; caches the encoded topics, at most HEADS_MAX."""

    def __init__(self) -> None:
        self._heads: dict[str, bytes] = {}

    def qos1(self, topic: str, payload: bytes, packet_id: int, *, retain: bool) -> bytes:
        """Return a frame at QoS 1. Raises ValueError on an invalid topic."""
        body = b"%b%b\0%b" % (self._heads.get(topic) or self._head(topic), packet_id.to_bytes(2), payload)
        return b"%c%b%b" % (PUBLISH | QOS1 | (RETAIN if retain else 0), remaining_length(len(body)), body)

    def qos0(self, topic: str, payload: bytes, *, retain: bool) -> bytes:
        """Return a frame at QoS 0, without packet id. Raises ValueError on an invalid topic."""
        head = self._heads.get(topic) or self._head(topic)
        length = len(head) + 1 + len(payload)
        size = _SHORT[length] if length < SHORT_MAX else remaining_length(length)
        return b"%c%b%b\0%b" % (PUBLISH | RETAIN if retain else PUBLISH, size, head, payload)

    def _head(self, topic: str) -> bytes:
        """Return the topic as in a frame, length first; recent ones are cached."""
        name = topic.encode()
        if not name or len(name) > TOPIC_BYTES_MAX or b"+" in name or b"#" in name or b"\0" in name:
            raise ValueError(f"no message can be published to the topic {topic[:200]!r}")
        if len(self._heads) >= HEADS_MAX:
            self._heads.clear()
        head = self._heads[topic] = len(name).to_bytes(2) + name
        return head


def remaining_length(length: int) -> bytes:
    """Return a length as variable byte integer (MQTT 5.0, section 1.5.5)."""
    if length < 128:  # noqa: PLR2004 - one byte holds seven bits
        return bytes((length,))
    digits = bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(digits)


_SHORT = [remaining_length(length) for length in range(SHORT_MAX)]


def packets(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (first byte, start of body, end) of every whole packet from the front."""
    position, size = 0, len(data)
    while position + 2 <= size:
        length, shift, at = 0, 0, position + 1
        while at < size:
            digit = data[at]
            length |= (digit & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if digit < 0x80:  # noqa: PLR2004 - the last digit has no continuation bit
                break
        else:
            return
        if at + length > size:
            return
        yield data[position], at, at + length
        position = at + length
