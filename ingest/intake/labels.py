"""Labels of a reading as the batch stores them; the number of a card becomes a pseudonym."""

from __future__ import annotations

from hashlib import blake2b
from secrets import token_bytes
from typing import Any

from ingest.decode.contract import Reading

KEY_BYTES, PSEUDONYM_BYTES = 32, 8


class Labels:
    """Writer of labels. Equal numbers have equal pseudonyms during one run of the intake.

    The key is in memory alone: after the run nobody can link a stored pseudonym to a card.

    >>> labels = Labels(bytes(32))
    >>> labels.of(Reading("a", "gate", "access_granted", 1.0, "bool", card="0004711")) == {"card": "fba4b60ed075d053"}
    True
    """

    def __init__(self, key: bytes | None = None) -> None:
        """key: of the pseudonyms; a new one without it."""
        self._key = token_bytes(KEY_BYTES) if key is None else key

    def of(self, reading: Reading) -> dict[str, Any]:
        """Return the labels of a reading, with gateway time, doubt and pseudonym where it has them."""
        found = dict(reading.dims)
        if reading.gateway_ns is not None:
            found["gateway_ns"] = reading.gateway_ns
        if reading.doubt:
            found["doubt"] = reading.doubt
        if reading.card:
            found["card"] = blake2b(reading.card.encode(), key=self._key, digest_size=PSEUDONYM_BYTES).hexdigest()
        return found
