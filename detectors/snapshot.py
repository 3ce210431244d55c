"""Snapshot bytes of a detector set: shared series tables, and one state per rule under a digest.

A snapshot begins with a checksum of its content. The digest of a rule covers its settings and every other input of its
state, so that a state is restored only into the rule that saved it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from .errors import StateError

VERSION = 6
_CHECKSUM_BYTES = 16


def digest(*inputs: object) -> str:
    """Return the digest of a rule's inputs. Their `repr` must name every field, in a fixed order.

    >>> digest("threshold", 1) == digest("threshold", 1), digest("threshold", 1) == digest("threshold", 2)
    (True, False)
    """
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:16]


def encode_snapshot(fields: Mapping[str, Any]) -> bytes:
    """Return the fields as msgpack, after their checksum."""
    content = msgspec.msgpack.encode({"version": VERSION, **fields})
    return _checksum(content) + content


def decode_snapshot(data: bytes) -> dict[str, Any]:
    """Return the fields of a snapshot. Raises StateError when the bytes are damaged or of another version."""
    content = data[_CHECKSUM_BYTES:]
    if _checksum(content) != data[:_CHECKSUM_BYTES]:
        raise StateError("snapshot: damaged, or of a version without checksum; allowed is an intact one")
    try:
        fields = msgspec.msgpack.decode(content, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise StateError(f"snapshot: {error}") from error
    if fields.get("version") != VERSION:
        raise StateError(f"snapshot: version {fields.get('version')!r}; allowed is {VERSION}")
    return fields


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM_BYTES).digest()
