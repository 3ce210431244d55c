"""Trial of a chosen broker: the former settings return after a failed start or without a connection."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from alerts.api.schemas.setup import BrokerChoice
from twinward.commands import run
from twinward.commands.broker_trial import AUTHORITY_FILE, CONNECT_S, FORMER, PASSWORD_FILE, BrokerTrial
from twinward.commands.set_up import SetUp
from twinward.errors import TwinwardError
from twinward.settings import SETTINGS_FILE, Settings, read_settings

FIRST = BrokerChoice(embedded=False, url="mqtt://first.school:1883", username="a", password="first secret")
SECOND = BrokerChoice(embedded=False, url="mqtt://second.school:1883", username="b", password="second secret")


class Clock:
    """Monotonic seconds that the test moves."""

    now_s = 100.0

    def __call__(self) -> float:
        """Return the present time."""
        return self.now_s


def state(folder: Path) -> dict[str, str]:
    """Return the settings, secrets and kept files of a data folder."""
    names = (SETTINGS_FILE, PASSWORD_FILE, AUTHORITY_FILE)
    files = [folder / name for name in (*names, *(f"{name}{FORMER}" for name in names))]
    return {file.name: file.read_text("utf-8") for file in files if file.exists()}


def test_a_broker_without_a_connection_is_given_up_for_the_former_one(tmp_path: Path) -> None:
    """Settings and password are those before the choice, and the reason stays until the next choice."""
    clock = Clock()
    SetUp(Settings(data_dir=tmp_path), fixed=False).choose(FIRST)
    trial = BrokerTrial(tmp_path, monotonic=clock)
    assert not trial.look(connected=True)
    before = state(tmp_path)
    assert sorted(before) == [PASSWORD_FILE, SETTINGS_FILE]
    SetUp(Settings(data_dir=tmp_path), fixed=False).choose(SECOND)
    assert "second" in (tmp_path / SETTINGS_FILE).read_text("utf-8")
    trial = BrokerTrial(tmp_path, monotonic=clock)
    assert not trial.look(connected=False)
    clock.now_s += CONNECT_S
    assert trial.look(connected=False)
    assert state(tmp_path) == before
    assert "no connection to the new broker within 45 s" in trial.fault
    assert "未连上" in SetUp(Settings(data_dir=tmp_path), fixed=False).broker().fault
    SetUp(Settings(data_dir=tmp_path), fixed=False).choose(SECOND)
    assert trial.fault == ""


def test_the_session_with_the_former_broker_does_not_end_the_trial(tmp_path: Path) -> None:
    """A choice right after a connection, before its trial was seen to end, keeps the connected settings."""
    SetUp(Settings(data_dir=tmp_path), fixed=False).choose(FIRST)
    before = state(tmp_path)
    running = SetUp(Settings(data_dir=tmp_path), fixed=False)
    running.watch(lambda: True)
    running.choose(SECOND)
    assert not running.trial.look(connected=True)
    trial = BrokerTrial(tmp_path)
    assert trial.pending
    trial.undo("no route")
    assert state(tmp_path) == before


def test_a_first_broker_that_fails_leaves_none(tmp_path: Path) -> None:
    """Without former settings the set-up begins again at the broker."""
    trial = BrokerTrial(tmp_path, monotonic=lambda: 0.0)
    SetUp(Settings(data_dir=tmp_path), fixed=False).choose(FIRST)
    trial.undo("no route")
    assert state(tmp_path) == {}
    assert SetUp(Settings(data_dir=tmp_path), fixed=False).broker().mode == "none"


def test_a_second_choice_during_a_trial_keeps_the_settings_that_worked(tmp_path: Path) -> None:
    """The former settings are those of the last connection, not those of the first trial."""
    SetUp(Settings(data_dir=tmp_path), fixed=False).choose(FIRST)
    trial = BrokerTrial(tmp_path)
    trial.look(connected=True)
    before = state(tmp_path)
    for _ in range(2):
        SetUp(Settings(data_dir=tmp_path), fixed=False).choose(SECOND)
    trial.undo("no route")
    assert state(tmp_path) == before


def test_the_service_starts_again_with_the_former_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that fails on trial ends neither the process nor the service; without a trial it is an error."""
    monkeypatch.setenv("TWINWARD_DATA_DIR", str(tmp_path))
    urls, ended = [], threading.Event()

    def start(settings: Settings, set_up: SetUp, _ended: Any, **_: Any) -> None:
        urls.append(settings.mqtt.url)
        if "second" in settings.mqtt.url:
            raise TwinwardError("the port is in use")
        if len(urls) == 1:
            set_up.choose(SECOND)
        else:
            ended.set()

    SetUp(Settings(data_dir=tmp_path), fixed=False).choose(FIRST)
    BrokerTrial(tmp_path).look(connected=True)
    monkeypatch.setattr(run, "end_signal", lambda: ended)
    monkeypatch.setattr(run, "_run", start)
    run.run_service(read_settings(None, {"TWINWARD_DATA_DIR": str(tmp_path)}), role="all", as_json=True)
    assert urls == ["mqtt://first.school:1883", "mqtt://second.school:1883", "mqtt://first.school:1883"]
    assert BrokerTrial(tmp_path).fault == "the port is in use"
    ended.clear()
    (tmp_path / SETTINGS_FILE).write_text('[mqtt]\nurl = "mqtt://second.school:1883"\n', "utf-8")
    with pytest.raises(TwinwardError):
        run.run_service(read_settings(None, {"TWINWARD_DATA_DIR": str(tmp_path)}), role="all", as_json=True)
