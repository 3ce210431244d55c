"""Accounts: an unknown name takes as long as a wrong password."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from alerts.people.accounts import _unmatched


def test_the_unmatched_hash_costs_as_much_as_any_other() -> None:
    """It is a complete argon2id hash with the hasher's parameters, and no password matches it."""
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    nobody = _unmatched(hasher)
    assert not hasher.check_needs_rehash(nobody)
    assert len(nobody) == len(hasher.hash("a password"))
    with pytest.raises(VerifyMismatchError):
        hasher.verify(nobody, "")
    assert nobody != _unmatched(hasher)
