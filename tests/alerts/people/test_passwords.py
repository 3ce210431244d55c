"""Refused passwords: short, common, of few characters, or the user name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from alerts.people.passwords import SHORTEST, common_passwords, password_fault


@pytest.mark.parametrize(
    ("password", "part"),
    [
        ("short", "at least 8"),
        ("88888888", "3 different"),
        ("Password", "common"),
        ("1qaz2wsx", "common"),
        ("a123456789", "common"),
        ("wang.fang", "user name"),
        ("Wang.Fang", "user name"),
    ],
)
def test_a_weak_password_is_refused(password: str, part: str) -> None:
    """The rule is in the result."""
    assert part in (password_fault(password, "wang.fang") or ("", ""))[0]


def test_a_long_phrase_is_accepted() -> None:
    """No rule asks for kinds of characters."""
    assert password_fault("correct horse battery staple", "wang.fang") is None
    assert password_fault("宿舍楼晚上十点半熄灯", "wang.fang") is None


def test_the_list_is_long_and_loads_on_use() -> None:
    """At least 10,000 of the list are long enough to be passwords; the import of people does not load it."""
    assert sum(len(word) >= SHORTEST for word in common_passwords()) >= 10_000
    code = "import sys, alerts.people.accounts; print('zxcvbn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
