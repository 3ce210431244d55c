"""Takeovers of a session: reason code, lost session, repeated closes; a restarted broker is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mqtt.takeover import TAKEN_OVER, UNSPECIFIED, WINDOW_S, Takeovers


def test_the_reason_code_is_a_takeover() -> None:
    """Brokers that send it need no further sign."""
    takeovers = Takeovers()
    takeovers.closed(10.0, TAKEN_OVER)
    assert takeovers.total == 1
    assert takeovers.lasting(10.0 + WINDOW_S - 1)
    assert not takeovers.lasting(10.0 + WINDOW_S)


@pytest.mark.parametrize(("resumed", "expected"), [(False, 1), (True, 0)])
def test_a_closed_connection_is_a_takeover_if_the_session_is_gone(*, resumed: bool, expected: int) -> None:
    """A client with a clean start ended the session."""
    takeovers = Takeovers()
    takeovers.closed(10.0, UNSPECIFIED)
    assert takeovers.suspected
    takeovers.accepted(10.0, resumed=resumed)
    assert takeovers.total == expected
    assert not takeovers.suspected


def test_a_second_closed_connection_within_a_minute_is_a_takeover() -> None:
    """A client without a clean start keeps the session."""
    takeovers = Takeovers()
    for now_s in (0.0, 10.0, 10.0 + WINDOW_S):
        takeovers.closed(now_s, UNSPECIFIED)
        takeovers.accepted(now_s, resumed=True)
    assert takeovers.total == 1


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans())))
def test_a_broker_that_was_away_is_no_takeover(restarts: list[tuple[float, bool]]) -> None:
    """A refused attempt between close and connection, for any number of restarts."""
    takeovers, now_s = Takeovers(), 0.0
    takeovers.accepted(now_s, resumed=False)  # first connection
    for after_s, resumed in restarts:
        now_s += after_s
        takeovers.closed(now_s, UNSPECIFIED)
        takeovers.failed()
        takeovers.accepted(now_s + 0.1, resumed=resumed)
    assert takeovers.total == 0
