"""MQTT PUBLISH frame: a message between the connection and the decoders."""

from __future__ import annotations

Frame = tuple[int, int, bytes, bytes]
"""flags, packet id (0 for QoS 0), topic, payload. flags: the first byte of the packet (MQTT 5.0, 3.3.1), and above it
OVERSIZE and AGAIN where they apply."""

RETAIN = 0x01
QOS1 = 0x02
DUP = 0x08
OVERSIZE = 0x100
"""The payload exceeded the limit and was skipped; the payload of the frame is empty."""

AGAIN = 0x200
"""The message comes from the quarantine and is reprocessed."""
