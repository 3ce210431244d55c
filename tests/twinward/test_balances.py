"""Accounts by device with intake and a real log: sent, repeated, rejected, reprocessed, killed input."""

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
SITE = "school-1"  # site of formats without a site
Frame = tuple[int, int, bytes, bytes]


@dataclass
class Plant:
    """A log with its intake; a kill loses the open batch, and the broker redelivers it."""

    folder: Path
    catalog: Catalog = field(default_factory=Catalog)
    unsealed: list[Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = TelemetryLog(self.folder / "log.sqlite", clock=lambda: NOW_NS)
        self.open()

    def open(self) -> None:
        """Start a process from the state of the log."""
        self.catalog = Catalog(sensors_max=6)
        self.catalog.load(*self.log.catalog())
        kept = {"recent_keys": self.log.recent_keys(1_000), "memory": self.log.memory()}
        ledger = Ledger(self.log.ledger_entries())
        self.intake = Intake(self.catalog, decoders(("senml",)), batch=BatchSettings(age_s=10), ledger=ledger, **kept)

    def accept(self, frame: Frame) -> None:
        """Accept a message."""
        self.intake.accept([frame], NOW_NS)
        self.unsealed.append((frame[0] | 0x08, *frame[1:]))

    def seal(self) -> None:
        """Write the open batch to the log."""
        sealed = self.intake.seal()
        if sealed is not None:
            self.log.append(sealed)
        self.unsealed = []

    def kill(self) -> None:
        """Replace the process by another one that receives the unacknowledged messages."""
        self.open()
        self.intake.accept(self.unsealed, NOW_NS)

    def reprocess(self) -> None:
        """Reprocess the quarantine."""
        self.log.replay()
        for _ in range(100):
            waiting = self.log.waiting(limit=5)
            if not waiting:
                break
            self.intake.replay(waiting)
            self.seal()

    def accounts(self, site: str = SITE, *, trouble: bool = False, **page: Any) -> dict[str, Any]:
        """Return the accounts of the site."""
        return balances(self.log, self.catalog, site, trouble=trouble, **page)

    def stored(self) -> Counter[str]:
        """Return the count of readings in the log by sensor, without those of the service."""
        found: Counter[str] = Counter()
        own = {
            self.catalog.metric(name).code
            for name in ("tick", "data_gap", "message_rate", "new_names", "foreign_messages")
        }
        for entry in self.log.read(0, limit=10_000):
            for code, metric in zip(entry.batch.sensor.tolist(), entry.batch.metric.tolist(), strict=True):
                found[self.catalog[code].id] += metric not in own
        return +found


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """Yield a log on disk with its intake."""
    made = Plant(tmp_path)
    yield made
    made.log.close()


def native(sensor: str, content: Any, *, flags: int = 0x02, kind: str = "env") -> Frame:
    """Return a message of a device of the site."""
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    return flags, 1, f"campus/{SITE}/{kind}/{sensor}".encode(), payload


NAMES = st.sampled_from("abcdefgh")  # more than the catalogue accepts
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
    """Check that each device balances and equals the log, and that the remainder has rejects only."""
    accounts = plant.accounts()
    stored = plant.stored()
    assert {item["sensor"]: item["stored"] for item in accounts["items"] if item["stored"]} == stored
    for item in accounts["items"]:
        assert item["residual"] == 0, item
        assert item["received"] == item["stored"] + item["duplicate"] + sum(item["quarantined"].values())
        assert min(item["received"], item["stored"], item["duplicate"], *item["quarantined"].values(), 0) == 0
    remainder = accounts["remainder"]
    assert (remainder["stored"], remainder["residual"], accounts["total"]["residual"]) == (0, 0, 0)
    assert remainder["received"] == remainder["duplicate"] + sum(remainder["quarantined"].values())
    for name in ("received", "stored", "duplicate", "missing", "excess"):
        assert accounts["total"][name] == remainder[name] + sum(item[name] for item in accounts["items"])
    assert set(remainder["quarantined"]) <= {
        "json",
        "sensor_limit",
        "time_past",
        "type",
        "kind",
        "topic",
        "utf8",
        "retained",
    }
    assert min([*remainder["quarantined"].values(), 0]) == 0


@settings(deadline=None, max_examples=60)
@given(st.lists(MESSAGES, min_size=1, max_size=30), st.data())
def test_devices_and_the_rest_are_the_site_at_any_moment(messages: list[Frame], data: st.DataObject) -> None:
    """For any messages, with seals, kills and reprocessing at any point, no residual remains."""
    with tempfile.TemporaryDirectory() as folder:
        plant = Plant(Path(folder))
        try:
            for frame in messages:
                plant.accept(frame)
                act = data.draw(st.sampled_from(["continue", "continue", "seal", "kill", "restart", "reprocess"]))
                if act in {"seal", "restart", "reprocess"}:
                    plant.seal()
                if act == "reprocess":
                    plant.reprocess()
                if act in {"kill", "restart"}:
                    plant.kill()
                if act != "continue":
                    check(plant)
            plant.seal()
            check(plant)
        finally:
            plant.log.close()


def test_each_outcome_counts_at_its_device(plant: Plant) -> None:
    """Stored, repeated, rejected and missing messages count at their device, others in the remainder."""
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
    plant.intake.tick(NOW_NS + GRACE_NS)
    plant.seal()
    accounts = plant.accounts()
    line = {
        "received": 0,
        "stored": 0,
        "duplicate": 0,
        "missing": 0,
        "excess": 0,
        "unread": 0,
        "residual": 0,
        "quarantined": {},
    }
    a = {"received": 6, "stored": 3, "duplicate": 2, "missing": 3, "quarantined": {"json": 1}}
    b = {"received": 2, "stored": 1, "quarantined": {"json": 1}}
    items = [{name: value for name, value in item.items() if name != "key"} for item in accounts["items"]]
    assert items == [
        {"sensor": "a", "kind": "env", "unread_keys": []} | line | a,
        {"sensor": "b", "kind": "env", "unread_keys": []} | line | b,
    ]
    assert accounts["remainder"] == line | {"received": 2, "quarantined": {"json": 1, "topic": 1}}  # before b was known
    assert accounts["total"] == line | {
        "received": 10,
        "stored": 4,
        "duplicate": 2,
        "missing": 3,
        "quarantined": {"json": 3, "topic": 1},
    }


def test_devices_with_trouble_come_first_and_alone_on_request(plant: Plant) -> None:
    """The list pages by key; another site has no devices."""
    for name in "abcd":
        plant.accept(native(name, {"time": NOW_MS, "co": 1}))
    for name, times in (("c", 3), ("b", 1)):
        for _ in range(times):
            plant.accept(native(name, {"time": NOW_MS, "co": 1}))
    plant.seal()
    assert [item["sensor"] for item in plant.accounts()["items"]] == ["c", "b", "a", "d"]
    assert [item["sensor"] for item in plant.accounts(trouble=True)["items"]] == ["c", "b"]
    first, *_ = plant.accounts()["items"]
    assert [item["sensor"] for item in plant.accounts(limit=2, after=first["key"])["items"]] == ["b", "a"]
    other = plant.accounts("elsewhere")
    assert (other["items"], other["total"], other["remainder"]["received"]) == ([], other["remainder"], 0)


def test_a_log_without_a_ledger_counts_in_the_remainder(plant: Plant) -> None:
    """Counts from before the device accounts existed belong to the site, and balance."""
    plant.accept(native("a", {"time": NOW_MS, "co": 1}))
    sealed = plant.intake.seal()
    assert sealed is not None
    plant.log.append(replace(sealed, facts=[fact for fact in sealed.facts if not isinstance(fact, LedgerDelta)]))
    accounts = plant.accounts()
    assert [item["received"] for item in accounts["items"]] == [0]
    assert (accounts["remainder"]["received"], accounts["remainder"]["stored"], accounts["remainder"]["residual"]) == (
        1,
        1,
        0,
    )
