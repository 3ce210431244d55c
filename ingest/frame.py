"""A message as the broker sent it, between the connection and the decoders."""

from __future__ import annotations

Frame = tuple[int, int, bytes, bytes]
"""flags, packet id (0 for QoS 0), topic, payload. flags: the first byte of the packet (MQTT 5.0, 3.3.1), and above it
OVERSIZE and AGAIN where they apply."""

RETAIN = 0x01
QOS1 = 0x02
DUP = 0x08
OVERSIZE = 0x100
"""The payload was over the limit: it was skipped, the payload given is empty."""

AGAIN = 0x200
"""The message was refused before and is taken in again."""
