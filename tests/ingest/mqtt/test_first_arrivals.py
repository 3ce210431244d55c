"""First arrivals of two sessions: each message counts once and keeps its first arrival time."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ingest import Frame
from ingest.mqtt import FirstArrivals
from ingest.mqtt.first_arrivals import FORGET_S, STRANGERS


def frame(number: int, topic: bytes = b"campus/s/env/a", *, packet_id: int = 7) -> Frame:
    """Return a message; messages of one number are equal but for session fields."""
    return (0, packet_id, topic, b"%d" % number)


class Seconds:
    """Clock advanced by the test."""

    now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


stories = st.lists(st.integers(0, 4), max_size=30)


@given(published=stories, order=st.lists(st.booleans(), max_size=60))
def test_each_message_has_one_arrival_for_any_order_of_sessions(published: list[int], order: list[bool]) -> None:
    """Both sessions receive all messages in order, at any pace; each message is new once, with one arrival."""
    sessions = FirstArrivals()
    sessions.begin()
    left, right, arrivals, fresh = list(published), list(published), [], []
    for now_ns, first in enumerate((*order, *[True] * len(published), *[False] * len(published))):
        if first and left:
            ((frames, at_ns, known),) = sessions.accept([frame(left.pop(0))], now_ns)
            arrivals.append((frames[0][3], at_ns))
            if not known:
                fresh.append((frames[0][3], at_ns))
        elif not first and right:
            fresh += [(one[3], now_ns) for one in sessions.receive([frame(right.pop(0))], now_ns)]
    assert Counter(body for body, _ in fresh) == Counter(b"%d" % number for number in published)
    assert Counter(arrivals) == Counter(fresh)
    assert len(sessions) == 0


@given(before=stories, during=stories, after=stories)
def test_a_backlog_keeps_its_times_and_new_messages_get_the_present(
    before: list[int], during: list[int], after: list[int]
) -> None:
    """Messages before the second session are unchanged, matched ones keep their times, later ones are later."""
    arrivals = FirstArrivals()
    assert all(not known for _, _, known in arrivals.accept([frame(n) for n in before], 1))
    arrivals.begin()
    for at_ns, number in enumerate(during, 100):
        assert arrivals.receive([frame(number)], at_ns) == [frame(number)]
    arrivals.end()
    runs = arrivals.accept([frame(number) for number in (*during, *(n + 10 for n in after))], 1_000)
    found = [at_ns for frames, at_ns, _ in runs for _ in frames]
    assert sorted(found) == sorted([*range(100, 100 + len(during)), *[1_000] * len(after)])
    times: dict[int, list[int]] = {}
    for at_ns, number in zip(found, during, strict=False):
        times.setdefault(number, []).append(at_ns)
    assert all(row == sorted(row) for row in times.values())
    assert len(arrivals) == 0


def test_an_unmatched_message_is_dropped_after_a_minute() -> None:
    """A QoS 0 message of one session leaves memory and gives no time to a later equal message."""
    seconds = Seconds()
    arrivals = FirstArrivals(monotonic=seconds)
    arrivals.begin()
    arrivals.receive([frame(1)], 5)
    arrivals.end()
    seconds.now_s = FORGET_S + 1
    arrivals.accept([frame(2)], 10)
    assert len(arrivals) == 0
    assert arrivals.accept([frame(1)], 20) == [([frame(1)], 20, False)]


def test_new_messages_end_the_wait_for_dropped_ones() -> None:
    """The broker delivers in order: after many unmatched messages an equal message is new, with its own time."""
    arrivals = FirstArrivals()
    arrivals.begin()
    arrivals.accept([frame(number) for number in range(100, 100 + STRANGERS)], 4)
    arrivals.receive([frame(1), frame(2)], 5)
    arrivals.end()
    assert arrivals.accept([frame(1)], 10) == [([frame(1)], 5, True)]
    arrivals.accept([frame(number) for number in range(100, 100 + STRANGERS)], 20)
    assert len(arrivals) == 0
    assert arrivals.accept([frame(2)], 30) == [([frame(2)], 30, False)]


def test_a_message_of_qos_0_never_takes_the_time_of_an_older_equal_one() -> None:
    """The broker may have dropped the older message, so the later one gets the present."""
    arrivals = FirstArrivals()
    arrivals.begin()
    arrivals.receive([frame(1)], 5)
    arrivals.end()
    late = frame(1, packet_id=0)
    assert arrivals.accept([late], 30) == [([late], 30, False)]


def test_memory_is_bounded_with_a_reserve_for_life_safety() -> None:
    """One fifth is reserved for smoke and gates; messages beyond the bound are counted."""
    arrivals = FirstArrivals(messages_max=100)
    arrivals.begin()
    arrivals.receive([frame(number) for number in range(200)], 1)
    assert (len(arrivals), arrivals.forgotten_total) == (80, 120)
    smoke = [frame(number, b"campus/s/smoke/a") for number in range(50)]
    arrivals.receive(smoke, 2)
    assert (len(arrivals), arrivals.forgotten_total) == (100, 150)
    assert arrivals.accept(smoke[:1], 9) == [([smoke[0]], 2, True)]


@given(waiting=stories, published=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=30))
def test_ahead_of_a_backlog_urgent_messages_keep_their_time(
    waiting: list[int], published: list[tuple[int, bool]]
) -> None:
    """The second session receives only smoke; comfort readings get the present and do not end the backlog."""
    topics = {True: b"campus/s/smoke/a", False: b"campus/s/env/a"}
    arrivals = FirstArrivals()
    arrivals.begin(urgent_alone=True)
    ahead = [(number, at_ns) for at_ns, (number, smoke) in enumerate(published, 100) if smoke]
    for number, at_ns in ahead:
        assert arrivals.receive([frame(number, topics[True])], at_ns)
    comfort = [frame(number, topics[False]) for number in range(2 * STRANGERS)]
    assert arrivals.accept([*comfort, *(frame(n, topics[False]) for n in waiting)], 50)[0].known is False
    arrivals.end()
    arrivals.accept(comfort, 60)
    runs = arrivals.accept([frame(number, topics[smoke]) for number, smoke in published], 1_000)
    found = [(one[3], at_ns, known) for frames, at_ns, known in runs for one in frames]
    assert sorted(at for _, at, known in found if known) == [at for _, at in ahead]
    assert {at for _, at, known in found if not known} <= {1_000}
    assert len(arrivals) == 0


def test_without_a_second_session_messages_pass_unchanged() -> None:
    """Without a second session the messages pass unchanged."""
    arrivals, frames = FirstArrivals(), [frame(1)]
    ((given_on, at_ns, known),) = arrivals.accept(frames, 3)
    assert given_on is frames
    assert (at_ns, known, len(arrivals)) == (3, False, 0)
