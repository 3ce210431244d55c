"""`twinward run`: a signal at any moment stops the service in order."""

from __future__ import annotations

import signal
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twinward.commands import run
from twinward.errors import OwnerLost, OwnerWaitEnded
from twinward.settings import Settings


@pytest.mark.broker
def test_a_signal_during_the_start_stops_the_service_in_order(mosquitto: Any, make_service: Callable[..., Any]) -> None:
    """SIGTERM before the service is ready ends it with status 0 and a closed log."""
    service = make_service(mosquitto.url)
    service.spawn()
    deadline_s = time.monotonic() + 30
    while not (service.data / "telemetry.sqlite").exists() and time.monotonic() < deadline_s:
        time.sleep(0.005)
    service.signal(signal.SIGTERM)
    assert service.processes["all"].wait(30) == 0
    assert not (service.data / "telemetry.sqlite-wal").exists()


def test_a_standby_keeps_nothing_of_its_former_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose roles another node took waits for them without the catalogue and the tables of its service."""
    made, kept = list[weakref.ref[Any]](), list[bool]()

    class Service:
        shared, role = True, "all"

        def __init__(self, *_: Any, **__: Any) -> None:
            kept.extend(one() is not None for one in made)
            if made:
                raise OwnerWaitEnded
            self.status = lambda: {"same": self}
            made.append(weakref.ref(self))

        def start(self) -> None:
            raise OwnerLost("ingest")

        def stop(self) -> None:
            pass

    monkeypatch.setattr(run, "end_signal", threading.Event)
    monkeypatch.setattr(run, "Service", Service)
    run.run_service(Settings(data_dir=tmp_path), role="all", as_json=True)
    assert kept == [False]
