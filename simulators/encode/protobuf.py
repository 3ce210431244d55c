"""Encoder of protobuf fields, independent of the protobuf library.

Source: protobuf.dev, Encoding (tag = field number * 8 + wire type; varint, 64-bit little endian, length-delimited).
"""

from __future__ import annotations

import struct

_VARINT, _FIXED64, _LENGTH = 0, 1, 2
_SEVEN_BITS, _MORE = 0x7F, 0x80


def varint(value: int) -> bytes:
    """Return a varint: seven bits a byte, the lowest first; value >= 0.

    >>> varint(300).hex()
    'ac02'
    """
    found = bytearray()
    while value > _SEVEN_BITS:
        found.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    found.append(value)
    return bytes(found)


def number(field: int, value: int) -> bytes:
    """Return an unsigned integer field."""
    return varint(field << 3 | _VARINT) + varint(value)


def flag(field: int, *, on: bool) -> bytes:
    """Return a boolean field."""
    return number(field, int(on))


def double(field: int, value: float) -> bytes:
    """Return a 64-bit float field."""
    return varint(field << 3 | _FIXED64) + struct.pack("<d", value)


def text(field: int, value: str) -> bytes:
    """Return a text field in UTF-8."""
    return message(field, value.encode())


def message(field: int, body: bytes) -> bytes:
    """Return a nested message field."""
    return varint(field << 3 | _LENGTH) + varint(len(body)) + body
