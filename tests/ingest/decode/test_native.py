"""Native format: meaning of each payload, and equality of hot path and slow path."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import METRIC_BY_NAME, BatchSettings, Catalog, Counts, Intake, MessageKeys, Quality, Sealed, residual
from ingest.decode.contract import Decoded
from ingest.decode.native import NativeDecoder
from ingest.vocabulary import SERVICE_METRICS

NOW_NS = 1_764_000_000_000_000_000
NOW_MS = NOW_NS // 1_000_000


def decode(payload: bytes | str, topic: str = "campus/s1/smoke/a") -> Decoded:
    """Decode one message on the slow path."""
    raw = payload.encode() if isinstance(payload, str) else payload
    return NativeDecoder().decode(topic, raw, retained=False, now_ns=NOW_NS)


def values(decoded: Decoded) -> list[tuple[str, str, float, int | None]]:
    """Return kind, metric, value and time of each reading."""
    return [(r.kind, r.metric, r.value, r.time_ns) for r in decoded.readings]


def test_an_object_gives_a_reading_per_metric_with_device_metrics_apart() -> None:
    """Booleans become 0 and 1, null is no measurement, device metrics have kind device, unknown ones kind env."""
    decoded = decode('{"time": 1764000000123, "seq": 1, "smoke": true, "co": null, "battery": 88, "slime": 2}')
    time_ns = 1_764_000_000_123_000_000
    assert values(decoded) == [
        ("smoke", "smoke", 1.0, time_ns),
        ("device", "battery", 88.0, time_ns),
        ("env", "slime", 2.0, time_ns),
    ]
    assert list(decoded.notices) == ["unknown_metric"]


@pytest.mark.parametrize(
    ("time", "wanted"),
    [
        ('"2025-11-24T16:00:00Z"', 1_764_000_000_000_000_000),
        ('"2025-11-25T00:00:00.25+08:00"', 1_764_000_000_250_000_000),
        ("1764000000001", 1_764_000_000_001_000_000),
        ("1764000000001.5", 1_764_000_000_001_500_000),
        ("1764000000", 1_764_000_000_000_000_000),
        ("1764000000000001", 1_764_000_000_000_001_000),
        ('"2025-11-24 16:00:00"', 1_764_000_000_000_000_000),
        ("7300", 7_300_000_000),
        ("null", None),
    ],
)
def test_times_in_every_allowed_form(time: str, wanted: int | None) -> None:
    """RFC 3339 with any offset and epoch times in any unit are exact; null counts as absent."""
    (reading,) = decode(f'{{"time": {time}, "co": 1}}').readings
    assert (reading.time_ns, reading.doubt) == (wanted, "")


@pytest.mark.parametrize(
    ("time", "doubt"),
    [
        ('"yesterday"', "time_format"),
        ("true", "time_format"),
        ("-5", "time_past"),
        ('"9999-01-01T00:00:00Z"', "time_future"),
        ("1e300", "time_future"),
    ],
)
def test_unusable_time_keeps_the_reading(time: str, doubt: str) -> None:
    """An alarm with an unusable time is read at its arrival, with the doubt."""
    decoded = decode(f'{{"time": {time}, "smoke": true}}')
    assert [(reading.value, reading.time_ns, reading.doubt) for reading in decoded.readings] == [(1.0, None, doubt)]
    assert not decoded.rejects


def test_repeated_alarm_with_an_unusable_time_is_no_duplicate() -> None:
    """On, off and on again with the same unusable time are three readings."""
    intake = Intake(Catalog())
    for value in (b"true", b"false", b"true"):
        intake.accept([(0x32, 1, b"campus/s1/smoke/a", b'{"time": "soon", "smoke": %s}' % value)], NOW_NS)
    sealed = intake.seal()
    assert sealed is not None
    assert sealed.batch.value.tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("payload", "reasons"),
    [
        (b"", ["empty"]),
        (b"  ", ["empty"]),
        (b"{}", ["empty"]),
        (b"[]", ["empty"]),
        (b'{"time": 1764000000000, "seq": 4}', ["empty"]),
        (b'{"co": 1', ["json"]),
        (b"co=1", ["json"]),
        (b'{"co": "\xff"}', ["utf8"]),
        (b"5", ["not_object"]),
        (b'[{"co": 1}, 7]', ["not_object"]),
        (b'{"co": NaN}', ["not_finite"]),
        (b'{"co": -Infinity, "temperature": 20}', ["not_finite"]),
        (b'{"co": 1e999}', ["not_finite"]),
        (b'{"co": 1' + b"0" * 400 + b"}", ["not_finite"]),
        (b'{"co": "21.5"}', ["type"]),
        (b'{"co": [1]}', ["type"]),
        (b'{"co": {"a": 1}}', ["type"]),
        (b'{"b\xc3\xa9": 1}', ["metric_name"]),
        (b'{"1st": 1}', ["metric_name"]),
        (b'{"co": ' + b"[" * 60 + b"]" * 60 + b"}", ["depth"]),
        (b"[" * 100_000, ["depth"]),
    ],
)
def test_bad_payloads_are_rejected_by_reason_and_never_raise(payload: bytes, reasons: list[str]) -> None:
    """Each kind of bad input has its own reason; good values of the same message stay."""
    assert [reject.reason for reject in decode(payload).rejects] == reasons


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("campus/s1/smoke", "topic"),
        ("campus/s1/smoke/a/b", "topic"),
        ("campus/s1/fire/a", "kind"),
        ("campus/s1/smoke/a b", "sensor_name"),
        ("campus//smoke/a", "sensor_name"),
        ("campus/s1/smoke/" + "x" * 65, "sensor_name"),
    ],
)
def test_topics_outside_the_scheme_are_rejected(topic: str, reason: str) -> None:
    """Only campus/{site}/{kind}/{sensor} with valid names is accepted."""
    assert decode('{"co": 1}', topic).rejects[0].reason == reason


def test_topics_of_the_service_are_rejected() -> None:
    """No client can write the service's clock."""
    decoded = decode('{"tick": 1}', "campus/_service/device/clock")
    assert decoded.ignored == "service"
    assert not decoded.readings


def test_a_self_test_marks_its_object_only() -> None:
    """Readings of an object with the flag have quality TEST, those of the next object GOOD."""
    decoded = decode('[{"test": true, "smoke": 1}, {"test": false, "smoke": 0}]')
    assert [(r.metric, r.quality) for r in decoded.readings] == [
        ("test", Quality.TEST),
        ("smoke", Quality.TEST),
        ("test", Quality.GOOD),
        ("smoke", Quality.GOOD),
    ]


@pytest.mark.parametrize(
    ("event", "metric", "value", "dims"),
    [
        ({"label": "person", "state": "start"}, "object_present", 1.0, {"label": "person", "phase": "start"}),
        ({"label": "person", "state": "end"}, "object_present", 0.0, {"label": "person", "phase": "end"}),
        ({"label": "fire", "score": 0.9}, "object_present", 1.0, {"label": "fire", "score": 0.9}),
        ({"label": "person", "count": 7, "track": 12}, "object_count", 7.0, {"label": "person", "track": "12"}),
        ({"label": "ebike", "zone": ["a", "b"]}, "object_present", 1.0, {"label": "ebike", "zone": ["a", "b"]}),
    ],
)  # fmt: skip
def test_camera_events_become_presence_or_count(
    event: dict[str, Any], metric: str, value: float, dims: dict[str, Any]
) -> None:
    """Label, zone, track, score and phase become dims."""
    (reading,) = decode(json.dumps(event), "campus/s1/camera/c").readings
    assert (reading.metric, reading.value, reading.dims) == (metric, value, dims)


def test_personal_data_is_left_out() -> None:
    """Card numbers and names never become readings or dims, for any type."""
    decoded = decode('{"open": true, "card_no": 1234, "holder_name": "x", "plate": "x"}', "campus/s1/gate/g")
    assert [r.metric for r in decoded.readings] == ["open"]
    assert not decoded.rejects
    assert list(decoded.notices) == ["personal_data"] * 3


@given(st.binary(max_size=200), st.sampled_from(("campus/s1/camera/a", "campus/s1/env/a", "x", "campus/é/env/a")))
def test_any_bytes_give_a_result(payload: bytes, topic: str) -> None:
    """The decoder never raises."""
    assert isinstance(decode(payload, topic), Decoded)


NAMES = st.sampled_from(("co", "temperature", "smoke", "battery", "slime", "test", "é", "card", "online"))
VALUES = st.one_of(
    st.floats(allow_nan=True),
    st.integers(-(10**30), 10**30),
    st.booleans(),
    st.none(),
    st.text(max_size=3),
    st.just([1]),
)
TIMES = st.one_of(
    st.integers(NOW_MS - 10**6, NOW_MS + 10**5),
    st.integers(-(10**20), 10**20),
    st.datetimes().map(lambda time: time.isoformat() + "Z"),
    st.floats(0, 1e15),
    st.none(),
    st.text(max_size=3),
    st.booleans(),
)
ITEMS = st.builds(
    lambda metrics, envelope: {**envelope, **metrics},
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.fixed_dictionaries({}, optional={"time": TIMES, "seq": st.one_of(st.integers(0, 9), st.none(), st.text())}),
)
LIKE = st.builds(
    lambda time, rest: dict(sorted({"time": time, **rest}.items())),
    st.one_of(st.integers(NOW_MS - 10**6, NOW_MS + 10**5), TIMES),
    st.fixed_dictionaries(
        {"co": st.one_of(st.integers(0, 10**30), st.booleans())},
        optional={"seq": st.integers(0, 9), "slime": st.floats(), "é": st.just(1)},
    ),
)
PAYLOADS = st.one_of(
    ITEMS,
    st.lists(st.one_of(ITEMS, st.integers(0, 3)), max_size=4),
    st.lists(ITEMS, min_size=1, max_size=3),
    st.tuples(LIKE, st.lists(st.one_of(LIKE, ITEMS), max_size=2)).map(lambda pair: [pair[0]] * 8 + pair[1]),
).map(lambda document: json.dumps(document, ensure_ascii=False).encode())


def outcome(sealed: Sealed) -> tuple[Any, ...]:
    """Return everything to be stored, in a comparable form."""
    batch = sealed.batch
    columns = (batch.sensor, batch.metric, batch.time_ns, batch.arrival_ns, batch.value, batch.quality)
    return [column.tolist() for column in columns], list(sealed.of(MessageKeys).keys), dict(sealed.of(Counts).rows)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # the first draws import modules
@given(
    st.lists(
        st.tuples(st.sampled_from((0x30, 0x32, 0x3A, 0x31)), st.integers(0, 3), st.integers(1, 9), PAYLOADS),
        min_size=1,
        max_size=8,
    )
)
def test_hot_path_and_slow_path_agree(messages: list[tuple[int, int, int, bytes]]) -> None:
    """The same messages give the same rows, keys and counts on both paths; the accounts balance."""
    frames = [
        (flags, packet_id if flags & 2 else 0, b"campus/s%d/smoke/a" % site, payload)
        for flags, site, packet_id, payload in messages
    ]
    results = []
    for hot in (True, False):
        catalog = Catalog()
        for name in ("slime", "online"):
            catalog.metric(name)
        intake = Intake(catalog, batch=BatchSettings(age_s=10))
        warm = [(0x30, 0, b"campus/s%d/smoke/a" % site, b'{"co": 1, "slime": 1}') for site in range(4)]
        intake.accept(warm, NOW_NS)
        arrays = b"[" + b",".join([b'{"time": %d, "co": 1}' % NOW_MS] * 8) + b"]"
        intake.accept([(0x30, 0, b"campus/s0/smoke/a", arrays)], NOW_NS)
        intake.seal()
        if not hot:
            force_slow_path(intake)
        intake.accept(frames, NOW_NS)
        sealed = intake.seal()
        results.append(None if sealed is None else outcome(sealed))
        assert sealed is None or not any(residual(sealed.of(Counts).rows).values())
        assert intake.internal_total == 0
    assert results[0] == results[1]


class NoRoutes(dict[bytes, Any]):
    """Routes without an entry: every message takes the slow path."""

    def get(self, _key: bytes, _default: Any = None) -> None:  # type: ignore[override]
        """Return None."""


def force_slow_path(intake: Intake) -> None:
    """Send every message to the slow path."""
    intake._slow.columns.routes = NoRoutes()
    intake._slow.resolve = lambda _topic: None  # type: ignore[method-assign]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from((0x30, 0x32, 0x3A, 0x31)),
            st.sampled_from(("s1/smoke/a", "s1/gate/a", "s1/env/a", "s1/camera/a", "s1/env/new", "_service/env/a")),
            PAYLOADS,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_known_sensors_resolve_as_on_the_slow_path(messages: list[tuple[int, str, bytes]]) -> None:
    """After a restart the first message of a known sensor gives the same result on both paths."""
    frames = [
        (flags, 1 + number if flags & 2 else 0, f"campus/{place}".encode(), payload)
        for number, (flags, place, payload) in enumerate(messages)
    ]
    results = []
    for hot in (True, False):
        catalog = Catalog()
        catalog.metric("slime")
        catalog.code("s1", "a", "gate", now_ns=NOW_NS)
        intake = Intake(catalog, batch=BatchSettings(age_s=10))
        if not hot:
            force_slow_path(intake)
        intake.accept(frames, NOW_NS)
        sealed = intake.seal()
        results.append((None if sealed is None else outcome(sealed), [sensor.kind for sensor in catalog]))
    assert results[0] == results[1]


def test_a_known_sensor_takes_the_hot_path() -> None:
    """The first message of a sensor in the catalogue takes the hot path; one of an event kind does not."""
    catalog = Catalog()
    catalog.code("s1", "a", "gate", now_ns=NOW_NS)
    intake = Intake(catalog)
    declined: list[Any] = []
    intake._slow.accept = declined.append  # type: ignore[method-assign]
    topics = [b"campus/s1/gate/a", b"campus/s1/smoke/a", b"campus/s1/gate/b"]
    intake.accept([(0x30, 0, topic, b'{"co": 1}') for topic in topics], NOW_NS)
    assert [frame[2] for frame in declined] == topics[1:]


def test_every_metric_of_the_vocabulary_takes_the_hot_path() -> None:
    """A second message of each metric takes the hot path."""
    intake = Intake(Catalog())
    for name in METRIC_BY_NAME:
        topic = f"campus/s1/env/{name}".encode()
        intake.accept([(0x30, 0, topic, json.dumps({name: 1}).encode())], NOW_NS)
    declined: list[Any] = []
    intake._slow.accept = declined.append  # type: ignore[method-assign]
    for name in METRIC_BY_NAME:
        intake.accept([(0x30, 0, f"campus/s1/env/{name}".encode(), json.dumps({name: 0}).encode())], NOW_NS)
    reserved = [name for name in METRIC_BY_NAME if name == "test" or name in SERVICE_METRICS]
    assert [frame[2] for frame in declined] == [f"campus/s1/env/{name}".encode() for name in reserved]


@pytest.mark.parametrize("time", ["1764000000{:03d}", '"2025-11-24T16:00:00.{:03d}Z"'])
def test_uniform_arrays_are_accepted_by_column(time: str) -> None:
    """From the second array on, no object is decoded alone, and every row has its place."""
    topic = b"campus/s1/smoke/a"
    intake = Intake(Catalog())
    sealed = None
    for first in (0, 100, 200):
        numbers = range(first, first + 100)
        items = (f'{{"time": {time.format(n)}, "seq": {n}, "co": {n}, "smoke": {n % 2}}}' for n in numbers)
        intake.accept([(0x32, 1, topic, f"[{','.join(items)}]".encode())], NOW_NS)
        sealed = intake.seal()
    assert intake._slow.columns.routes[topic].shape is not None
    assert sealed is not None
    assert sealed.batch.value.tolist() == [value for n in range(200, 300) for value in (n, n % 2)]
    assert sealed.batch.time_ns.tolist() == [NOW_NS + n * 1_000_000 for n in range(200, 300) for _ in range(2)]
