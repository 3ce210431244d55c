"""Watchdog: synthetic alarms open nothing, are queued once, and measure the path to their channel."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from alerts import Outbox, WatchdogChannel
from alerts.database.schema import journal, notices
from alerts.notices.watchdog import MISSED, START_S
from detectors import WATCHDOG, Phase


class Clock:
    """Monotonic seconds that the test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        """Return the present time."""
        return self.now_s


def test_a_synthetic_alarm_passes_and_leaves_nothing(make_world: Any, seen: Any) -> None:
    """It opens no hazard, finding or ticket; its notice is delivered, not listed and not journalled."""
    world, clock = make_world(), Clock()
    channel = WatchdogChannel(30, monotonic=clock)
    outbox = Outbox(world.engine, [channel], lambda: world.now_ns)
    for second in range(3):
        world.feed(seen(Phase.RAISE, hazard=WATCHDOG, at_s=second), seen(Phase.CLEAR, hazard=WATCHDOG, at_s=second))
        world.now_ns += 30_000_000_000
        outbox.deliver_due(world.now_ns, WATCHDOG)
        assert channel.passed_total == second + 1
    with world.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(notices)).scalar() == 1
        assert connection.execute(select(func.count()).select_from(journal)).scalar() == 0
    assert not world.active_findings()
    assert not world.paged()


def test_one_alarm_waits_while_the_outbox_does_nothing(make_world: Any, seen: Any) -> None:
    """The table does not grow, and a real alarm in the same batch is not held back."""
    world = make_world()
    for second in range(5):
        world.feed(seen(Phase.RAISE, hazard=WATCHDOG, at_s=second), seen(Phase.CLEAR, hazard=WATCHDOG, at_s=second))
    world.feed(seen(Phase.RAISE, at_s=9), seen(Phase.RAISE, hazard=WATCHDOG, at_s=9))
    with world.engine.connect() as connection:
        waiting = connection.execute(select(func.count()).where(notices.c.channel == WATCHDOG)).scalar()
    assert waiting == 1
    assert len(world.hazards) == 1


def test_the_path_is_interrupted_after_two_intervals_without_an_alarm() -> None:
    """A start has further time; nothing passes before the first alarm."""
    clock = Clock()
    channel = WatchdogChannel(30, monotonic=clock)
    clock.now_s = START_S + MISSED * 30
    assert not channel.interrupted()
    assert not channel.passes()
    clock.now_s += 1
    assert channel.interrupted()
    channel.deliver(None)  # type: ignore[arg-type] # the notice is not read
    assert channel.passes()
    clock.now_s += MISSED * 30 + 1
    assert channel.interrupted()
    assert not channel.passes()
