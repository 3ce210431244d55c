"""Intake: for any input, good readings are stored once and every reject is counted with its reason."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    BatchSettings,
    Catalog,
    CatalogChanges,
    Count,
    Counts,
    Intake,
    MessageKeys,
    Quality,
    QuarantineChanges,
    Sealed,
    Sensor,
    concat,
    residual,
)
from ingest.decode.contract import Availability, Decoded, Reading
from ingest.vocabulary import METRIC_BY_NAME

NOW_NS = 1_764_000_000_000_000_000
NOW_MS = NOW_NS // 1_000_000
TOPIC = b"campus/s1/smoke/a"
DAY_MS = 86_400_000


def make_intake(catalog: Catalog | None = None, decoders: tuple[Any, ...] = (), **options: Any) -> Intake:
    """Return an intake that seals batches on demand only."""
    return Intake(catalog or Catalog(), decoders, batch=BatchSettings(age_s=10), **options)


def seal(intake: Intake) -> Sealed:
    """Return the sealed batch, which must exist and balance."""
    sealed = intake.seal()
    assert sealed is not None
    assert not any(residual(sealed.of(Counts).rows).values())
    assert len(sealed.batch) == total(sealed, "stored")
    return sealed


def total(sealed: Sealed, outcome: str, reason: str | None = None) -> int:
    """Return the rows counted under an outcome."""
    return sum(
        rows
        for count, rows in sealed.of(Counts).rows.items()
        if count.outcome == outcome and reason in (None, count.reason)
    )


class Gadget:
    """A foreign format with configurable results and errors."""

    name = "gadget"
    subscriptions = ("gadget/#",)

    def claims(self, topic: str) -> bool:
        """Return True under its root."""
        return topic.startswith("gadget/")

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:
        """Return a reading or an availability, or raise a programming error."""
        del retained
        sensor = topic.partition("/")[2]
        if payload == b"boom":
            raise RuntimeError("a bug")
        if payload in (b"up", b"down"):
            return Decoded(availability=(Availability(sensor, online=payload == b"up"),))
        return Decoded(
            readings=(Reading(sensor, "water", "level", float(payload), "m", gateway_ns=now_ns, dims={"x": 1}),)
        )


HOSTILE = (
    (b"campus/s1/smoke/\xff", b'{"co": 1}', 0, "utf8"),
    (TOPIC, b'{"co": "\xff"}', 0, "utf8"),
    (TOPIC, b'{"co": 1', 0, "json"),
    (TOPIC, b"", 0, "empty"),
    (TOPIC, b"[]", 0, "empty"),
    (TOPIC, b"17", 0, "not_object"),
    (TOPIC, b'{"co": NaN}', 0, "not_finite"),
    (TOPIC, b'{"co": Infinity}', 0, "not_finite"),
    (TOPIC, b'{"co": -1e400}', 0, "not_finite"),
    (TOPIC, b'{"co": "21"}', 0, "type"),
    (TOPIC, b'{"co": [[1]]}', 0, "type"),
    (TOPIC, b'{"co-2": 1}', 0, "metric_name"),
    (TOPIC, b'{"tick": 1}', 0, "metric_reserved"),
    (TOPIC, b'{"backlog": 1000000}', 0, "metric_reserved"),
    (TOPIC, b'{"time": 0, "humidity": 1}', 0, "time_past"),
    (TOPIC, b'{"time": %d, "humidity": 1}' % (NOW_MS - 367 * DAY_MS), 0, "time_past"),
    (TOPIC, b'{"time": %d, "humidity": 1}' % (NOW_MS + 2 * DAY_MS), 0, "time_future"),
    (TOPIC, b'{"co":' + b"[" * 5000, 0, "depth"),
    (TOPIC, b"", 0x100, "too_large"),
    (b"elsewhere/x", b'{"co": 1}', 0, "topic"),
    (b"campus/s1/smoke", b'{"co": 1}', 0, "topic"),
    (b"campus/s1/fire/a", b'{"co": 1}', 0, "kind"),
    (b"campus/s1/smoke/a b", b'{"co": 1}', 0, "sensor_name"),
    (b"gadget/g", b"boom", 0, "internal"),
    (b"gadget/g", b"nan", 0, "not_finite"),
)


def test_each_hostile_message_is_one_counted_reject_and_valid_messages_are_stored() -> None:
    """A corpus of bad input in a seeded mix with good messages, in a hundred rounds."""
    dice = random.Random(7)  # noqa: S311 - a test's dice
    intake = make_intake(decoders=(Gadget(),))
    good = 0
    wanted: dict[str, int] = {}
    parts = []
    for _ in range(100):
        frames = []
        for topic, payload, flags, reason in HOSTILE:
            frames.append((0x30 | flags, 0, topic, payload))
            wanted[reason] = wanted.get(reason, 0) + 1
            if dice.random() < 0.7:
                frames.append((0x32, 1 + good % 60_000, TOPIC, b'{"seq": %d, "co": %d}' % (good, good)))
                good += 1
        intake.accept(frames, NOW_NS)
        parts.append(seal(intake))
    batch = concat([part.batch for part in parts])
    assert batch.value.tolist() == list(range(good))
    found: dict[str, int] = {}
    for part in parts:
        assert len(part.of(QuarantineChanges).rejected) <= 100
        for count, rows in part.of(Counts).rows.items():
            if count.outcome == "quarantined":
                found[count.reason] = found.get(count.reason, 0) + rows
    assert found == wanted
    assert {sample.reason for sample in parts[0].of(QuarantineChanges).rejected} == set(wanted)


def test_counts_name_site_and_format() -> None:
    """The accounts are by the topic's site and by format."""
    intake = make_intake(decoders=(Gadget(),))
    frames = [
        (0x30, 0, b"campus/north/env/a", b'{"co": 1, "temperature": 20}'),
        (0x30, 0, b"gadget/g", b"1.5"),
    ]
    intake.accept(frames, NOW_NS)
    sealed = seal(intake)
    assert sealed.of(Counts).rows[Count("north", "native", "stored")] == 2
    assert sealed.of(Counts).rows[Count("school-1", "gadget", "stored")] == 1
    assert sealed.batch.attributes == {2: {"x": 1, "gateway_ns": NOW_NS}}
    assert [(s.site, s.id) for s in sealed.of(CatalogChanges).sensors] == [
        ("_service", "clock"),
        ("north", "a"),
        ("school-1", "g"),
    ]


def test_the_kind_of_a_native_sensor_is_its_topics() -> None:
    """A smoke detector whose first metric is its battery, or an unknown one, has kind smoke."""
    catalog = Catalog()
    intake = make_intake(catalog)
    intake.accept([(0x30, 0, TOPIC, b'{"battery": 90, "slime": 1}')], NOW_NS)
    seal(intake)
    found = catalog.find("s1", "a")
    assert found is not None
    assert found.kind == "smoke"


def test_a_duplicate_is_stored_once_also_after_a_restart() -> None:
    """With time or seq, equal bytes on one topic are a duplicate, before and after the keys are in the log."""
    message = (0x32, 5, TOPIC, b'{"time": %d, "co": 1, "battery": 9}' % NOW_MS)
    intake = make_intake()
    intake.accept([message, message], NOW_NS)
    sealed = seal(intake)
    assert (len(sealed.batch), total(sealed, "duplicate"), len(sealed.of(MessageKeys).keys)) == (2, 2, 1)
    reborn = make_intake(recent_keys=sealed.of(MessageKeys).keys)
    reborn.accept([message, (0x3A, 6, TOPIC, message[3])], NOW_NS)
    again = seal(reborn)
    assert (len(again.batch), total(again, "duplicate")) == (0, 4)


def test_without_time_only_dup_makes_a_duplicate() -> None:
    """Equal bytes twice are two readings; a repeat of the packet id with DUP is one."""
    payload = b'{"co": 1}'
    intake = make_intake()
    intake.accept([(0x32, 5, TOPIC, payload), (0x32, 6, TOPIC, payload), (0x30, 0, TOPIC, payload)], NOW_NS)
    sealed = seal(intake)
    assert len(sealed.batch) == 3
    reborn = make_intake(recent_keys=sealed.of(MessageKeys).keys)
    reborn.accept([(0x3A, 5, TOPIC, payload), (0x3A, 7, TOPIC, payload), (0x32, 6, TOPIC, payload)], NOW_NS)
    again = seal(reborn)
    assert (len(again.batch), total(again, "duplicate")) == (2, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 15), st.booleans(), st.booleans()), max_size=60), st.integers(1, 20))
def test_any_redelivery_over_any_restart_stores_each_message_once(
    deliveries: list[tuple[int, bool, bool]], restart_every: int
) -> None:
    """Messages with seq, in any order and number, with restarts from the logged keys, give one row each."""
    keys: list[int] = []
    stored: list[float] = []
    intake = make_intake()
    for index, (seq, again, in_array) in enumerate(deliveries):
        payload = b'[{"seq": %d, "co": %d}]' if in_array else b'{"seq": %d, "co": %d}'
        seq = seq * 2 + in_array  # noqa: PLW2901 - the two forms are two messages
        intake.accept([(0x3A if again else 0x32, index + 1, TOPIC, payload % (seq, seq))], NOW_NS)
        if index % restart_every == 0:
            sealed = seal(intake)
            keys += sealed.of(MessageKeys).keys
            stored += sealed.batch.value.tolist()
            intake = make_intake(recent_keys=keys)
    last = intake.seal()
    stored += last.batch.value.tolist() if last else []
    assert sorted(stored) == sorted({seq * 2 + in_array for seq, _, in_array in deliveries})


def test_times_slightly_ahead_become_arrival_times_with_a_notice() -> None:
    """More than two minutes ahead the arrival time counts, otherwise the sensor's time."""
    intake = make_intake()
    times = [NOW_MS + 119_000, NOW_MS + 121_000, NOW_MS - 365 * DAY_MS]
    intake.accept([(0x30, 0, TOPIC, b'{"time": %d, "co": 1}' % time) for time in times], NOW_NS)
    sealed = seal(intake)
    assert sealed.batch.time_ns.tolist() == [times[0] * 10**6, NOW_NS, times[2] * 10**6]
    assert total(sealed, "notice", "time_future") == 1


def test_values_out_of_range_are_kept_as_fault_and_unknown_metrics_are_kept() -> None:
    """No measurement is lost; a notice reports it."""
    intake = make_intake()
    intake.accept([(0x30, 0, TOPIC, b'{"smoke_concentration": 250, "smoke": 0.5, "slime": 1e30, "co": 5}')], NOW_NS)
    sealed = seal(intake)
    assert sealed.batch.quality.tolist() == [Quality.FAULT, Quality.FAULT, Quality.GOOD, Quality.GOOD]
    assert total(sealed, "notice", "out_of_range") == 2
    assert total(sealed, "notice", "unknown_metric") == 1
    assert [metric.name for metric in sealed.of(CatalogChanges).metrics] == ["slime"]


def test_null_and_the_services_status_count_only_as_a_notice() -> None:
    """A message without a measurement is not counted as received."""
    intake = make_intake()
    intake.accept([(0x30, 0, TOPIC, b'{"co": null}'), (0x31, 0, b"campus/_service/x/status", b"online")], NOW_NS)
    sealed = seal(intake)
    assert total(sealed, "notice", "ignored") == 2
    assert total(sealed, "received") == 0


def test_availability_becomes_online_once_per_change_even_retained() -> None:
    """Repetitions add no reading."""
    intake = make_intake(decoders=(Gadget(),))
    messages = [(0x31, b"up"), (0x30, b"up"), (0x30, b"down"), (0x30, b"up")]
    intake.accept([(flags, 0, b"gadget/g", payload) for flags, payload in messages], NOW_NS)
    sealed = seal(intake)
    assert sealed.batch.value.tolist() == [1, 0, 1]
    assert set(sealed.batch.metric.tolist()) == {METRIC_BY_NAME["online"].code}
    assert total(sealed, "notice", "ignored") == 1


def test_a_full_catalogue_rejects_new_sensors_and_serves_known_ones() -> None:
    """The bound gives a reject reason, not an error."""
    intake = make_intake(Catalog(sensors_max=2))
    frames = [(0x30, 0, b"campus/s1/env/%d" % n, b'{"co": 1}') for n in (1, 2, 1, 3)]
    intake.accept(frames, NOW_NS)
    sealed = seal(intake)
    assert (len(sealed.batch), total(sealed, "quarantined", "sensor_limit")) == (2, 2)


def test_the_clock_reading_is_in_the_batch_but_not_in_the_accounts() -> None:
    """Ticks are readings of the service."""
    intake = make_intake()
    intake.tick(NOW_NS)
    sealed = intake.seal()
    assert sealed is not None
    assert (sealed.batch.metric.tolist(), sealed.batch.time_ns.tolist()) == ([METRIC_BY_NAME["tick"].code], [NOW_NS])
    assert not sealed.of(Counts).rows
    assert intake.seal() is None


@pytest.mark.parametrize(
    ("settings_", "frames", "later_ns", "bound"),
    [
        (BatchSettings(rows_max=2, age_s=10), 2, 0, "rows"),
        (BatchSettings(bytes_max=1024, age_s=10), 114, 0, "bytes"),
        (BatchSettings(ordinary_age_s=0.03), 1, 30_000_000, "age"),
        (BatchSettings(age_s=0.02), 1, -3_600_000_000_000, "age"),
    ],
)
def test_each_bound_closes_the_batch_and_is_counted(
    settings_: BatchSettings, frames: int, later_ns: int, bound: str
) -> None:
    """Rows, bytes and age seal a batch; a clock that jumps back delays no reading for an hour."""
    intake = Intake(Catalog(), batch=settings_)
    assert not intake.due(NOW_NS)
    for number in range(frames):
        assert not intake.due(NOW_NS)
        intake.accept([(0x30, 0, b"campus/s1/env/a", b'{"co": %d}' % (number % 10))], NOW_NS)
    assert intake.due(NOW_NS + later_ns)
    assert intake.seal(NOW_NS + later_ns) is not None
    assert intake.bounds_acted == {"rows": 0, "bytes": 0, "age": 0, "asked": 0} | {bound: 1}
    assert not intake.due(NOW_NS + 10**12)


def test_a_declared_sensor_gets_its_code_with_its_first_message() -> None:
    """A declared sensor has no code before its first reading, which must not use another sensor's."""
    catalog = Catalog([Sensor(0, "a", "s", "smoke", place="room"), Sensor(0, "b", "s", "smoke", place="hall")])
    intake = Intake(catalog, batch=BatchSettings(age_s=10))
    intake.accept([(0x30, 0, b"campus/s/smoke/" + name, b'{"smoke": true}') for name in (b"b", b"a", b"b")], NOW_NS)
    sealed = intake.seal()
    assert sealed is not None
    assert [catalog[code].id for code in sealed.batch.sensor.tolist()] == ["b", "a", "b"]
    assert {sensor.place for sensor in catalog if sensor.kind == "smoke"} == {"room", "hall"}


@pytest.mark.parametrize("known_before", [False, True])
def test_a_strict_catalogue_quarantines_whole_messages_of_unknown_sites(*, known_before: bool) -> None:
    """Also a site with readings from before the setting; an unknown sensor of a known site is stored, unassigned."""
    catalog = Catalog(sites={"s1"})
    if known_before:
        catalog.code("s2", "a", "smoke")
    intake = make_intake(catalog)
    for topic in (b"campus/s2/smoke/a", b"campus/s1/smoke/new"):
        intake.accept([(0x32, 1, topic, b'{"seq": 1, "smoke": 1}')], NOW_NS)
    sealed = seal(intake)
    assert [catalog[code].id for code in sealed.batch.sensor.tolist()] == ["new"]
    assert total(sealed, "quarantined", "site_unknown") == 1
    (kept,) = sealed.of(QuarantineChanges).rejected
    assert (kept.topic, kept.payload) == ("campus/s2/smoke/a", b'{"seq": 1, "smoke": 1}')


@pytest.mark.parametrize("name", ["site", "device", "sensor"])
def test_a_payload_of_another_device_is_rejected(name: str) -> None:
    """An object that names its device is stored only under the topic of that device."""
    intake = make_intake()
    true = "s1" if name == "site" else "a"
    payload = f'[{{"seq": 1, "{name}": "{true}", "co": 1}}, {{"seq": 2, "{name}": "b", "co": 2}}]'
    intake.accept([(0x32, 1, TOPIC, payload.encode())], NOW_NS)
    sealed = seal(intake)
    assert sealed.batch.value.tolist() == [1.0]
    assert total(sealed, "quarantined", "identity") == 1
