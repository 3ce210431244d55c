"""Availability as one word: the last-will format of many firmwares."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .contract import Availability, Decoded, Reject
from .document import read_text, refuse


def read_presence(sensor: str, payload: bytes, words: Mapping[str, bool], *, asleep: Collection[str] = ()) -> Decoded:
    """Decode an availability word; an empty payload means a cleared topic and removes the sensor.

    asleep: words for a sleep until the next wake-up.
    """
    if not payload:
        return Decoded(removed=(sensor,))
    text = read_text(payload)
    if isinstance(text, Reject):
        return refuse(text)
    if text in asleep:
        return Decoded(availability=(Availability(sensor, online=False, reason=text, asleep=True),))
    if text not in words:
        return refuse(Reject("type", f"availability is {' or '.join((*words, *asleep))}"))
    return Decoded(availability=(Availability(sensor, words[text]),))
