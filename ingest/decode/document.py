"""Readers for parts of foreign payloads: JSON objects, bounded texts, numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from .contract import Availability, Decoded, Reading, Reject
from .payload import plain_text, read_json


def read_object(payload: bytes) -> dict[str, Any] | Reject:
    """Return the JSON object in a payload, or a Reject with the reason."""
    document = read_json(payload)
    if isinstance(document, dict | Reject):
        return document
    return Reject("not_object", f"found {type(document).__name__}")


def read_list(payload: bytes) -> list[Any] | Reject:
    """Return the JSON array in a payload, or a Reject with the reason."""
    document = read_json(payload)
    return document if isinstance(document, list | Reject) else Reject("type", f"found {type(document).__name__}")


def read_text(payload: bytes, *, length_max: int = 64) -> str | Reject:
    """Return a short plain-text payload without surrounding white space, or a Reject with the reason."""
    try:
        text = plain_text(payload).strip()
    except UnicodeDecodeError as error:
        return Reject("utf8", f"byte {error.start}")
    return text if len(text) <= length_max else Reject("type", "a longer text than this topic carries")


def gathered(
    readings: Sequence[Reading],
    rejects: Sequence[Reject] = (),
    *,
    notices: Sequence[str] = (),
    availability: Sequence[Availability] = (),
    unread: Sequence[str] = (),
) -> Decoded:
    """Return the result for the parts of a message; without any part the message holds no measurement."""
    idle = not (readings or rejects or availability)
    return Decoded(
        readings=readings,
        rejects=rejects,
        notices=list(dict.fromkeys(notices)),
        availability=availability,
        ignored="no_measurement" if idle else "",
        unread=unread,
    )


def refuse(reject: Reject) -> Decoded:
    """Return the result for a message that is rejected whole."""
    return Decoded(rejects=(reject,))


def number_of(found: Any) -> float | None:
    """Return a finite JSON number; None for a boolean, a text, null or anything else."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        number = float(found)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def is_short(found: Any, *, length_max: int = 64) -> bool:
    """Return whether the value is a text of 1 to `length_max` characters."""
    return isinstance(found, str) and 0 < len(found) <= length_max


def branch(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the object under a key; an empty one where the key has none."""
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def words(found: Any, *, count_max: int = 16, length_max: int = 64) -> list[str]:
    """Return the short texts of a list; other items are left out."""
    if not isinstance(found, list):
        return []
    return [word for word in found[:count_max] if isinstance(word, str) and len(word) <= length_max]
