"""Repeats of an emergency order: the same place, action and kind again."""

from __future__ import annotations

from dataclasses import replace

from alerts.model import EmergencyOrder

REPEAT_NS = 10_000_000_000
"""Time in which the same order again changes nothing: a second press, or the repeat of a lost response."""


def alike(order: EmergencyOrder) -> tuple[str, str, str, bool]:
    """Return the key of orders that repeat each other."""
    return order.site, order.zone, order.action, order.drill


def repeated(standing: EmergencyOrder, given: EmergencyOrder) -> EmergencyOrder:
    """Return the standing order after the same order was given again: louder at most, without a proposed all-clear."""
    sound, note = standing.sound or given.sound, given.note or standing.note
    return replace(standing, sound=sound, note=note, clear_by=None, sent_ns=given.sent_ns, version=standing.version + 1)


def same(standing: EmergencyOrder, given: EmergencyOrder) -> bool:
    """Return whether an order repeats the standing one within REPEAT_NS and changes nothing."""
    louder = given.sound and not standing.sound
    other = given.note not in {"", standing.note}
    fresh = 0 <= given.sent_ns - standing.sent_ns < REPEAT_NS
    return fresh and not louder and not other and standing.clear_by is None
