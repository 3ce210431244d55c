"""Accounts by device: through the intake and a real log, whatever is sent, repeated, refused, replayed and killed."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import BatchSettings, Catalog, Intake, Ledger, LedgerDelta
from ingest.decode import decoders
from ingest.devices.gaps import GRACE_NS
from twinward.balances import balances
from twinward.log import TelemetryLog

NOW_NS = 1_790_000_000_000_000_000
NOW_MS = NOW_NS // 1_000_000
SITE = "school-1"  # of formats that name none
Frame = tuple[int, int, bytes, bytes]


@dataclass
class Plant:
    """A log and the intake before it; a kill loses what was not in the log, and the broker sends it again."""

    folder: Path
    catalog: Catalog = field(default_factory=Catalog)
    unsealed: list[Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = TelemetryLog(self.folder / "log.sqlite", clock=lambda: NOW_NS)
        self.open()

    def open(self) -> None:
        """A process that begins with what the log holds."""
        self.catalog = Catalog(sensors_max=6)
        self.catalog.load(*self.log.catalog())
        kept = {"recent_keys": self.log.recent_keys(1_000), "memory": self.log.memory()}
        ledger = Ledger(self.log.ledger_entries())
        self.door = Intake(self.catalog, decoders(("senml",)), batch=BatchSettings(age_s=10), ledger=ledger, **kept)

    def accept(self, frame: Frame) -> None:
        """A message."""
        self.door.accept([frame], NOW_NS)
        self.unsealed.append((frame[0] | 0x08, *frame[1:]))

    def seal(self) -> None:
        """What was taken is in the log."""
        sealed = self.door.seal()
        if sealed is not None:
            self.log.append(sealed)
        self.unsealed = []

    def kill(self) -> None:
        """The process ends as it stands; another one takes what was not acknowledged."""
        self.open()
        self.door.accept(self.unsealed, NOW_NS)

    def again(self) -> None:
        """What was refused is taken in again, if it can be."""
        self.log.replay()
        for _ in range(100):
            waiting = self.log.waiting(limit=5)
            if not waiting:
                break
            self.door.replay(waiting)
            self.seal()

    def told(self, site: str = SITE, *, trouble: bool = False, **page: Any) -> dict[str, Any]:
        """The accounts of the site."""
        return balances(self.log, self.catalog, site, trouble=trouble, **page)

    def stored(self) -> Counter[str]:
        """Readings in the log by sensor, without what the service itself said."""
        found: Counter[str] = Counter()
        own = {self.catalog.metric(name).code for name in ("tick", "data_gap", "message_rate", "new_names")}
        for entry in self.log.read(0, limit=10_000):
            for code, metric in zip(entry.batch.sensor.tolist(), entry.batch.metric.tolist(), strict=True):
                found[self.catalog[code].id] += metric not in own
        return +found


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """A log on the disk with an intake before it."""
    made = Plant(tmp_path)
    yield made
    made.log.close()


def native(sensor: str, content: Any, *, flags: int = 0x02, kind: str = "env") -> Frame:
    """A message of a device of the site."""
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    return flags, 1, f"campus/{SITE}/{kind}/{sensor}".encode(), payload


NAMES = st.sampled_from("abcdefgh")  # more than there is room for
MESSAGES = st.one_of(
    st.builds(
        lambda name, at: native(name, {"time": NOW_MS - at, "co": 1, "temperature": 2}), NAMES, st.integers(0, 5)
    ),
    st.builds(
        lambda name, at: native(name, [{"time": NOW_MS - at, "co": 1}, {"time": 5, "co": 2}]), NAMES, st.integers(0, 5)
    ),
    st.builds(lambda name: native(name, {"time": 5, "co": 1, "humidity": 2}), NAMES),
    st.builds(lambda name: native(name, b'{"co": 1'), NAMES),
    st.builds(lambda name: native(name, {"co": 1, "humidity": "wet"}), NAMES),
    st.builds(lambda name: native(name, {"co": 1}, flags=0x03), NAMES),
    st.builds(lambda name: native(name, {"co": 1}, kind="zoo"), NAMES),
    st.just((0x02, 1, b"elsewhere", b"1")),
    st.just((0x02, 1, b"campus/\xff", b"1")),
    st.builds(
        lambda names, at: (
            0x02,
            1,
            b"campus/senml/p",
            json.dumps(
                [{"n": f"{name}/temperature", "t": NOW_MS / 1000 - at, "u": "Cel", "v": 1} for name in names]
            ).encode(),
        ),
        st.lists(NAMES, min_size=1, max_size=3),
        st.integers(0, 5),
    ),
)


def check(plant: Plant) -> None:
    """Every device balances, holds what the log holds of it, and the rest of the site is only what was refused."""
    told = plant.told()
    stored = plant.stored()
    assert {item["sensor"]: item["stored"] for item in told["items"] if item["stored"]} == stored
    for item in told["items"]:
        assert item["residual"] == 0, item
        assert item["received"] == item["stored"] + item["duplicate"] + sum(item["quarantined"].values())
        assert min(item["received"], item["stored"], item["duplicate"], *item["quarantined"].values(), 0) == 0
    rest = told["remainder"]
    assert (rest["stored"], rest["residual"], told["total"]["residual"]) == (0, 0, 0)
    assert rest["received"] == rest["duplicate"] + sum(rest["quarantined"].values())
    for name in ("received", "stored", "duplicate", "missing", "excess"):
        assert told["total"][name] == rest[name] + sum(item[name] for item in told["items"])
    assert set(rest["quarantined"]) <= {
        "json",
        "sensor_limit",
        "time_past",
        "type",
        "kind",
        "topic",
        "utf8",
        "retained",
    }
    assert min([*rest["quarantined"].values(), 0]) == 0


@settings(deadline=None, max_examples=60)
@given(st.lists(MESSAGES, min_size=1, max_size=30), st.data())
def test_devices_and_the_rest_are_the_site_at_any_moment(messages: list[Frame], data: st.DataObject) -> None:
    """Any messages, sealed, killed, replayed at any point: nothing is left over anywhere."""
    with tempfile.TemporaryDirectory() as folder:
        plant = Plant(Path(folder))
        try:
            for frame in messages:
                plant.accept(frame)
                act = data.draw(st.sampled_from(["go on", "go on", "seal", "kill", "restart", "again"]))
                if act in {"seal", "restart", "again"}:
                    plant.seal()
                if act == "again":
                    plant.again()
                if act in {"kill", "restart"}:
                    plant.kill()
                if act != "go on":
                    check(plant)
            plant.seal()
            check(plant)
        finally:
            plant.log.close()


def test_each_outcome_stands_at_its_device(plant: Plant) -> None:
    """Stored, repeated, refused for each reason, missing: at the device that it was, the nameless at the rest."""
    good = [native("a", {"time": NOW_MS - n, "seq": n, "co": 1}) for n in (1, 2, 6)]
    for frame in (
        *good,
        good[0],
        good[1],
        native("a", b"{"),
        native("b", b"{"),
        native("b", {"co": 1}),
        native("b", b"{"),
    ):
        plant.accept(frame)
    plant.accept((0x02, 1, b"elsewhere", b"1"))
    plant.door.tick(NOW_NS + GRACE_NS)
    plant.seal()
    told = plant.told()
    line = {"received": 0, "stored": 0, "duplicate": 0, "missing": 0, "excess": 0, "residual": 0, "quarantined": {}}
    a = {"received": 6, "stored": 3, "duplicate": 2, "missing": 3, "quarantined": {"json": 1}}
    b = {"received": 2, "stored": 1, "quarantined": {"json": 1}}
    items = [{name: value for name, value in item.items() if name != "key"} for item in told["items"]]
    assert items == [{"sensor": "a", "kind": "env"} | line | a, {"sensor": "b", "kind": "env"} | line | b]
    assert told["remainder"] == line | {"received": 2, "quarantined": {"json": 1, "topic": 1}}  # before b was known
    assert told["total"] == line | {
        "received": 10,
        "stored": 4,
        "duplicate": 2,
        "missing": 3,
        "quarantined": {"json": 3, "topic": 1},
    }


def test_devices_with_trouble_come_first_and_alone_if_asked_for(plant: Plant) -> None:
    """A page of the list; the site of another name has none."""
    for name in "abcd":
        plant.accept(native(name, {"time": NOW_MS, "co": 1}))
    for name, times in (("c", 3), ("b", 1)):
        for _ in range(times):
            plant.accept(native(name, {"time": NOW_MS, "co": 1}))
    plant.seal()
    assert [item["sensor"] for item in plant.told()["items"]] == ["c", "b", "a", "d"]
    assert [item["sensor"] for item in plant.told(trouble=True)["items"]] == ["c", "b"]
    first, *_ = plant.told()["items"]
    assert [item["sensor"] for item in plant.told(limit=2, after=first["key"])["items"]] == ["b", "a"]
    other = plant.told("elsewhere")
    assert (other["items"], other["total"], other["remainder"]["received"]) == ([], other["remainder"], 0)


def test_a_log_from_before_has_all_of_it_in_the_rest(plant: Plant) -> None:
    """What was counted before accounts by device were kept is the site's, and balances."""
    plant.accept(native("a", {"time": NOW_MS, "co": 1}))
    sealed = plant.door.seal()
    assert sealed is not None
    plant.log.append(replace(sealed, facts=[fact for fact in sealed.facts if not isinstance(fact, LedgerDelta)]))
    told = plant.told()
    assert [item["received"] for item in told["items"]] == [0]
    assert (told["remainder"]["received"], told["remainder"]["stored"], told["remainder"]["residual"]) == (1, 1, 0)
