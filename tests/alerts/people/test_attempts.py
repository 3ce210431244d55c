"""Rate limit of failed sign-ins: the bound by account and address, also for concurrent attempts."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from alerts.people import attempts
from alerts.people.attempts import FAILURES_A_MINUTE, SignInLimiter, TooManyFailures


def outcome(limiter: SignInLimiter, username: str, address: str, *, right: bool = False) -> bool | None:
    """Return the result of one attempt, None if the limiter refuses it."""
    try:
        return limiter.attempt(username, address, lambda: right)
    except TooManyFailures as error:
        return None if 1 <= error.wait_s <= 61 else True


def test_account_and_address_have_their_own_limit() -> None:
    """The sixth failure of an account is refused from any address, and the sixth of an address for any account."""
    limiter = SignInLimiter()
    assert [outcome(limiter, "a", f"10.0.0.{number}") for number in range(6)] == [False] * 5 + [None]
    assert [outcome(limiter, f"u{number}", "10.0.1.1") for number in range(6)] == [False] * 5 + [None]
    assert outcome(limiter, "a", "10.0.2.1", right=True) is None, "a right password is refused as well"
    assert outcome(limiter, "b", "10.0.2.1", right=True) is True


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
            limiter.attempt("a", f"10.0.0.{number}", verify)

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
