"""The console has a word for every reason of refusal, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingest import REASONS

WORDS = Path(__file__).resolve().parents[2] / "alerts" / "console" / "src" / "words"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_reason_has_its_word(language: str) -> None:
    """A code that nobody translated would stand on the accounting page as it is."""
    text = (WORDS / f"{language}.ts").read_text(encoding="utf-8")
    assert set(REASONS) <= set(re.findall(r"^  refused_(\w+):", text, re.MULTILINE))
