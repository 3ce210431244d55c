"""Signed heads: written once a day, copied, and refused when changed or foreign."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from twinward.errors import InputError
from twinward.heads.daily import DailyHeads
from twinward.heads.key import NAME, public_key
from twinward.heads.record import Heads, heads_now, known, read_heads, write_heads

DAY_NS = 86_400 * 10**9
NOON_NS = 1_790_000_000 * 10**9 // DAY_NS * DAY_NS + DAY_NS // 2
TIP = (7, "ab" * 32)


def test_each_day_has_one_file_that_reaches_the_second_folder(tmp_path: Path) -> None:
    """A turn signs the day once; files of days without the second folder follow later."""
    folder, copies = tmp_path / "data", tmp_path / "share" / "heads"
    folder.mkdir()
    now_ns = NOON_NS
    daily = DailyHeads(folder, lambda: TIP, lambda: now_ns, copies=None)
    daily.turn()
    first = sorted((folder / "heads").iterdir())
    daily.turn()
    assert sorted((folder / "heads").iterdir()) == first
    now_ns += DAY_NS
    DailyHeads(folder, lambda: (9, "cd" * 32), lambda: now_ns, copies=copies).turn()
    assert [path.name for path in sorted(copies.iterdir())] == ["2026-09-21.json", "2026-09-22.json"]
    found = read_heads(copies, key=public_key(folder))
    assert known(found, "journal") == [TIP, (9, "cd" * 32)]
    assert known(found, "telemetry.sqlite") == []
    for path in (folder / NAME, *(folder / "heads").iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600
    assert (folder / "heads").stat().st_mode & 0o777 == 0o700


def test_a_changed_or_foreign_file_is_refused(tmp_path: Path) -> None:
    """One sentence with the file; a file of another installation has another key."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder in (mine, other):
        folder.mkdir()
        write_heads(folder, heads_now(folder, TIP, NOON_NS), folder / "out.json")
    key = public_key(mine)
    assert read_heads(mine / "out.json", key=key) == read_heads(mine / "out.json", key="")
    with pytest.raises(InputError, match="allowed: the key of this installation"):
        read_heads(other / "out.json", key=key)
    value = json.loads((mine / "out.json").read_text())
    value["heads"]["chains"]["journal"][0] = 6
    (mine / "out.json").write_text(json.dumps(value))
    with pytest.raises(InputError, match="the signature does not fit"):
        read_heads(mine / "out.json", key=key)
    for text in ("", "[]", '{"heads": 1}', '{"heads": {"key": "zz"}, "signature": "00"}'):
        (mine / "out.json").write_text(text)
        with pytest.raises(InputError, match="allowed: a file of signed heads"):
            read_heads(mine / "out.json", key=key)
    with pytest.raises(InputError, match="has no file"):
        read_heads(tmp_path, key=key)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """The message has the file, its mode and the command."""
    heads = heads_now(tmp_path, TIP, NOON_NS)
    (tmp_path / NAME).chmod(0o640)
    with pytest.raises(InputError, match="mode 0640; allowed: 0600"):
        write_heads(tmp_path, heads, tmp_path / "out.json")
    (tmp_path / NAME).chmod(0o600)
    (tmp_path / NAME).write_text("no key")
    with pytest.raises(InputError, match="allowed: an Ed25519 key"):
        public_key(tmp_path)


def test_heads_are_equal_after_a_round_trip(tmp_path: Path) -> None:
    """Time, chains and key come back as they were signed."""
    heads = heads_now(tmp_path, TIP, NOON_NS)
    write_heads(tmp_path, heads, tmp_path / "a" / "b.json")
    assert read_heads(tmp_path / "a" / "b.json", key="") == [heads]
    assert isinstance(heads, Heads)
    assert heads.at == "2026-09-21T12:00:00+00:00"
