"""`twinward run`: a signal at any moment stops the service in order."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest


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
