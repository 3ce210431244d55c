"""States that end without a message: after their time, or when their source restarts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest import METRIC_BY_NAME, Catalog, Intake, Memory, Quality
from ingest.decode import decoders
from ingest.decode.contract import Availability, Decoded, Reading
from ingest.decode.faults import Faults
from ingest.intake import endings

SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS
MOTION, SMOKE = METRIC_BY_NAME["motion"].code, METRIC_BY_NAME["smoke"].code
FAULT = METRIC_BY_NAME["fault"].code
OBJECT = METRIC_BY_NAME["object_present"].code


class Scripted:
    """Decoder whose payload numbers the results of a script."""

    name = "scripted"
    subscriptions: Sequence[str] = ("x/#",)

    def __init__(self, *script: Decoded) -> None:
        self.script = script

    def claims(self, topic: str) -> bool:
        """Return True for its topics."""
        return topic.startswith("x/")

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Return the result with the number of the payload."""
        return self.script[int(payload)]


class Plant:
    """An intake with a scripted decoder, a clock in seconds, and the stored rows."""

    def __init__(self, *script: Decoded) -> None:
        self.catalog, self.memory = Catalog(), dict[tuple[str, str], bytes]()
        self.script, self.rows = script, list[tuple[int, float, float, int]]()
        self.start()

    def start(self) -> None:
        """Start a process from the durable memory."""
        kept = [(*key, value) for key, value in self.memory.items()]
        self.intake = Intake(self.catalog, [Scripted(*self.script)], memory=kept)

    def send(self, number: int, at_s: float) -> None:
        """Receive a message."""
        self.intake.accept([(0, 0, b"x/1", str(number).encode())], START_NS + int(at_s * SECOND_NS))

    def tick(self, at_s: float) -> None:
        """Run the clock of the service."""
        self.intake.tick(START_NS + int(at_s * SECOND_NS))

    def seal(self) -> list[tuple[int, float, float, int]]:
        """Return metric, event second, value and quality of the batch's rows, without the service's own."""
        sealed = self.intake.seal()
        assert sealed is not None
        for fact in sealed.facts:
            if isinstance(fact, Memory):
                for key, value in fact.values.items():
                    self.memory = {name: one for name, one in self.memory.items() if name != key}
                    self.memory |= {} if value is None else {key: value}
        batch = sealed.batch
        return [
            (metric, (time - START_NS) / SECOND_NS, value, quality)
            for metric, time, value, quality in zip(
                *(getattr(batch, name).tolist() for name in ("metric", "time_ns", "value", "quality")), strict=True
            )
            if metric in (MOTION, SMOKE, OBJECT, FAULT)
        ]


def on(metric: str = "motion", *, lasts_s: float = 0.0, quality: Quality = Quality.GOOD, **dims: str) -> Decoded:
    """Return a state that is true."""
    reading = Reading("pir", "camera", metric, 1.0, "bool", quality=quality, dims=dims, lasts_s=lasts_s)
    return Decoded(readings=(reading,))


OFF = Decoded(readings=(Reading("pir", "camera", "motion", 0.0, "bool"),))
RESTART = Decoded(availability=(Availability("pir", online=True),))
GONE = Decoded(availability=(Availability("pir", online=False),))


def test_state_ends_after_its_time() -> None:
    """The end has the moment of the end, however late the service writes it."""
    plant = Plant(on(lasts_s=2))
    plant.send(0, 0)
    plant.tick(1.9)
    plant.tick(5)
    plant.tick(10)
    assert plant.seal() == [(MOTION, 0, 1, 0), (MOTION, 2, 0, 0)]


def test_repeated_state_lasts_longer_and_a_reported_end_counts() -> None:
    """The last report decides; the service adds no second end."""
    plant = Plant(on(lasts_s=2), OFF)
    plant.send(0, 0)
    plant.send(0, 1.5)
    plant.tick(2.5)
    plant.send(1, 3)
    plant.tick(9)
    assert plant.seal() == [(MOTION, 0, 1, 0), (MOTION, 1.5, 1, 0), (MOTION, 3, 0, 0)]


def test_message_after_the_end_begins_anew() -> None:
    """The end precedes the next message, also without a tick between them."""
    plant = Plant(on(lasts_s=2))
    plant.send(0, 0)
    plant.send(0, 4)
    assert plant.seal() == [(MOTION, 0, 1, 0), (MOTION, 2, 0, 0), (MOTION, 4, 1, 0)]


@pytest.mark.parametrize("metric", ["motion", "smoke"])
def test_end_survives_a_restart_of_the_service(metric: str) -> None:
    """The durable memory has the moment; after the end it has none."""
    plant = Plant(on(metric, lasts_s=2))
    plant.send(0, 0)
    plant.seal()
    plant.start()
    plant.tick(60)
    assert [row[1:] for row in plant.seal()] == [(2, 0, 0)]
    assert not any(owner == endings.MEMORY for owner, _ in plant.memory)


def test_end_of_a_test_is_a_test() -> None:
    """A test button ends as a drill."""
    plant = Plant(on("smoke", lasts_s=5, quality=Quality.TEST))
    plant.send(0, 0)
    plant.tick(9)
    assert plant.seal() == [(SMOKE, 0, 1, Quality.TEST), (SMOKE, 5, 0, Quality.TEST)]


def test_restart_of_the_source_ends_its_momentary_states() -> None:
    """A camera that starts anew no longer follows its objects; a smoke alarm stays until its detector ends it."""
    plant = Plant(on(), on("object_present", label="person", track="7"), on("smoke"), GONE, RESTART)
    for number in range(5):
        plant.send(number, number)
    assert plant.seal() == [
        (MOTION, 0, 1, 0), (OBJECT, 1, 1, 0), (SMOKE, 2, 1, 0), (MOTION, 4, 0, 0), (OBJECT, 4, 0, 0),
    ]  # fmt: skip


def test_restart_of_a_gateway_ends_the_states_behind_it() -> None:
    """A server of cameras announces itself; other devices keep their states."""
    behind = Decoded(readings=(Reading("yard", "camera", "motion", 1.0, "bool"),), gateway="server")
    back = Decoded(availability=(Availability("server", online=True),))
    plant = Plant(behind, on(), back)
    for number in range(3):
        plant.send(number, number)
    rows = plant.seal()
    assert rows == [(MOTION, 0, 1, 0), (MOTION, 1, 1, 0), (MOTION, 2, 0, 0)]


def test_fault_without_a_value_ends_with_the_next_value_after_a_restart() -> None:
    """The decoder forgets the fault; a fact of the device is no value."""
    fault = Decoded(readings=(Faults().begin("probe"),))
    battery = Decoded(readings=(Reading("probe", "device", "battery", 80.0, "%"),))
    value = Decoded(readings=(Reading("probe", "camera", "motion", 1.0, "bool"),))
    plant = Plant(fault, battery, value)
    plant.send(0, 0)
    assert plant.seal() == [(FAULT, 0, 1, 0)]
    plant.start()
    plant.send(1, 1)
    plant.send(2, 2)
    plant.send(2, 3)
    assert [row for row in plant.seal() if row[0] == FAULT] == [(FAULT, 2, 0, 0)]


@pytest.mark.shared
def test_reported_contact_with_an_off_delay_ends(shared_dir: Path) -> None:
    """Two reports of a motion contact with an off_delay of 2 s: motion ends 2 s after the second one."""
    lines = (shared_dir / "field-reports" / "R21-ha-off-delay.jsonl").read_text(encoding="utf-8").splitlines()
    messages = [json.loads(line) for line in lines]
    plant = Plant()
    plant.intake = Intake(plant.catalog, decoders(("ha_discovery",)))
    for at_s, message in enumerate(messages):
        frame = (0, 0, message["topic"].encode(), message["payload"].encode())
        plant.intake.accept([frame], START_NS + at_s * SECOND_NS)
    plant.tick(10)
    assert plant.seal() == [(MOTION, 1, 1, 0), (MOTION, 2, 1, 0), (MOTION, 4, 0, 0)]
