"""Start of the service: invalid settings fail before any file opens; ingest starts first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alerts.api import HttpSettings
from ingest.mqtt import MqttSettings
from twinward.errors import ConfigError, PortTaken
from twinward.pump import Pump
from twinward.service import Service
from twinward.settings import Settings

LATER = ("numba", "sqlalchemy", "fastapi", "uvicorn", "duckdb", "structlog", "prometheus_client", "google.protobuf")


@pytest.fixture
def settings(tmp_path: Path, run_twinward: Any) -> Settings:
    """Return settings of a service on free ports, without a broker."""
    return Settings(
        data_dir=tmp_path / "data",
        mqtt=MqttSettings(url=f"mqtt://127.0.0.1:{run_twinward.free_port()}"),
        http=HttpSettings(port=run_twinward.free_port()),
    )


def test_ingest_loads_no_part_behind_the_log(settings: Settings) -> None:
    """Log, catalogue, intake and session need no database, store, detectors or web framework."""
    code = (
        "import sys; from pathlib import Path\n"
        "from twinward.service import Service; from twinward.settings import Settings\n"
        f"Service(Settings(data_dir=Path({str(settings.data_dir)!r})))\n"
        f"print([name for name in {LATER!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_bad_recipe_fails_before_any_file_is_opened(settings: Settings, tmp_path: Path) -> None:
    """The data folder stays empty."""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[[nonsense]]\nname = 'a'\n", encoding="utf-8")
    wrong = Settings(data_dir=settings.data_dir, recipe=recipe, http=settings.http)
    with pytest.raises(ConfigError, match="nonsense"):
        Service(wrong)
    assert not settings.data_dir.exists()


def test_a_port_in_use_fails_before_any_file_is_opened(settings: Settings, mosquitto: Any) -> None:
    """A broker uses the port here."""
    wrong = Settings(data_dir=settings.data_dir, http=HttpSettings(port=mosquitto.port))
    with pytest.raises(PortTaken, match=str(mosquitto.port)):
        Service(wrong)
    assert not settings.data_dir.exists()


def test_a_service_that_never_started_closes_its_files(settings: Settings) -> None:
    """After its stop, another service opens the same files."""
    for _ in range(2):
        Service(settings).stop()


def test_every_part_becomes_healthy(settings: Settings, run_twinward: Any) -> None:
    """Without a broker, every part but the broker becomes healthy; after the stop no part is."""
    service = Service(settings)
    assert service.status() == {"log": True, "broker": False}
    try:
        service.start()
        service.serve()
        wanted = {
            "log",
            "detect_urgent",
            "detect",
            "detect_offline",
            "detect_fusion",
            "store",
            "alert_urgent",
            "alert",
            "database",
            "outbox",
            "escalator",
            "standby",
            "http",
        }
        run_twinward.until(
            lambda: {name for name, works in service.status().items() if works} == wanted, timeout_s=60, what="ready"
        )
    finally:
        service.stop()
    assert not service.status()["detect"]


def test_a_pump_is_unhealthy_until_its_stage_has_recovered() -> None:
    """`/readyz` must fail while the detectors load their state."""

    class Slow:
        name = "slow"

    pump: Pump[Any] = Pump(None, Slow())  # type: ignore[arg-type]  # neither is touched before the start
    assert not pump.healthy()
