"""Rate limit of failed sign-ins: bounds by address, account and browser, also for concurrent attempts."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from alerts.people import attempts
from alerts.people.attempts import FAILURES_A_MINUTE, FAILURES_AN_HOUR, WAITING_MAX, SignInLimiter, TooManyFailures


def outcome(
    limiter: SignInLimiter, username: str, address: str, *, right: bool = False, browser: str = ""
) -> bool | None:
    """Return the result of one attempt, None if the limiter refuses it."""
    try:
        return limiter.attempt(username, address, lambda: right, browser=browser)
    except TooManyFailures as error:
        return None if 1 <= error.wait_s <= 3_601 else True


def test_an_address_has_a_limit_and_an_account_has_none() -> None:
    """The sixth failure of an address is refused for any account; another address is free for all accounts."""
    limiter = SignInLimiter()
    assert [outcome(limiter, f"u{number}", "10.0.1.1") for number in range(6)] == [False] * 5 + [None]
    assert outcome(limiter, "b", "10.0.1.1", right=True) is None, "a right password is refused as well"
    assert [outcome(limiter, "a", f"10.0.0.{number}") for number in range(100)] == [False] * 100
    assert outcome(limiter, "a", "10.0.2.1", right=True) is True


def test_an_ipv6_network_counts_as_one_address() -> None:
    """A customer of a /64 does not get a new limit for each of its addresses."""
    limiter = SignInLimiter()
    assert [outcome(limiter, "a", f"2001:db8::{number}") for number in range(6)] == [False] * 5 + [None]
    assert outcome(limiter, "a", "2001:db8:0:1::1") is False


def test_a_known_browser_is_apart_from_its_address() -> None:
    """Strangers at the same address do not lock it out; it has its own limit."""
    limiter = SignInLimiter()
    for _ in range(6):
        outcome(limiter, "officer", "10.0.0.1")
    assert outcome(limiter, "officer", "10.0.0.1", right=True) is None
    assert outcome(limiter, "officer", "10.0.0.1", right=True, browser="b1") is True
    assert [outcome(limiter, "officer", "10.0.0.1", browser="b1") for _ in range(6)] == [False] * 5 + [None]
    assert outcome(limiter, "officer", "10.0.0.1", right=True, browser="b2") is True


def test_one_account_from_one_address_has_an_hourly_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patient guesses, five a minute, stop at the limit of the hour; other accounts of the address go on."""
    monkeypatch.setattr(attempts, "_MINUTE", attempts.RateLimitItemPerMinute(10_000))
    limiter = SignInLimiter()
    results = [outcome(limiter, "a", "10.0.0.1") for _ in range(FAILURES_AN_HOUR + 1)]
    assert results == [False] * FAILURES_AN_HOUR + [None]
    assert outcome(limiter, "b", "10.0.0.1") is False


def test_waiting_strangers_are_bounded_and_do_not_delay_a_known_browser() -> None:
    """While one attempt runs, further ones beyond the bound get 429; a known browser has its own turn."""
    limiter, begun, go = SignInLimiter(), threading.Event(), threading.Event()

    def slow() -> bool:
        begun.set()
        return go.wait(10)

    with ThreadPoolExecutor(WAITING_MAX) as pool:
        running = [pool.submit(limiter.attempt, f"u{number}", f"10.0.0.{number}", slow) for number in range(16)]
        assert begun.wait(10)
        deadline = time.monotonic() + 10
        while outcome(limiter, "late", "10.0.1.1", right=True) is not None:
            assert time.monotonic() < deadline
        assert outcome(limiter, "officer", "10.0.0.1", right=True, browser="b1") is True
        go.set()
        assert all(one.result(10) for one in running)


def test_success_counts_as_no_failure() -> None:
    """Successes neither add to the failures nor remove them."""
    limiter = SignInLimiter()
    for _ in range(FAILURES_A_MINUTE - 1):
        assert outcome(limiter, "a", "10.0.0.1") is False
        assert outcome(limiter, "a", "10.0.0.1", right=True) is True
    assert outcome(limiter, "a", "10.0.0.1") is False
    assert outcome(limiter, "a", "10.0.0.1", right=True) is None


def test_concurrent_attempts_stay_within_the_limit() -> None:
    """Of forty attempts at the same time, five reach the password check."""
    limiter, checked, lock = SignInLimiter(), [0], threading.Lock()

    def verify() -> bool:
        with lock:
            checked[0] += 1
        time.sleep(0.005)
        return False

    def one(number: int) -> None:
        with contextlib.suppress(TooManyFailures):
            limiter.attempt(f"u{number}", "10.0.0.1", verify)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(one, range(40)))
    assert checked == [FAILURES_A_MINUTE]


def test_number_of_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts under ever new names do not fill the memory."""
    monkeypatch.setattr(attempts, "KEYS_MAX", 20)
    limiter = SignInLimiter()
    for number in range(100):
        assert outcome(limiter, f"user-{number}", f"10.0.0.{number}") is False
        assert len(limiter._storage.events) <= 22
