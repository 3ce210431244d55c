"""`demo`: broker, simulated school, service and console on one machine, in a temporary folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from alerts import People
from alerts.api import HttpSettings
from detectors import load_recipe, warm
from detectors.recipes.recipe import DEFAULT
from ingest import IntakeSettings
from ingest.mqtt import MqttSettings
from simulators import SimulatorError, build_campus, campus_toml, load_scenario
from simulators.play.live import LivePlay
from twinward.broker import start_broker
from twinward.broker.ports import check_port
from twinward.clock import scaled_clock, system_clock
from twinward.errors import as_cli_errors
from twinward.service import Service
from twinward.settings import Settings

from .output import print_note
from .run import end_signal, wait_for_end

SCENARIO = "demo"
CONNECT_S = 0.05
"""Pause between two looks whether the service has its session with the broker."""
ACCOUNTS = (
    ("operator", "值班员", "Control-room operator", True),
    ("officer", "安全员", "Safety officer", True),
    ("officer2", "副安全员", "Deputy safety officer", True),
    ("fixer", "维修员", "Rectification worker", True),
    ("district", "区教育局", "District bureau", False),
    ("city", "市教育局", "City bureau", False),
    ("admin", "管理员", "Administrator", False),
)
"""User name, name in both languages, and True if the person belongs to the school only."""


@dataclass(frozen=True, slots=True)
class Demo:
    """Options of the demo. data_dir: None for a temporary folder."""

    port: int = 8080
    mqtt_port: int = 1883
    scenario: str = SCENARIO
    speed: float = 1.0
    data_dir: Path | None = None
    formats: str = "native"
    as_json: bool = False

    def run(self) -> None:
        """Start all parts, print link and login, and run until Ctrl-C."""
        ended = end_signal()
        check_port("127.0.0.1", self.port, "--port")
        check_port("127.0.0.1", self.mqtt_port, "--mqtt-port")
        with contextlib.ExitStack() as undo, as_cli_errors(SimulatorError):
            folder = self.data_dir or Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="twinward-demo-")))
            folder.mkdir(parents=True, exist_ok=True)
            campus, script = build_campus(), load_scenario(self.scenario)
            (folder / "campus.toml").write_text(campus_toml(campus), encoding="utf-8")
            broker = start_broker(self.mqtt_port, folder)
            undo.callback(broker.stop)
            clock = system_clock if self.speed == 1 else scaled_clock(self.speed)
            service = Service(self._settings(folder, campus.schools[0].id), clock=clock)
            undo.callback(service.stop)
            print_note("starting; the first start on a machine compiles the detectors, about two minutes")
            warm()
            url = f"mqtt://127.0.0.1:{self.mqtt_port}"
            fleet = LivePlay(
                campus,
                script,
                url,
                speed=self.speed,
                clock_ms=lambda: clock() / 1e6,
                formats=self.formats,
                word=print_note,
            )
            undo.callback(fleet.stop)
            service.receive()
            while not service.status()["broker"] and not ended.wait(CONNECT_S):
                pass
            fleet.start()  # a sensor without a message while the service loads would be reported as offline
            service.start()
            password = self._accounts(service.people, [school.id for school in campus.schools])
            service.serve()
            self._announce(password, broker.name)
            wait_for_end(ended, each_second=service.beat)

    def _settings(self, folder: Path, site: str) -> Settings:
        return Settings(
            data_dir=folder / "data",
            campus=folder / "campus.toml",
            recipe=faster_recipe(folder, self.speed) if self.speed > 1 else None,
            mqtt=MqttSettings(url=f"mqtt://127.0.0.1:{self.mqtt_port}", client_id="twinward-demo"),
            intake=IntakeSettings(site=site),
            http=HttpSettings(port=self.port),
        )

    def _accounts(self, people: People, sites: list[str]) -> str:
        """Create the demo's accounts with one password; return a generated password, "" for a given one."""
        given = os.environ.get("TWINWARD_DEMO_PASSWORD", "")
        password = given or secrets.token_urlsafe(9)
        for username, zh, en, local in ACCOUNTS:
            known = people.account(username)
            if known is not None and known.ended_ns is not None:
                continue
            role = username.rstrip("2")
            name = {"zh": zh, "en": en}
            people.create(username, password, roles=[role], name=name, sites=sites if local else None)
        return "" if given else password

    def _announce(self, password: str, broker: str) -> None:
        url = f"http://127.0.0.1:{self.port}/"
        names = [username for username, *_ in ACCOUNTS]
        mqtt = f"mqtt://127.0.0.1:{self.mqtt_port}"
        if self.as_json:
            about = {"event": "started", "url": url, "mqtt": mqtt, "broker": broker, "accounts": names}
            print(json.dumps(about | ({"password": password} if password else {})), flush=True)
            return
        login = f"密码 / password  {password}" if password else "密码 / password  TWINWARD_DEMO_PASSWORD"
        own = self.scenario == SCENARIO
        first_zh = "第一条报警约十秒后出现；" if own else ""
        first_en = "The first alarm comes within half a minute; " if own else ""
        print(
            f"\n  打开 / open      {url}\n  账号 / accounts  {', '.join(names)}\n  {login}\n"
            f"  MQTT             {mqtt} ({broker})\n\n"
            f"  {first_zh}按 Ctrl-C 结束。\n  {first_en}Ctrl-C ends the demo.\n",
            flush=True,
        )


def faster_recipe(folder: Path, speed: float) -> Path:
    """Write the shipped recipe with a later bound of late readings, and return its file.

    Ten seconds of delay on a busy machine are ten minutes at speed 60; without it these readings would be late.
    """
    table = Path(str(DEFAULT)).read_text(encoding="utf-8")
    late_s = f"{load_recipe().late_s * speed:g}"
    path = folder / "recipe.toml"
    path.write_text(re.sub(r"(?m)^late_s = \S+", f"late_s = {late_s}", table), encoding="utf-8")
    return path
