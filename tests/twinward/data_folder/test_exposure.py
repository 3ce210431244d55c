"""Exposure of a data folder: modes of its files, and its account."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from twinward.data_folder import exposure
from twinward.data_folder.exposure import exposed, report_exposure, run_by_root


def test_files_that_others_may_use_are_listed(tmp_path: Path) -> None:
    """The folder itself, folders and files in it count; links do not."""
    folder = tmp_path / "data"
    (folder / "heads").mkdir(parents=True)
    for name in ("a", "heads/b"):
        (folder / name).touch()
        (folder / name).chmod(0o600)
    (folder / "link").symlink_to(folder / "a")
    folder.chmod(0o700)
    (folder / "heads").chmod(0o700)
    assert exposed(folder) == []
    (folder / "heads" / "b").chmod(0o640)
    (folder / "heads").chmod(0o701)
    assert exposed(folder) == [folder / "heads", folder / "heads" / "b"]
    assert exposed(tmp_path / "missing") == []


def test_the_start_logs_root_and_exposed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each, with the command that ends it."""
    tmp_path.chmod(0o755)
    monkeypatch.setattr(exposure.os, "geteuid", lambda: 0)
    with capture_logs() as lines:
        report_exposure(tmp_path)
    assert ["runs as root" in line["event"] for line in lines] == [True, False]
    assert lines[1]["fix"] == f"chmod -R go= {tmp_path}"
    tmp_path.chmod(0o700)
    monkeypatch.setattr(exposure.os, "geteuid", lambda: 1_000)
    with capture_logs() as lines:
        report_exposure(tmp_path)
    assert lines == []


def test_the_owner_of_the_folder_counts(tmp_path: Path) -> None:
    """An administrator who runs `doctor` as root sees the account of the service."""
    assert run_by_root(tmp_path) is (tmp_path.stat().st_uid == 0)
    assert run_by_root(tmp_path / "missing") is (os.geteuid() == 0)
    if os.geteuid() == 0:
        os.chown(tmp_path, 12_345, 12_345)
        assert not run_by_root(tmp_path)
