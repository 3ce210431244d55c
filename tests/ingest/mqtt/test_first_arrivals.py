"""Two sessions of the same messages: each message is heard once, and keeps the moment at which it was first heard."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ingest import Frame
from ingest.mqtt import FirstArrivals
from ingest.mqtt.first_arrivals import FORGET_S, STRANGERS


def frame(number: int, topic: bytes = b"campus/s/env/a", *, packet_id: int = 7) -> Frame:
    """A message; those of one number are equal but for what the session adds."""
    return (0, packet_id, topic, b"%d" % number)


class Seconds:
    """A clock that the test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.now_s


stories = st.lists(st.integers(0, 4), max_size=30)


@given(published=stories, order=st.lists(st.booleans(), max_size=60))
def test_each_message_has_one_arrival_whichever_session_hears_it_first(published: list[int], order: list[bool]) -> None:
    """Both get all messages in order, at any pace: together they give each once as fresh, with one arrival."""
    heard = FirstArrivals()
    heard.begin()
    left, right, arrivals, fresh = list(published), list(published), [], []
    for now_ns, first in enumerate((*order, *[True] * len(published), *[False] * len(published))):
        if first and left:
            ((frames, at_ns, known),) = heard.accept([frame(left.pop(0))], now_ns)
            arrivals.append((frames[0][3], at_ns))
            if not known:
                fresh.append((frames[0][3], at_ns))
        elif not first and right:
            fresh += [(one[3], now_ns) for one in heard.hear([frame(right.pop(0))], now_ns)]
    assert Counter(body for body, _ in fresh) == Counter(b"%d" % number for number in published)
    assert Counter(arrivals) == Counter(fresh)
    assert len(heard) == 0


@given(before=stories, during=stories, after=stories)
def test_a_backlog_comes_with_its_own_times_and_what_is_new_with_the_present(
    before: list[int], during: list[int], after: list[int]
) -> None:
    """What the log's session holds is untouched, the emergency's messages keep their moments, later is later."""
    heard = FirstArrivals()
    assert all(not known for _, _, known in heard.accept([frame(n) for n in before], 1))
    heard.begin()
    for at_ns, number in enumerate(during, 100):
        assert heard.hear([frame(number)], at_ns) == [frame(number)]
    heard.end()
    runs = heard.accept([frame(number) for number in (*during, *(n + 10 for n in after))], 1_000)
    found = [at_ns for frames, at_ns, _ in runs for _ in frames]
    assert sorted(found) == sorted([*range(100, 100 + len(during)), *[1_000] * len(after)])
    times: dict[int, list[int]] = {}
    for at_ns, number in zip(found, during, strict=False):
        times.setdefault(number, []).append(at_ns)
    assert all(row == sorted(row) for row in times.values())
    assert len(heard) == 0


def test_what_never_comes_again_is_forgotten_after_a_minute() -> None:
    """A message of QoS 0 that only one session got does not stay in memory, nor lend its time to a later equal one."""
    seconds = Seconds()
    heard = FirstArrivals(monotonic=seconds)
    heard.begin()
    heard.hear([frame(1)], 5)
    heard.end()
    seconds.now_s = FORGET_S + 1
    heard.accept([frame(2)], 10)
    assert len(heard) == 0
    assert heard.accept([frame(1)], 20) == [([frame(1)], 20, False)]


def test_once_new_messages_come_what_the_broker_dropped_is_forgotten() -> None:
    """It sends in order: after many that nobody heard before, an equal message is a new one with its own time."""
    heard = FirstArrivals()
    heard.begin()
    heard.accept([frame(number) for number in range(100, 100 + STRANGERS)], 4)
    heard.hear([frame(1), frame(2)], 5)
    heard.end()
    assert heard.accept([frame(1)], 10) == [([frame(1)], 5, True)]
    heard.accept([frame(number) for number in range(100, 100 + STRANGERS)], 20)
    assert len(heard) == 0
    assert heard.accept([frame(2)], 30) == [([frame(2)], 30, False)]


def test_a_message_of_qos_0_never_takes_the_time_of_an_older_equal_one() -> None:
    """The broker may have dropped that one: what comes now came now."""
    heard = FirstArrivals()
    heard.begin()
    heard.hear([frame(1)], 5)
    heard.end()
    late = frame(1, packet_id=0)
    assert heard.accept([late], 30) == [([late], 30, False)]


def test_memory_is_bounded_and_life_safety_has_room_of_its_own() -> None:
    """A fifth of it is for smoke and gates; everything beyond is counted."""
    heard = FirstArrivals(messages_max=100)
    heard.begin()
    heard.hear([frame(number) for number in range(200)], 1)
    assert (len(heard), heard.forgotten_total) == (80, 120)
    smoke = [frame(number, b"campus/s/smoke/a") for number in range(50)]
    heard.hear(smoke, 2)
    assert (len(heard), heard.forgotten_total) == (100, 150)
    assert heard.accept(smoke[:1], 9) == [([smoke[0]], 2, True)]


@given(waiting=stories, published=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=30))
def test_ahead_of_a_backlog_what_may_be_urgent_keeps_its_moment(
    waiting: list[int], published: list[tuple[int, bool]]
) -> None:
    """The second session hears smoke alone; comfort comes with the present and does not end the backlog."""
    topics = {True: b"campus/s/smoke/a", False: b"campus/s/env/a"}
    heard = FirstArrivals()
    heard.begin(urgent_alone=True)
    ahead = [(number, at_ns) for at_ns, (number, smoke) in enumerate(published, 100) if smoke]
    for number, at_ns in ahead:
        assert heard.hear([frame(number, topics[True])], at_ns)
    comfort = [frame(number, topics[False]) for number in range(2 * STRANGERS)]
    assert heard.accept([*comfort, *(frame(n, topics[False]) for n in waiting)], 50)[0].known is False
    heard.end()
    heard.accept(comfort, 60)
    runs = heard.accept([frame(number, topics[smoke]) for number, smoke in published], 1_000)
    found = [(one[3], at_ns, known) for frames, at_ns, known in runs for one in frames]
    assert sorted(at for _, at, known in found if known) == [at for _, at in ahead]
    assert {at for _, at, known in found if not known} <= {1_000}
    assert len(heard) == 0


def test_at_rest_it_costs_nothing() -> None:
    """While no second session listens the messages are handed on as they are."""
    heard, frames = FirstArrivals(), [frame(1)]
    ((given_on, at_ns, known),) = heard.accept(frames, 3)
    assert given_on is frames
    assert (at_ns, known, len(heard)) == (3, False, 0)
