"""Checks at the start: files that fit stay; damaged and foreign ones are refused with the action."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from ingest import Sealed, empty_batch
from twinward.data_folder.files import DATABASE, DETECTIONS, IDENTITY, STAMPED, TELEMETRY, stamp, stamp_of
from twinward.data_folder.fit import fit_folder, needed
from twinward.data_folder.identity import read_identity
from twinward.data_folder.locks import RoleLocks
from twinward.errors import FolderMismatch
from twinward.log import DetectionLog, TelemetryLog

Change = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose files fit, with a number."""
    with closing(TelemetryLog(tmp_path / TELEMETRY, clock=time.time_ns)) as log:
        log.append(Sealed(empty_batch()))
    DetectionLog(tmp_path / DETECTIONS, clock=time.time_ns).close()
    (tmp_path / "alerts.head").write_text('[1, "digest"]')
    (tmp_path / DATABASE).write_bytes((tmp_path / DETECTIONS).read_bytes())
    fit(tmp_path)
    return tmp_path


def fit(folder: Path) -> list[str]:
    """Check and repair the folder."""
    return fit_folder(folder, database=True, store=True, alone=lambda: RoleLocks(folder, ()))


def test_files_that_fit_get_the_number_and_stay(folder: Path) -> None:
    """Every file carries the number of the folder; a second check changes nothing."""
    number = read_identity(folder).number
    assert number > 0
    assert {stamp_of(folder / name) for name in STAMPED} == {number}
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert fit(folder) == []
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (folder / IDENTITY).unlink()
    assert read_identity(folder).number == number


def garbage(name: str) -> Change:
    """Return the exchange of a file's bytes with random ones."""
    return lambda folder: (folder / name).write_bytes(os.urandom(8_192))


def foreign(name: str) -> Change:
    """Return the exchange with the file of another installation."""
    return lambda folder: stamp(folder / name, 12_345)


REFUSED: dict[str, tuple[Change, str]] = {
    **{f"{name} garbage": (garbage(name), f"{name} is damaged") for name in STAMPED},
    **{f"{name} foreign": (foreign(name), "belongs to another installation") for name in STAMPED},
    "database gone": (lambda folder: (folder / DATABASE).unlink(), "recover --new-database"),
    "database empty": (lambda folder: (folder / DATABASE).write_bytes(b""), "recover --new-database"),
    "identity garbage": (garbage(IDENTITY), "delete it: the files carry its number"),
    "identity empty": (lambda folder: (folder / IDENTITY).write_bytes(b""), "delete it: the files carry its number"),
}


@pytest.mark.parametrize("way", REFUSED)
def test_damaged_missing_and_foreign_files_are_refused(folder: Path, way: str) -> None:
    """One sentence names the file and the action; nothing changes."""
    change, sentence = REFUSED[way]
    change(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".sqlite-shm"}
    for check in (partial(needed, folder, database=True, store=True), partial(fit, folder)):
        with pytest.raises(FolderMismatch) as refused:
            check()
        assert sentence in str(refused.value)
        assert len(str(refused.value).splitlines()) == 1
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".sqlite-shm"}
    assert {name: after[name] for name in before} == before
