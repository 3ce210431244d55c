"""Dictionaries of the console: a text for every reject reason and notice, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingest import NOTICES, REASONS

WORDS = Path(__file__).resolve().parents[2] / "alerts" / "console" / "src" / "words"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_reason_and_notice_has_a_text(language: str) -> None:
    """A missing text would show the bare code on the accounting page."""
    text = (WORDS / f"{language}.ts").read_text(encoding="utf-8")
    assert set(REASONS) <= set(re.findall(r"^  refused_(\w+):", text, re.MULTILINE))
    assert set(NOTICES) <= set(re.findall(r"^  notice_(\w+):", text, re.MULTILINE))
