"""Accounts: an unknown name is no quicker to refuse than a wrong password."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from alerts.people.accounts import _unmatched


def test_the_hash_that_nobody_has_costs_what_any_other_costs() -> None:
    """It is a whole argon2id hash with the hasher's own parameters, and no password fits it."""
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    nobody = _unmatched(hasher)
    assert not hasher.check_needs_rehash(nobody)
    assert len(nobody) == len(hasher.hash("a password"))
    with pytest.raises(VerifyMismatchError):
        hasher.verify(nobody, "")
    assert nobody != _unmatched(hasher)
