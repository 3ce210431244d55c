"""The native format: what each payload means, and that the hot path says exactly what the careful decoder says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import METRIC_BY_NAME, BatchSettings, Catalog, Counts, Intake, MessageKeys, Quality, Sealed, residual
from ingest.decode.contract import Decoded
from ingest.decode.native import NativeDecoder

NOW_NS = 1_764_000_000_000_000_000
NOW_MS = NOW_NS // 1_000_000


def decode(payload: bytes | str, topic: str = "campus/s1/smoke/a") -> Decoded:
    """One message through the careful decoder."""
    raw = payload.encode() if isinstance(payload, str) else payload
    return NativeDecoder().decode(topic, raw, retained=False, now_ns=NOW_NS)


def values(decoded: Decoded) -> list[tuple[str, str, float, int | None]]:
    """Kind, metric, value and time of each reading."""
    return [(r.kind, r.metric, r.value, r.time_ns) for r in decoded.readings]


def test_an_object_gives_a_reading_per_metric_with_the_devices_own_apart() -> None:
    """Booleans become 0 and 1, null is no measurement, device metrics are of kind device, unknown ones of kind env."""
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
        ("null", None),
    ],
)
def test_times_in_every_allowed_form(time: str, wanted: int | None) -> None:
    """RFC 3339 with any offset, and epoch milliseconds, are exact; null counts as absent."""
    assert decode(f'{{"time": {time}, "co": 1}}').readings[0].time_ns == wanted


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
        (b'{"time": "yesterday", "co": 1}', ["time_format"]),
        (b'{"time": "2025-11-24T16:00:00", "co": 1}', ["time_format"]),
        (b'{"time": true, "co": 1}', ["time_format"]),
        (b'{"time": -5, "co": 1}', ["time_past"]),
        (b'{"time": "9999-01-01T00:00:00Z", "co": 1}', ["time_future"]),
        (b'{"co": ' + b"[" * 60 + b"]" * 60 + b"}", ["depth"]),
        (b"[" * 100_000, ["depth"]),
    ],
)
def test_bad_payloads_are_refused_by_reason_and_never_raise(payload: bytes, reasons: list[str]) -> None:
    """Each kind of bad input has its own reason; what is good beside it stays."""
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
def test_topics_outside_the_scheme_are_refused(topic: str, reason: str) -> None:
    """Only campus/{site}/{kind}/{sensor} with sound names."""
    assert decode('{"co": 1}', topic).rejects[0].reason == reason


def test_our_own_topics_are_no_way_in() -> None:
    """Nobody can write the service's clock from outside."""
    decoded = decode('{"tick": 1}', "campus/_service/device/clock")
    assert decoded.ignored == "service"
    assert not decoded.readings


def test_a_self_test_marks_its_object_only() -> None:
    """Quality TEST for every reading beside the flag, GOOD for the next object."""
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
    """The label, zone, track, score and phase go along as dims."""
    (reading,) = decode(json.dumps(event), "campus/s1/camera/c").readings
    assert (reading.metric, reading.value, reading.dims) == (metric, value, dims)


def test_personal_data_is_left_out() -> None:
    """Card numbers and names never become readings or dims, whatever their type."""
    decoded = decode('{"open": true, "card_no": 1234, "holder_name": "x", "plate": "x"}', "campus/s1/gate/g")
    assert [r.metric for r in decoded.readings] == ["open"]
    assert not decoded.rejects
    assert list(decoded.notices) == ["personal_data"] * 3


@given(st.binary(max_size=200), st.sampled_from(("campus/s1/camera/a", "campus/s1/env/a", "x", "campus/é/env/a")))
def test_any_bytes_give_a_meaning(payload: bytes, topic: str) -> None:
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
    """Everything that is to be stored, in a form that can be compared."""
    batch = sealed.batch
    columns = (batch.sensor, batch.metric, batch.time_ns, batch.arrival_ns, batch.value, batch.quality)
    return [column.tolist() for column in columns], list(sealed.of(MessageKeys).keys), dict(sealed.of(Counts).rows)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first draws import
@given(
    st.lists(
        st.tuples(st.sampled_from((0x30, 0x32, 0x3A, 0x31)), st.integers(0, 3), st.integers(1, 9), PAYLOADS),
        min_size=1,
        max_size=8,
    )
)
def test_hot_path_and_careful_decoder_agree(messages: list[tuple[int, int, int, bytes]]) -> None:
    """The same messages give the same rows, keys and counts, whichever path takes them; the accounts balance."""
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
            go_carefully(intake)
        intake.accept(frames, NOW_NS)
        sealed = intake.seal()
        results.append(None if sealed is None else outcome(sealed))
        assert sealed is None or not any(residual(sealed.of(Counts).rows).values())
        assert intake.internal_total == 0
    assert results[0] == results[1]


class NoRoutes(dict[bytes, Any]):
    """Routes that are never found: sends every message to the careful decoder."""

    def get(self, _key: bytes, _default: Any = None) -> None:  # type: ignore[override]
        """Nothing, ever."""


def go_carefully(intake: Intake) -> None:
    """Send every message to the careful decoder."""
    intake._careful.columns.routes = NoRoutes()
    intake._careful.meet = lambda _topic: None  # type: ignore[method-assign]


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
def test_known_sensors_are_met_as_the_careful_decoder_would(messages: list[tuple[int, str, bytes]]) -> None:
    """After a restart the first message of a known sensor gives what it gives when it is looked at carefully."""
    frames = [
        (flags, 1 + number if flags & 2 else 0, f"campus/{place}".encode(), payload)
        for number, (flags, place, payload) in enumerate(messages)
    ]
    results = []
    for hot in (True, False):
        catalog = Catalog()
        catalog.metric("slime")
        catalog.code("s1", "a", "gate")
        intake = Intake(catalog, batch=BatchSettings(age_s=10))
        if not hot:
            go_carefully(intake)
        intake.accept(frames, NOW_NS)
        sealed = intake.seal()
        results.append((None if sealed is None else outcome(sealed), [sensor.kind for sensor in catalog]))
    assert results[0] == results[1]


def test_a_known_sensor_needs_no_careful_look() -> None:
    """The very first message of a sensor that the catalogue knows goes the hot path; one of a telling kind does not."""
    catalog = Catalog()
    catalog.code("s1", "a", "gate")
    intake = Intake(catalog)
    careful: list[Any] = []
    intake._careful.accept = careful.append  # type: ignore[method-assign]
    topics = [b"campus/s1/gate/a", b"campus/s1/smoke/a", b"campus/s1/gate/b"]
    intake.accept([(0x30, 0, topic, b'{"co": 1}') for topic in topics], NOW_NS)
    assert [frame[2] for frame in careful] == topics[1:]


def test_every_known_metric_is_taken_by_the_hot_path() -> None:
    """A second message of each metric needs no careful look."""
    intake = Intake(Catalog())
    for name in METRIC_BY_NAME:
        topic = f"campus/s1/env/{name}".encode()
        intake.accept([(0x30, 0, topic, json.dumps({name: 1}).encode())], NOW_NS)
    careful: list[Any] = []
    intake._careful.accept = careful.append  # type: ignore[method-assign]
    for name in METRIC_BY_NAME:
        intake.accept([(0x30, 0, f"campus/s1/env/{name}".encode(), json.dumps({name: 0}).encode())], NOW_NS)
    assert [frame[2] for frame in careful] == [b"campus/s1/env/test"]


@pytest.mark.parametrize("time", ["1764000000{:03d}", '"2025-11-24T16:00:00.{:03d}Z"'])
def test_like_arrays_are_taken_a_column_at_a_time(time: str) -> None:
    """From the second array on no object is looked at singly, and every row is where it belongs."""
    topic = b"campus/s1/smoke/a"
    intake = Intake(Catalog())
    sealed = None
    for first in (0, 100, 200):
        numbers = range(first, first + 100)
        items = (f'{{"time": {time.format(n)}, "seq": {n}, "co": {n}, "smoke": {n % 2}}}' for n in numbers)
        intake.accept([(0x32, 1, topic, f"[{','.join(items)}]".encode())], NOW_NS)
        sealed = intake.seal()
    assert intake._careful.columns.routes[topic].shape is not None
    assert sealed is not None
    assert sealed.batch.value.tolist() == [value for n in range(200, 300) for value in (n, n % 2)]
    assert sealed.batch.time_ns.tolist() == [NOW_NS + n * 1_000_000 for n in range(200, 300) for _ in range(2)]
