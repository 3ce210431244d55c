"""Every wire format through a real broker: stored readings equal the simulated or captured ones."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest import Catalog, Counts, Intake, Memory, Sealed
from ingest.decode import FOREIGN, decoders
from ingest.intake.intake import IntakeSettings
from ingest.mqtt import MqttSettings, Subscriber
from simulators import World, build_campus, load_scenario, plan
from simulators.encode import ENCODERS, MAKERS
from simulators.encode.contract import Encoder, Message
from simulators.play.player import Wire
from simulators.play.stream import Stream
from simulators.scenarios.scenario import compose
from twinward.commands.decode import decode_lines

pytestmark = pytest.mark.broker
MS = 1_000_000
Series = dict[tuple[str, str], list[tuple[int, float]]]
"""(sensor, metric) -> (time in ms, value), in order of arrival."""


class Service:
    """A subscriber with every format, and the batches for the log."""

    def __init__(self, url: str, *, memory: Sequence[tuple[str, str, bytes]] = ()) -> None:
        self.catalog = Catalog()
        self.sealed: list[Sealed] = []
        self.intake = Intake(self.catalog, decoders(), settings=IntakeSettings(past_days=36_500), memory=memory)
        settings = MqttSettings(url=url, client_id="formats")
        self.subscriber = Subscriber(settings, self.intake, self.sealed.append, time.time_ns)

    def rows(self) -> Iterator[tuple[str, str, int, float, int]]:
        """Yield sensor, metric, time in ns, value and quality of every reading except the service's own."""
        for sealed in list(self.sealed):
            batch = sealed.batch
            columns = (batch.sensor, batch.metric, batch.time_ns, batch.value, batch.quality)
            for sensor, metric, time_ns, value, quality in zip(*(column.tolist() for column in columns), strict=True):
                if sensor and self.catalog[sensor].site != "_drain":
                    yield self.catalog[sensor].id, self.catalog.metric_of(metric).name, time_ns, value, quality

    def rejected(self) -> Counter[str]:
        """Return the number of rejected readings by reason."""
        found: Counter[str] = Counter()
        for sealed in list(self.sealed):
            for count, rows in sealed.of(Counts).rows.items():
                found[count.reason] += rows if count.outcome == "quarantined" else 0
        return +found

    def drained(self, port: int) -> None:
        """Wait until every message published before is stored."""
        publish(port, [("campus/_drain/env/end", b'{"co2": 1}', False)])
        until(lambda: self._stored("_drain"), timeout_s=90)

    def _stored(self, site: str) -> bool:
        known = self.catalog.find(site, "end")
        return known is not None and any(known.code in sealed.batch.sensor for sealed in list(self.sealed))

    @contextmanager
    def running(self) -> Iterator[Service]:
        """Connect and subscribe for the duration of the block."""
        self.subscriber.start()
        try:
            until(lambda: self.subscriber.status()["connected"])
            time.sleep(0.3)  # subscriptions follow the connection
            yield self
        finally:
            self.subscriber.stop()


def until(condition: Callable[[], object], *, timeout_s: float = 30) -> None:
    """Wait for a condition. Fails the test after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"condition not met after {timeout_s} s"
        time.sleep(0.01)


def publish(port: int, messages: Sequence[tuple[str, bytes, bool]]) -> None:
    """Send messages in order at QoS 1 and wait until the broker has acknowledged all."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.max_inflight_messages_set(500)
    client.connect("127.0.0.1", port)
    client.loop_start()
    last = None
    for topic, payload, retain in messages:
        last = client.publish(topic, payload, qos=1, retain=retain)
    if last is not None:
        last.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


# ---- captured samples


UNSAMPLED = {"shelly_gen1"}
"""Formats without captured messages: the cases of `tests/cases/decode` are their only ones."""


@pytest.mark.shared
@pytest.mark.parametrize("name", [name for name in FOREIGN if name not in UNSAMPLED])
def test_captured_sample_arrives_through_the_broker(name: str, shared_dir: Any, mosquitto: Any) -> None:
    """The stored readings are those that `decode` returns for each line, once each."""
    lines = (shared_dir / "wire-samples" / f"{name}.jsonl").read_text().splitlines()
    decoded = [json.loads(line) for line in decode_lines([_one_scenario(line) for line in lines])]
    timed = {key for line in decoded for reading in line["readings"] if (key := _key(reading))}
    samples = [json.loads(line) for line in lines]
    messages = [(sample["topic"], _payload(sample), bool(sample.get("retain"))) for sample in samples]
    service = Service(mosquitto.url)
    with service.running():
        for message in messages:  # a topic that an announcement names is subscribed to before the next message
            publish(mosquitto.port, [message])
            time.sleep(0.05)
        service.drained(mosquitto.port)
    found = {(sensor, metric, round(value, 9)) for sensor, metric, _, value, _ in service.rows() if metric != "online"}
    assert found == timed
    online = [(sensor, value) for sensor, metric, _, value, _ in service.rows() if metric == "online"]
    announced = {state["sensor"] for line in decoded for state in line["availability"]}
    removed = {sensor for line in decoded for sensor in line["removed"]}  # a removed sensor is offline
    assert announced <= {sensor for sensor, _ in online} <= announced | removed


def _one_scenario(line: str) -> str:
    """Return the line with one scenario name for all lines: they share the decoder state."""
    return json.dumps(json.loads(line) | {"scenario": "all"})


def _key(reading: Mapping[str, Any]) -> tuple[str, str, float]:
    return reading["sensor"], reading["metric"], round(float(reading["value"]), 9)


def _payload(message: Mapping[str, Any]) -> bytes:
    return message["payload"].encode() if "payload" in message else base64.b64decode(message["payload_b64"])


# ---- the simulated school


@dataclass(frozen=True, slots=True)
class Form:
    """Capabilities of a format: metrics, resolution of a metric, timestamps.

    stamp: time of a reading on the wire (ms), from the times of measurement and sending; 0 for none.
    """

    metrics: frozenset[str]
    step: Mapping[str, float]
    stamp: Callable[[int, int], int]


def measured(time_ms: int, due_ms: int) -> int:
    """Return the time of the measurement."""
    del due_ms
    return time_ms


def received(time_ms: int, due_ms: int) -> int:
    """Return the time of arrival at the gateway; delayed readings keep their own time in whole seconds."""
    return time_ms // 1000 * 1000 if due_ms - time_ms > 60_000 else due_ms


def none(time_ms: int, due_ms: int) -> int:
    """Return 0: the format carries no time."""
    del time_ms, due_ms
    return 0


HEALTH = frozenset(("battery", "battery_voltage", "rssi"))
USUAL = frozenset(("smoke_density", "co", "temperature", "humidity", "co2", "rain", "leak", "current", "power"))
GATES = frozenset(("open", "access_granted", "people_in", "people_out", "isolated", "fault", "pressure", "flow"))
FORMS: Mapping[str, Form] = {
    "native": Form(USUAL | GATES | HEALTH | {"level"}, {}, measured),
    "batched": Form(USUAL | GATES | HEALTH | {"level"}, {}, measured),
    "senml": Form((USUAL | GATES | HEALTH) - {"pressure", "flow"}, {}, measured),
    "homie": Form(USUAL | GATES | HEALTH, {}, none),
    "sparkplug_b": Form(USUAL | GATES | HEALTH, {}, measured),
    "tasmota": Form(frozenset(("temperature", "humidity", "co2", "power", "current", "rssi")), {}, none),
    "shelly_gen2": Form(frozenset(("leak", "power", "current")) | HEALTH, {}, measured),
    "chirpstack": Form(
        frozenset(("temperature", "humidity", "co2", "leak", "battery")),
        {"temperature": 0.1, "humidity": 0.5, "co2": 1.0, "battery": 1.0},
        received,
    ),
    "zigbee2mqtt": Form(USUAL - {"rain"}, {}, measured),
}


OUTAGE = """
id = "outage"
name_en = "A gateway away"
name_zh = "网关断开"
text_en = "The gateway of the teaching buildings is away for five minutes."
text_zh = "教学楼网关断开五分钟。"
rule = "the interval is the gateway's absence"
start = "2026-11-03T00:00:00+08:00"
duration_s = 86400

[[fault]]
kind = "gateway_outage"
zone = "classroom"
at_s = 300
duration_s = 300
on_return = "fifo"
burst_per_s = 50
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A morning rush with a gateway outage of five minutes and its backfill."""
    path = tmp_path_factory.mktemp("scenario") / "outage.toml"
    path.write_text(OUTAGE)
    script = replace(compose(load_scenario("quiet"), [(load_scenario(path), 0.0)]), duration_s=1500)
    return plan(script, build_campus(), start_ms=script.start_ms + 7 * 3_600_000)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_measurements_are_stored(name: str, world: World, mosquitto: Any) -> None:
    """Every measurement of the format's devices is stored with sensor, metric, value and time."""
    messages = Wire(world, formats=name).advance(world.span_ms[1])
    service = Service(mosquitto.url)
    with service.running():
        publish(mosquitto.port, [(message.topic, message.payload, message.retain) for message in messages])
        service.drained(mosquitto.port)
    assert not service.rejected()
    form, encoder = FORMS[name], ENCODERS[name](world.fleet)
    wanted = _wanted(world, name, encoder, form)
    sensors = {sensor for sensor, _ in wanted}
    found: Series = defaultdict(list)
    for sensor, metric, time_ns, value, _ in service.rows():
        if sensor in sensors and metric in form.metrics:
            found[sensor, metric].append((0 if form.stamp is none else time_ns // MS, value))
    assert sum(map(len, wanted.values())) > 100
    if name == "zigbee2mqtt":  # each message repeats the whole state
        assert all(set(wanted[key]) <= set(found[key]) for key in wanted)
        return
    assert found.keys() == wanted.keys()
    for key, series in wanted.items():
        step = form.step.get(key[1], 0.0)
        assert [at for at, _ in found[key]] == [at for at, _ in series], key
        assert [value for _, value in found[key]] == pytest.approx(
            [value for _, value in series], abs=step / 2 + 1e-9, rel=1e-9
        ), key


def _wanted(world: World, name: str, encoder: Encoder, form: Form) -> Series:
    """Return the measurements of the format's devices in order of sending."""
    carried = _devices_of(world, name)
    rows = []
    for part in Stream(world).advance(world.span_ms[1]):
        stamps = (part.device.tolist(), part.time_ms.tolist(), part.due_ms.tolist(), part.values.tolist())
        for index, time_ms, due_ms, values in zip(*stamps, strict=True):
            for metric, value in zip(part.metrics, values, strict=True):
                if index in carried and metric in form.metrics and not isnan(value):
                    sensor = encoder.identity(world.fleet.devices[index], metric)
                    rows.append((due_ms, index, time_ms, sensor, metric, value))
    found: Series = defaultdict(list)
    for due_ms, _, time_ms, sensor, metric, value in sorted(rows):
        found[sensor, metric].append((form.stamp(time_ms, due_ms), value))
    return found


def _devices_of(world: World, name: str) -> frozenset[int]:
    """Return the indexes of the format's devices: all, or those that its encoder carries."""
    encoder = MAKERS[name](world.fleet) if name in MAKERS else None
    return frozenset(
        index
        for index, device in enumerate(world.fleet.devices)
        if (device.model != "camera" if encoder is None else encoder.carries(device))
    )


def test_camera_events_are_stored(world: World, mosquitto: Any) -> None:
    """Start and end of each Frigate object are stored with camera, label and time."""
    messages = Wire(world, formats="frigate").advance(world.span_ms[1])
    service = Service(mosquitto.url)
    with service.running():
        publish(mosquitto.port, [(message.topic, message.payload, message.retain) for message in messages])
        service.drained(mosquitto.port)
    assert not service.rejected()
    wanted = Counter(
        (world.fleet.devices[index].id, time_ms, float(labels["state"] != "end"))
        for part in Stream(world).advance(world.span_ms[1])
        if part.labels
        for index, time_ms, labels in zip(part.device.tolist(), part.time_ms.tolist(), part.labels, strict=True)
    )
    found = Counter(
        (sensor, time_ns // MS, value)
        for sensor, metric, time_ns, value, _ in service.rows()
        if metric == "object_present"
    )
    assert sum(wanted.values()) > 20
    assert found == wanted


def test_data_without_a_birth_request_a_rebirth(world: World, mosquitto: Any) -> None:
    """Data without a received birth make the service request a rebirth; after it the data are decoded."""
    messages = [
        m for m in Wire(world, formats="sparkplug_b").advance(world.span_ms[1]) if m.topic.startswith("spBv1.0/")
    ]
    births = [message for message in messages if "BIRTH" in message.topic]
    asked: list[bytes] = []
    node = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    node.on_message = lambda _client, _data, message: asked.append(message.payload)
    node.connect("127.0.0.1", mosquitto.port)
    node.subscribe("spBv1.0/+/NCMD/+", qos=1)
    node.loop_start()
    service = Service(mosquitto.url)
    with service.running():
        data = next(message for message in messages if "DDATA" in message.topic)
        publish(mosquitto.port, [(data.topic, data.payload, False)])
        until(lambda: asked)
        assert b"Node Control/Rebirth" in asked[0]
        publish(mosquitto.port, [(message.topic, message.payload, False) for message in [*births, data]])
        service.drained(mosquitto.port)
    node.disconnect()
    node.loop_stop()
    assert set(service.rejected()) == {"undescribed"}
    sensor = _sensor_of(data)
    assert [row for row in service.rows() if row[0] == sensor and row[1] != "online"]


def _sensor_of(message: Message) -> str:
    _, group, _, node, device = message.topic.split("/")
    return f"{group}/{node}/{device}"


def test_a_message_on_an_announced_topic_is_stored_once(mosquitto: Any) -> None:
    """On topics inside and outside of other filters each message is stored once, also after a restart."""
    topics = ["campus/dorm1/smoke7/state", "yard/binary_sensor/door/state", "some/where/else"]
    configs = [
        (
            f"homeassistant/binary_sensor/e{number}/config",
            json.dumps({"unique_id": f"e{number}", "device_class": "smoke", "state_topic": topic}).encode(),
            True,
        )
        for number, topic in enumerate(topics)
    ]
    service = Service(mosquitto.url)
    with service.running():
        publish(mosquitto.port, configs)
        until(lambda: set(topics) <= set(service.intake.subscriptions))
        time.sleep(0.3)
        publish(mosquitto.port, [(topic, b"ON", False) for topic in topics])
        service.drained(mosquitto.port)
    memory = [
        (name, key, value)
        for sealed in service.sealed
        for (name, key), value in sealed.of(Memory).values.items()
        if value
    ]
    again = Service(mosquitto.url, memory=memory)
    with again.running():
        publish(mosquitto.port, [(topic, b"OFF", False) for topic in topics])
        again.drained(mosquitto.port)
    for found, value in ((service, 1.0), (again, 0.0)):
        assert sorted(row[:2] + row[3:4] for row in found.rows()) == [(f"e{n}", "smoke", value) for n in range(3)]
