"""Degraded mode with a roster: all steps page at once, under the ids of the stored notices."""

from __future__ import annotations

from typing import Any

from alerts import FallbackDispatch
from detectors import Phase


def test_a_new_alarm_pages_all_steps_from_memory(night: Any, seen: Any) -> None:
    """Each address gets one message; the stored first step has the same ids, so the outbox does not repeat it."""
    world = night.world
    copy = FallbackDispatch(world.engine, world.registry, lambda: world.now_ns, channels=world.channels)
    found = copy.apply(world.batch(seen(Phase.RAISE)), world.catalog)
    pages = {notice.id: (notice.channel, notice.body["to"]["address"]) for notice in found if "to" in notice.body}
    assert sorted(pages.values()) == [
        ("robot", ""),
        ("sms", "+8613800000001"),
        ("sms", "+8613800000002"),
        ("sms", "13800000003"),
        ("voice", "13800000003"),
    ]
    night.burn(seen)
    night.pass_s(61)
    stored = {notice.id for line in night.channels for notice in line.got}
    assert len(stored & set(pages)) == 3
    assert stored <= set(pages)
    copy.close()
