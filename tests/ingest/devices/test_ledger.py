"""Ledger: every entry survives any restart, in pages or not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Ledger, LedgerDelta, LedgerEntries
from ingest.devices.ledger import PAGE, TURN

codes = st.integers(0, 5 * PAGE)
amounts = st.one_of(st.integers(-3, 200), st.integers(-(2**40), 2**40))
additions = st.dictionaries(codes, amounts, min_size=1, max_size=20)


@dataclass
class Kept:
    """Durable state of a log."""

    pages: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    added: dict[int, bytes] = field(default_factory=dict)

    def put(self, delta: LedgerDelta | None) -> None:
        """Store a ledger entry in the log."""
        if delta is None:
            return
        assert delta.number == 1 + max([0, *self.added, *(number for number, _ in self.pages.values())])
        self.added[delta.number] = delta.added
        self.pages |= {page: (delta.number, standing) for page, standing in delta.pages.items()}
        self.added = {number: added for number, added in self.added.items() if number > delta.settled}

    def ledger_entries(self) -> LedgerEntries:
        """Return the entries as the log loads them."""
        return LedgerEntries([(page, *rows) for page, rows in self.pages.items()], sorted(self.added.items()))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_entries_survive_any_restart(data: st.DataObject) -> None:
    """Sums and marks after each restart equal those of all ledger entries in the log."""
    kept, sums, marks = Kept(), Counter[tuple[str, int]](), dict[str, bytes]()
    ledger = Ledger()
    for _ in range(data.draw(st.integers(0, 40))):
        fresh, named = Counter[tuple[str, int]](), dict[str, bytes | None]()
        for name in data.draw(st.sets(st.sampled_from("xyz"))):
            added = dict(sorted(data.draw(additions).items()))
            ledger.add(name, np.array(list(added), np.int32), np.array(list(added.values()), np.int64))
            fresh.update({(name, code): amount for code, amount in added.items()})
        if data.draw(st.booleans()):
            code, amount = data.draw(codes), data.draw(amounts)
            ledger.note("x", code, amount)
            fresh["x", code] += amount
            assert ledger.of("x", code) == sums["x", code] + fresh["x", code]
        if data.draw(st.booleans()):
            home = data.draw(st.sampled_from((0, PAGE, 3 * PAGE)))
            named[f"m{home}"] = data.draw(st.sampled_from((None, b"a", b"bc")))
            ledger.mark(f"m{home}", home, named[f"m{home}"])
        if data.draw(st.integers(0, 4)) == 0:  # the process ends before the batch is in the log
            ledger = Ledger(kept.ledger_entries())
            continue
        kept.put(ledger.drain())
        for key, amount in fresh.items():
            sums[key] += amount
        marks = {name: value for name, value in (marks | named).items() if value is not None}
        if data.draw(st.booleans()):
            ledger = Ledger(kept.ledger_entries())
        assert ledger.marks() == marks
        for name in "xyz":
            asked = np.arange(0, 6 * PAGE, dtype=np.int32)
            found = ledger.column(name, asked)
            assert {(name, code): int(found[code]) for code in np.flatnonzero(found)} == {
                key: amount for key, amount in sums.items() if key[0] == name and amount
            }


def test_the_rows_read_at_a_start_are_bounded() -> None:
    """For any number of batches, a page is rewritten in its turn and never later."""
    kept, ledger, pages = Kept(), Ledger(), 20
    every = np.arange(0, pages * PAGE, 97, dtype=np.int32)
    for _ in range(10 * TURN * pages):
        ledger.add("x", every, np.ones(len(every), np.int64))
        kept.put(ledger.drain())
        assert len(kept.added) <= TURN * (pages + 1)
    assert Ledger(kept.ledger_entries()).of("x", 97) == 10 * TURN * pages


def test_a_batch_of_equal_additions_takes_a_few_bytes_a_sensor() -> None:
    """Two columns of the same sensors with one reading each, as a city writes 40 times a second."""
    ledger, sensors = Ledger(), np.sort(np.random.default_rng(1).choice(600_000, 500, replace=False)).astype(np.int32)
    for name in ("received", "stored"):
        ledger.add(name, sensors, np.ones(500, np.int64))
    delta = ledger.drain()
    assert delta is not None
    assert len(delta.added) < 3 * 500


def test_no_addition_gives_no_entry() -> None:
    """Without additions the log gets no entry."""
    ledger = Ledger()
    assert ledger.drain() is None
    ledger.add("x", np.empty(0, np.int32), np.empty(0, np.int64))
    assert ledger.drain() is None


@pytest.mark.parametrize("code", [0, 1, PAGE - 1, PAGE, 10**6])
def test_an_unknown_sensor_has_no_entry(code: int) -> None:
    """Any code may be queried."""
    ledger = Ledger()
    ledger.note("x", 5)
    ledger.drain()
    assert ledger.of("y", code) == ledger.of("x", code) == 0
    assert ledger.column("x", np.array([code], np.int32)).tolist() == [0]
