"""Prebuilt MQTT packets of native messages for the ingest measurements."""

from __future__ import annotations

import time

START_MS = 1_764_000_000_000
SENSORS = 2_000


def topic(n: int) -> bytes:
    """Return the topic of message n."""
    return b"campus/s%d/smoke/d%d" % (n % 4, n % SENSORS)


def single(n: int, form: str, shift_ms: int = 0) -> bytes:
    """Return the payload of message n with one reading; form: epoch_ms or rfc3339."""
    time_ms = START_MS + shift_ms + n
    stamp = b"%d" % time_ms
    if form == "rfc3339":
        second, milli = divmod(time_ms, 1_000)
        stamp = f'"{time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))}.{milli:03d}Z"'.encode()
    seq = n // SENSORS  # one sequence per device
    return b'{"time":%s,"seq":%d,"temperature":%.1f}' % (stamp, seq, 20 + n % 50 / 10)


def hundred(n: int) -> bytes:
    """Return the payload of message n with 100 readings."""
    first = START_MS + n  # all within two minutes of the arrival: a later time would be in doubt
    return b"[%s]" % b",".join(b'{"time":%d,"temperature":%.1f}' % (first + i, 20 + i % 50 / 10) for i in range(100))


def packet(topic: bytes, payload: bytes, *, qos: int = 1) -> bytes:
    """Return an MQTT 5 PUBLISH packet."""
    packet_id = b"\x00\x01" if qos else b""
    body = len(topic).to_bytes(2, "big") + topic + packet_id + b"\x00" + payload
    size, length = len(body), bytearray()
    while True:
        size, low = divmod(size, 128)
        length.append(low | (0x80 if size else 0))
        if not size:
            return bytes([0x30 | qos << 1]) + bytes(length) + body
