"""Bench top: four devices are connected, renamed, reset, unplugged, replaced, and shown."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Browser

from tests.processes.console_page import ConsolePage, console_page

SITE = "school-1"
OLD, NEW = "0x0015bc003100702a", "dorm2-smoke-114"
BOARD, FLOOD, WET = "bench-board", "shellyflood-1", "cellar-flood"
GAUGE, NEXT_GAUGE = "24e124713c140002", "24e124713c140003"
PROBES = ("0117A2F30B11", "0117A2F30B12")
CELLAR, WORKSHOP = {("leak", "cellar", "yellow")}, {("fire", "workshop", "red")}
CAMPUS = f"""
[[site]]
id = "{SITE}"

[[zone]]
site = "{SITE}"
id = "dorm-2"
key = "dormitory"

[[zone]]
site = "{SITE}"
id = "yard"
key = "water"

[[place]]
site = "{SITE}"
zone = "dorm-2"
id = "room-114"

[[place]]
site = "{SITE}"
zone = "yard"
id = "cellar"

[[place]]
site = "{SITE}"
zone = "yard"
id = "workshop"

[[place]]
site = "{SITE}"
zone = "yard"
id = "pond"

[[sensor]]
site = "{SITE}"
id = "{OLD}"
kind = "smoke"
place = "room-114"

[[sensor]]
site = "{SITE}"
id = "{GAUGE}"
kind = "water"
place = "pond"
height_m = 3.0
period_s = 4
limits = {{ level = [1.0, 2.0, 2.5] }}

[[sensor]]
site = "{SITE}"
id = "never-mounted"
kind = "water"
place = "pond"
period_s = 3
"""
NEVER = ("sensor_silent", "pond", "blue")
LATENESS = ("lateness_s = 120", "lateness_s = 0")
"""The gauge is offline by its period alone; a network's lateness would add two minutes to the test."""
UPLINK_S = 1.0
STATES = {"ok": "OK", "hazard": "Hazard", "silent": "Offline", "removed": "Removed", "unknown": "Unknown"}
KINDS = {"fire": "Fire", "leak": "Leak", "sensor_silent": "Sensor offline", "gateway_silent": "Gateway offline"}
GRADES = {"red": "Major", "yellow": "Medium", "blue": "Low"}
"""Words of the console in English."""


class Shown(NamedTuple):
    """Displayed data of a sensor."""

    state: str
    place: str
    relay: str
    value: float | None


class Bench:
    """Four devices at a broker, and the displayed data of the console."""

    def __init__(
        self, client: mqtt.Client, console: Any, until: Callable[..., Any], page: ConsolePage, *, record: Path
    ) -> None:
        self._client, self._console, self._until, self._record = client, console, until, record
        self._page, self._gauge = page, threading.Event()
        self._distance_mm, self._label = 0.0, ""
        self.steps: dict[str, Any] = {}

    def publish(self, topic: str, body: object, *, retain: bool = False) -> None:
        """Publish one message and wait until the broker has it."""
        payload = body if isinstance(body, str) else json.dumps(body)
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def zigbee(self, topic: str, body: object, *, retain: bool = False) -> None:
        """Publish a message of the Zigbee bridge."""
        self.publish(f"zigbee2mqtt/{topic}", body, retain=retain)

    def devices(self, name: str) -> None:
        """Publish the bridge's list of devices with the smoke head under a name; no head for an empty one."""
        head = {"type": "EndDevice", "ieee_address": OLD, "friendly_name": name, "definition": {"model": "SMSZB-120"}}
        coordinator = {"type": "Coordinator", "ieee_address": "0x00", "friendly_name": "Coordinator"}
        self.zigbee("bridge/devices", [coordinator, *([head] if name else [])], retain=True)

    def board(self, *values: float, at: str | None = None) -> None:
        """Publish the temperatures of the board's two probes."""
        body: dict[str, Any] = {"Time": at or time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()), "TempUnit": "C"}
        for number, (probe, value) in enumerate(zip(PROBES, values, strict=True), 1):
            body[f"DS18B20-{number}"] = {"Id": probe, "Temperature": value}
        self.publish(f"tele/{BOARD}/SENSOR", body)

    def flood(self, topic: str, *, wet: bool, ts: float | None = None, device: str = FLOOD) -> None:
        """Publish a status notification of the flood sensor under its topic prefix."""
        params = {"ts": time.time() if ts is None else ts, "flood:0": {"id": 0, "alarm": wet, "mute": False}}
        self.publish(f"{topic}/events/rpc", {"src": device, "method": "NotifyStatus", "params": params})

    def gauge(self, distance_mm: float, *, device: str = GAUGE, name: str = "pond") -> None:
        """Publish an uplink of a gauge."""
        if device == GAUGE:
            self._distance_mm, self._label = distance_mm, name
        info = {"deviceProfileName": "EM400-MUD", "devEui": device, "deviceName": name, "tags": {}}
        body = {"deviceInfo": info, "fCnt": int(time.time()), "object": {"distance": distance_mm, "battery": 92}}
        self.publish(f"application/a/device/{device}/event/up", body)

    @contextmanager
    def powered_gauge(self) -> Iterator[None]:
        """Send the last distance of the first gauge with its period until the end of the block, or its loss."""

        def send() -> None:
            while not self._gauge.wait(UPLINK_S):
                if self._distance_mm:
                    self.gauge(self._distance_mm, name=self._label)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        try:
            yield
        finally:
            self.unplug_gauge()
            sender.join(5)

    def unplug_gauge(self) -> None:
        """End the uplinks of the first gauge."""
        self._gauge.set()

    def sensors(self) -> dict[str, Shown]:
        """Return the displayed sensors by id."""
        rows = self._console.get("/sensors", params={"site": SITE, "limit": 100}).json()["items"]
        return {row["id"]: Shown(row["state"], row["place"], row["gateway"] or "", self.value_of(row)) for row in rows}

    @staticmethod
    def value_of(row: Mapping[str, Any]) -> float | None:
        """Return the latest value of the sensor's main quantity."""
        wanted = ("smoke", "temperature", "leak", "level", "distance")
        found = {metric["name"]: metric["last_value"] for metric in row["metrics"]}
        return next((round(found[name], 4) for name in wanted if name in found), None)

    def alarms(self) -> set[tuple[str, str, str]]:
        """Return (kind, place, grade) of the active hazards."""
        rows = self._console.get("/hazards", params={"site": SITE, "limit": 100}).json()["items"]
        return {(row["kind"], row["place"], row["grade"]) for row in rows if row["active"]}

    def expect(self, step: str, sensors: Mapping[str, Shown], alarms: set[tuple[str, str, str]]) -> None:
        """Record the display of a step once it is as expected; else fail with the last display."""
        with suppress(AssertionError):
            self._until(
                lambda: self.alarms() == alarms and sensors.items() <= self.sensors().items(), timeout_s=30, what=step
            )
        shown, found = self.sensors(), self.alarms()
        self.steps[step] = {"sensors": {name: one._asdict() for name, one in shown.items()}, "alarms": sorted(found)}
        self._record.write_text(json.dumps(self.steps, indent=1, ensure_ascii=False), encoding="utf-8")
        assert (found, {name: shown.get(name) for name in sensors}) == (alarms, dict(sensors)), step
        self._expect_shown(step, sensors, alarms)

    def _expect_shown(self, step: str, sensors: Mapping[str, Shown], alarms: set[tuple[str, str, str]]) -> None:
        """Record the rows of the console once each sensor and each alarm is shown right; else fail with the rows."""
        wrong: list[str] = []

        def right() -> bool:
            rows, hazards = self._page.sensors(step), self._page.hazards(step)
            self.steps[step] |= {"page": {"sensors": rows, "hazards": hazards}}
            wrong[:] = [
                f"{name}: {rows.get(name)}" for name, one in sensors.items() if not _row_of(one, rows.get(name))
            ]
            standing = [row for row in hazards if "Duration" in row]
            wrong.extend(f"missing: {alarm}" for alarm in alarms if not any(_alarm_of(alarm, row) for row in standing))
            wrong.extend(standing if len(standing) != len(alarms) else ())
            return not wrong

        with suppress(AssertionError):
            self._until(right, timeout_s=10, what=step)
        self._record.write_text(json.dumps(self.steps, indent=1, ensure_ascii=False), encoding="utf-8")
        assert (step, wrong, self._page.errors()) == (step, [], [])


def _row_of(shown: Shown, row: str | None) -> bool:
    """Return whether a row of the sensor list has state, place and value."""
    return (
        row is not None and STATES[shown.state] in row and (shown.place or "No place") in row and _has_value(shown, row)
    )


def _has_value(shown: Shown, row: str) -> bool:
    return "–" in row if shown.value is None else any(text in row for text in _texts(shown.value))


def _texts(value: float) -> tuple[str, ...]:
    flags = {0.0: (" no ",), 1.0: (" yes ",)}.get(value, ())
    return (*flags, f" {value:g} ")


def _alarm_of(alarm: tuple[str, str, str], row: str) -> bool:
    """Return whether a row of the hazard list has kind, place and grade."""
    kind, place, grade = alarm
    return KINDS[kind] in row and place in row and GRADES[grade] in row


@contextmanager
def connected(port: int) -> Iterator[mqtt.Client]:
    """Yield a client with its own loop."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.broker
@pytest.mark.browser
def test_the_console_is_right_at_each_step_of_a_device_s_life(
    mosquitto: Any, make_service: Any, run_twinward: Any, browser: Browser, tmp_path: Path
) -> None:
    """Connected, renamed, reset to 1970, unplugged, replaced: rows in `display.json`, screenshots in `screens`."""
    service = make_service(mosquitto.url, campus=CAMPUS)
    recipe = tmp_path / "recipe.toml"
    shipped = (files("detectors") / "recipes" / "campus.toml").read_text(encoding="utf-8")
    recipe.write_text(shipped.replace(*LATENESS), encoding="utf-8")
    service.environment["TWINWARD_RECIPE"] = str(recipe)
    service.start()
    console = service.client()
    with (
        connected(mosquitto.port) as client,
        console_page(browser, service.url, tmp_path / "screens") as page,
    ):
        page.sign_in("admin", run_twinward.password)
        bench = Bench(client, console, run_twinward.until, page, record=tmp_path / "display.json")
        with bench.powered_gauge():
            live(bench, console, run_twinward.until)
    assert service.ready()


def live(bench: Bench, console: Any, until: Callable[..., Any]) -> None:
    """Play the steps in order."""
    connect(bench, console)
    rename(bench, console, until)
    reset_clocks(bench, until)
    unplug(bench)
    replace(bench, console, until)


def probes(bench: Bench) -> list[str]:
    """Return the ids of the board's probes, as displayed."""
    return sorted(name for name, shown in bench.sensors().items() if shown.relay == BOARD)


def connect(bench: Bench, console: Any) -> None:
    """Declared devices are awaited first; the undeclared ones are bound by a list."""
    silent = Shown("silent", "pond", "", None)  # after one period without any message
    awaited = {OLD: Shown("unknown", "room-114", "", None), GAUGE: silent, "never-mounted": silent}
    bench.expect("awaited", awaited, {NEVER})
    bench.zigbee("bridge/state", {"state": "online"}, retain=True)
    bench.devices(OLD)
    bench.zigbee(OLD, {"smoke": False, "battery": 100, "linkquality": 80})
    bench.publish(f"tele/{BOARD}/LWT", "Online", retain=True)
    bench.board(21.4, 4.1)
    bench.publish(f"{FLOOD}/online", "true", retain=True)
    bench.flood(FLOOD, wet=False)
    bench.gauge(2_600)
    bench.expect("connected", {FLOOD: Shown("ok", "", "", 0.0), GAUGE: Shown("ok", "pond", "", 0.4)}, {NEVER})
    names = probes(bench)
    assert [bench.sensors()[name].value for name in names] == [21.4, 4.1]
    lines = [f"{name},workshop" for name in (*names, BOARD)] + [f"{FLOOD},cellar"]
    assert console.post("/sensors/places", json={"site": SITE, "csv": "\n".join(lines)}).status_code == 200
    bench.expect(
        "bound",
        {
            OLD: Shown("ok", "room-114", "bridge", 0.0),
            FLOOD: Shown("ok", "cellar", "", 0.0),
            names[0]: Shown("ok", "workshop", BOARD, 21.4),
            names[1]: Shown("ok", "workshop", BOARD, 4.1),
        },
        {NEVER},
    )


def rename(bench: Bench, console: Any, until: Callable[..., Any]) -> None:
    """Place and history follow the new name; the name of a LoRaWAN device is a label."""
    bench.zigbee("bridge/response/device/rename", {"data": {"from": OLD, "to": NEW}, "status": "ok"})
    bench.devices(NEW)
    bench.zigbee(NEW, {"smoke": False, "battery": 99})
    bench.flood(WET, wet=False)
    bench.gauge(2_500, name="pond, east bank")
    bench.expect(
        "renamed",
        {
            NEW: Shown("ok", "room-114", "bridge", 0.0),
            WET: Shown("ok", "cellar", "", 0.0),
            GAUGE: Shown("ok", "pond", "", 0.5),
        },
        {NEVER},
    )
    assert not {OLD, FLOOD} & set(bench.sensors())
    assert console.get(f"/sensors/{SITE}/{NEW}").json()["former"] == [OLD]
    read = {"site": SITE, "sensor": NEW, "metric": "battery"}
    until(
        lambda: [point[1] for point in console.get("/readings", params=read).json()["points"]] == [100, 99],
        timeout_s=10,
        what="the history before and after the renaming",
    )


def reset_clocks(bench: Bench, until: Callable[..., Any]) -> None:
    """A water alarm dated 1970 is an alarm now; a fire at one of two probes is one of this probe."""
    names = probes(bench)
    bench.flood(WET, wet=True, ts=7.3)

    def burning() -> bool:
        bench.board(95.0, 4.2, at="1970-01-01T00:00:07")
        return bench.alarms() >= WORKSHOP

    until(burning, timeout_s=30, what="a fire at the first probe")
    bench.expect(
        "reset to 1970",
        {
            WET: Shown("hazard", "cellar", "", 1.0),
            names[0]: Shown("hazard", "workshop", BOARD, 95.0),
            names[1]: Shown("ok", "workshop", BOARD, 4.2),
        },
        WORKSHOP | CELLAR | {NEVER},
    )


def unplug(bench: Bench) -> None:
    """A lost board is one alarm, its quiet probe is unknown; head and gauge are offline at their places.

    The flood sensor is offline beside its alarm, which stands.
    """
    names = probes(bench)
    bench.publish(f"tele/{BOARD}/LWT", "Offline", retain=True)
    bench.zigbee(f"{NEW}/availability", {"state": "offline"}, retain=True)
    bench.publish(f"{WET}/online", "false", retain=True)
    bench.unplug_gauge()
    offline = {("sensor_silent", "room-114", "blue"), ("sensor_silent", "cellar", "blue")}
    bench.expect(
        "unplugged",
        {
            NEW: Shown("silent", "room-114", "bridge", 0.0),
            names[0]: Shown("hazard", "workshop", BOARD, 95.0),
            names[1]: Shown("silent", "workshop", BOARD, 4.2),
            WET: Shown("hazard", "cellar", "", 1.0),
            GAUGE: Shown("silent", "pond", "", 0.5),
        },
        WORKSHOP | CELLAR | offline | {NEVER, ("gateway_silent", "workshop", "blue")},
    )


def replace(bench: Bench, console: Any, until: Callable[..., Any]) -> None:
    """The removed head keeps its finding until another one with its name reports, which raises the next fire.

    The next flood sensor has the topic of the first; the next gauge has an identity of its own and is bound.
    """
    bench.zigbee("bridge/response/device/remove", {"data": {"id": NEW}, "status": "ok"})
    bench.devices("")
    bench.expect("removed", {NEW: Shown("removed", "room-114", "bridge", 0.0)}, bench.alarms())
    assert console.get(f"/sensors/{SITE}/{NEW}").json()["removed"]
    bench.devices(NEW)
    bench.zigbee(NEW, {"smoke": True, "battery": 100})
    bench.publish(f"tele/{BOARD}/LWT", "Online", retain=True)
    bench.publish(f"{WET}/online", "true", retain=True)
    bench.flood(WET, wet=False, device="shellyflood-2")
    bench.gauge(2_400, device=NEXT_GAUGE)
    second = probes(bench)[1]

    def cool() -> bool:  # its clock counts whole seconds, so its first time may be before the last arrival
        bench.board(21.0, 4.3)
        return bench.sensors()[second].value == 4.3

    until(cool, timeout_s=30, what="the board with a right clock")
    until(lambda: NEXT_GAUGE in bench.sensors(), timeout_s=10, what="the next gauge")
    console.put(f"/sensors/{SITE}/{NEXT_GAUGE}/place", json={"place": "pond"})
    bench.expect(
        "replaced",
        {
            NEW: Shown("hazard", "room-114", "bridge", 1.0),
            second: Shown("ok", "workshop", BOARD, 4.3),
            WET: Shown("hazard", "cellar", "", 0.0),  # a leak clears after five minutes
            GAUGE: Shown("silent", "pond", "", 0.5),
            NEXT_GAUGE: Shown("ok", "pond", "", 2.4),
        },
        WORKSHOP | CELLAR | {NEVER, ("fire", "room-114", "red")},
    )
    assert not console.get(f"/sensors/{SITE}/{NEW}").json()["removed"]
