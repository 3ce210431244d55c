"""Players: pacing by a fake clock, times never in the future, files and recordings."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import RecordingInvalid, ScenarioInvalid, World, build_campus, load_scenario, plan
from simulators.play.player import as_live, as_recording, play, stream
from simulators.play.recorded import write_csv
from simulators.play.recording import play_recording, read_recording

HEAD = "sensor,kind,metric,time,value\n"


@dataclass
class FakeBroker:
    """Broker that stores messages with the fake arrival time; waiting advances the fake clock."""

    now_ms: float = 1_800_000_000_000.0
    got: list[tuple[float, str, dict[str, object]]] = field(default_factory=list)

    def publish(self, messages: list[tuple[str, bytes, bool]]) -> None:
        """Store messages."""
        self.got += [(self.now_ms, topic, json.loads(payload)) for topic, payload, _ in messages]

    def pause(self, seconds: float) -> None:
        """Advance the clock."""
        self.now_ms += seconds * 1000

    def clock(self) -> float:
        """Return the fake wall clock in ms."""
        return self.now_ms


def short_world(at_ms: int | None = None) -> World:
    """Return half a minute of the demo's fleet: the scenario is cut to its own length."""
    table = load_scenario("demo")
    cut = type(table)(**{name: getattr(table, name) for name in table.__slots__} | {"duration_s": 30.0})
    return plan(cut, build_campus(sensors=30), start_ms=at_ms)


def test_live_play_sends_each_message_when_it_is_due() -> None:
    """At real time every message is sent within 50 ms of its event time and never before."""
    broker = FakeBroker()
    world = short_world(round(broker.now_ms))
    sent = play(world, broker, as_live(world, wall_ms=round(broker.now_ms), speed=1), clock_ms=broker.clock)
    assert sent.messages == len(broker.got) > 80
    assert sent.held
    late = [at - float(str(content["time"])) for at, _, content in broker.got]
    assert min(late) >= 0
    assert max(late) < 50


def test_a_fast_clock_paces_the_messages() -> None:
    """With a clock of 20 times real time each message is sent at, and stamped with, the time of that clock."""
    broker = FakeBroker()
    world = short_world(round(broker.now_ms))
    begun = broker.now_ms
    fast = lambda: begun + 20 * (broker.now_ms - begun)  # noqa: E731 - the clock of this test
    result = play(world, broker, as_live(world, wall_ms=round(begun), speed=1), clock_ms=fast, clock_speed=20)
    assert result.messages == len(broker.got) > 80
    assert broker.now_ms - begun == pytest.approx(30_000 / 20, abs=200)
    late = [begun + 20 * (at - begun) - float(str(content["time"])) for at, _, content in broker.got]
    assert min(late) >= 0
    assert max(late) < 20 * 50


def test_fast_play_ends_now_and_keeps_its_spacing() -> None:
    """At 60 times real time no time is in the future, the last one is now, and spacing is the world's."""
    broker = FakeBroker()
    world = short_world()
    begin, end = world.span_ms
    begun = broker.now_ms
    play(world, broker, as_recording(world, wall_ms=round(begun), speed=60), clock_ms=broker.clock)
    assert broker.now_ms - begun == pytest.approx((end - begin) / 60, abs=600)
    times = [float(str(content["time"])) for _, _, content in broker.got]
    assert all(time_ms <= at + 1 for (at, _, _), time_ms in zip(broker.got, times, strict=True))
    assert max(times) - min(times) == pytest.approx(end - begin, rel=0.03)


def test_csv_contains_the_messages_of_the_stream(tmp_path: Path) -> None:
    """Each number of the file is in a message of the same sensor and time, and none is missing."""
    world = short_world()
    rows = write_csv(world, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == rows
    filed = {
        (row["sensor"], row["metric"], round(datetime.fromisoformat(row["time"]).timestamp() * 1000)): float(
            row["value"]
        )
        for row in table
        if row["kind"] != "camera"
    }
    streamed = {
        (message.topic.rsplit("/", 1)[1], metric, message.time_ms): float(value)
        for message in stream(world)
        if "/camera/" not in message.topic
        for metric, value in json.loads(message.payload).items()
        if metric not in ("time", "seq")
    }
    assert filed == streamed


def test_written_csv_plays_back_as_the_same_readings(tmp_path: Path) -> None:
    """File -> recording -> messages: same sensors, metrics and values, times shifted by one constant."""
    world = short_world()
    write_csv(world, tmp_path / "x.csv")
    broker = FakeBroker()
    recording = read_recording(tmp_path / "x.csv")
    play_recording(recording, broker, speed=100, clock_ms=broker.clock)
    begin, end = recording.span_ms
    times = [datetime.fromisoformat(str(content["time"])).timestamp() * 1000 for _, _, content in broker.got]
    assert max(times) - min(times) == pytest.approx(end - begin, abs=2)
    assert all(time_ms <= at + 1 for (at, _, _), time_ms in zip(broker.got, times, strict=True))
    assert max(times) == pytest.approx(broker.now_ms, abs=50)
    smoke = [content for _, topic, content in broker.got if "/smoke/" in topic and "battery" not in content]
    assert all({"time", "seq", "smoke_density", "co", "temperature"} == set(content) for content in smoke)
    gates = [content["open"] for _, topic, content in broker.got if "/gate/" in topic and "open" in content]
    assert gates
    assert all(isinstance(value, bool) for value in gates)
    assert {topic.split("/")[1] for _, topic, _ in broker.got} == {"school-1"}


@settings(deadline=None, max_examples=50)
@given(
    gaps=st.lists(st.integers(0, 100_000), min_size=1, max_size=30),
    speed=st.floats(1, 10_000),
)
def test_recording_never_lies_in_the_future(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int], speed: float
) -> None:
    """At any spacing and speed, times are at or before sending, and the last one is at the end of playback."""
    path = tmp_path_factory.mktemp("r") / "r.csv"
    at, lines = 1_600_000_000.0, []
    for gap in gaps:
        at += gap / 1000
        lines.append(f"s,water,level,{datetime.fromtimestamp(at).astimezone().isoformat()},1.5\n")
    path.write_text(HEAD + "".join(lines))
    broker = FakeBroker()
    begun = broker.now_ms
    play_recording(read_recording(path, site="a"), broker, speed=speed, clock_ms=broker.clock)
    stamps = [datetime.fromisoformat(str(content["time"])).timestamp() * 1000 for _, _, content in broker.got]
    assert all(stamp <= sent + 1 for (sent, _, _), stamp in zip(broker.got, stamps, strict=True))
    assert stamps[-1] == pytest.approx(begun + sum(gaps[1:]) / speed, abs=3)
    assert [content["seq"] for _, _, content in broker.got] == list(range(1, len(broker.got) + 1))


def test_recording_reads_gzip_naive_times_and_missing_values(tmp_path: Path) -> None:
    """A naive time is UTC, an empty value is null, a bool metric is a JSON boolean."""
    text = HEAD + "g,gate,open,2026-01-01 00:00:00,1\ng,gate,open,2026-01-01T08:00:01+08:00,\n"
    with gzip.open(tmp_path / "x.csv.gz", "wt") as file:
        file.write(text)
    recording = read_recording(tmp_path / "x.csv.gz", site="z")
    assert recording.span_ms == (1_767_225_600_000, 1_767_225_601_000)
    broker = FakeBroker()
    play_recording(recording, broker, clock_ms=broker.clock)
    assert [content["open"] for _, _, content in broker.got] == [True, None]


def test_invalid_rows_are_reported_with_their_lines(tmp_path: Path) -> None:
    """One error lists every invalid line with its number and its fault."""
    rows = ["a,smoke,co,2026-01-01,1", "b+,smoke,co,2026-01-01,1", "c,fog,co,2026-01-01,1", "d,smoke,co,never,inf", "e"]
    (tmp_path / "x.csv").write_text(HEAD + "\n".join(rows) + "\n")
    with pytest.raises(RecordingInvalid) as caught:
        read_recording(tmp_path / "x.csv")
    assert [finding.split(":")[0] for finding in caught.value.findings] == [
        "line 3",
        "line 4",
        "line 5",
        "line 5",
        "line 6",
    ]
    (tmp_path / "y.csv").write_text("sensor,value\n")
    with pytest.raises(RecordingInvalid, match="kind, metric, time"):
        read_recording(tmp_path / "y.csv")


def test_unknown_format_names_the_known_ones() -> None:
    """The error names the allowed values."""
    world = short_world()
    with pytest.raises(ScenarioInvalid, match="native"):
        play(world, FakeBroker(), as_live(world, wall_ms=0, speed=1), formats="morse")
