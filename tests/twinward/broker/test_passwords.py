"""Password entries: equal to those of mosquitto_passwd, different for each call."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinward.broker.passwords import generate_password, hash_password, matches

TEXT = st.text(min_size=1, max_size=80).filter(lambda text: text.isprintable())


@pytest.mark.broker
def test_the_entry_is_that_of_mosquitto_passwd(tmp_path: Path, run_twinward: Any) -> None:
    """The program's random salt with the same password gives the same entry."""
    try:
        subprocess.run(["mosquitto_passwd", "-c", "-b", tmp_path / "list", "d1", "a password"], check=True)
    except FileNotFoundError:
        run_twinward.unavailable("mosquitto_passwd is not installed")
    entry = (tmp_path / "list").read_text(encoding="utf-8").strip().removeprefix("d1:")
    salt = base64.b64decode(entry.split("$")[3])
    assert hash_password("a password", salt=salt) == entry
    assert matches("a password", entry)


@given(password=TEXT, other=TEXT)
def test_only_the_password_matches_its_entry(password: str, other: str) -> None:
    """Each entry has a salt of its own."""
    entry = hash_password(password)
    assert matches(password, entry)
    assert matches(other, entry) == (other == password)
    assert hash_password(password) != entry


@pytest.mark.parametrize("entry", ["", "x", "$6$salt$hash", "$7$a$b$c", "$7$101$b"])
def test_an_entry_of_another_form_matches_nothing(entry: str) -> None:
    """Entries that other programs wrote are no error."""
    assert not matches("secret", entry)


def test_generated_passwords_have_128_bits_or_more() -> None:
    """Base64 of 24 bytes; no two are equal."""
    made = {generate_password() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(len(base64.urlsafe_b64decode(password)) * 8 >= 128 for password in made)
