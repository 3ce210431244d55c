"""Sample file and reference, generated from the settings."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from twinward.balances import summed
from twinward.config import keys
from twinward.data_folder.journal_head import note_head, noted_head
from twinward.settings import Settings, read_settings, reference, sample_file

ROOT = Path(__file__).resolve().parents[2]


def test_every_setting_has_its_line_of_text() -> None:
    """Each setting has a text."""
    assert [key.name for key in keys(Settings) if not key.text] == []


def test_the_sample_file_holds_every_setting_at_its_default(tmp_path: Path) -> None:
    """Uncommented it is TOML with every key; unchanged it sets nothing."""
    text = sample_file()
    table = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE))
    named = {f"{home}.{key}" for home, rows in table.items() if isinstance(rows, dict) for key in rows}
    named |= {key for key, value in table.items() if not isinstance(value, dict)}
    assert named == {key.name for key in keys(Settings)}
    path = tmp_path / "sample.toml"
    path.write_text(text, encoding="utf-8")
    assert read_settings(path, {}) == Settings()


def test_the_manual_has_the_present_settings() -> None:
    """`docs/configuration.md` equals the generated reference."""
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == reference()


def test_the_head_is_noted_atomically(tmp_path: Path) -> None:
    """The last written head is read back; a missing file is None."""
    path = tmp_path / "alerts.head"
    assert noted_head(path) is None
    note_head(path, (3, "abc"))
    note_head(path, (4, "abd"))
    assert noted_head(path) == (4, "abd")


def test_accounts_are_summed_with_their_residual() -> None:
    """Messages not stored, repeated or refused are the residual."""
    rows = [
        {"outcome": "received", "reason": "", "rows": 10},
        {"outcome": "stored", "reason": "", "rows": 6},
        {"outcome": "duplicate", "reason": "", "rows": 1},
        {"outcome": "quarantined", "reason": "json", "rows": 2},
        {"outcome": "notice", "reason": "ignored", "rows": 5},
    ]
    assert summed(rows)["residual"] == 1
    assert summed(rows)["notices"] == {"ignored": 5}
