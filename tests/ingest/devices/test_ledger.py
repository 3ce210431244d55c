"""The ledger: what was added is there after any restart, whatever is kept in pages by then."""

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
    """What a log would hold."""

    pages: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    added: dict[int, bytes] = field(default_factory=dict)

    def put(self, delta: LedgerDelta | None) -> None:
        """A booking in the log."""
        if delta is None:
            return
        assert delta.number == 1 + max([0, *self.added, *(number for number, _ in self.pages.values())])
        self.added[delta.number] = delta.added
        self.pages |= {page: (delta.number, standing) for page, standing in delta.pages.items()}
        self.added = {number: added for number, added in self.added.items() if number > delta.settled}

    def ledger_entries(self) -> LedgerEntries:
        """As the log gives it back."""
        return LedgerEntries([(page, *told) for page, told in self.pages.items()], sorted(self.added.items()))


@settings(deadline=None)
@given(st.data())
def test_what_was_added_outlives_any_restart(data: st.DataObject) -> None:
    """Sums and marks after each restart are those of all bookings in the log, and of nothing else."""
    kept, sums, marks = Kept(), Counter[tuple[str, int]](), dict[str, bytes]()
    ledger = Ledger()
    for _ in range(data.draw(st.integers(0, 40))):
        fresh, named = Counter[tuple[str, int]](), dict[str, bytes | None]()
        for name in data.draw(st.sets(st.sampled_from("xyz"))):
            told = dict(sorted(data.draw(additions).items()))
            ledger.add(name, np.array(list(told), np.int32), np.array(list(told.values()), np.int64))
            fresh.update({(name, code): amount for code, amount in told.items()})
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


def test_what_has_to_be_read_at_a_start_stays_short() -> None:
    """However many batches there were: a page waits for its turn behind the others, never longer."""
    kept, ledger, pages = Kept(), Ledger(), 20
    every = np.arange(0, pages * PAGE, 97, dtype=np.int32)
    for _ in range(10 * TURN * pages):
        ledger.add("x", every, np.ones(len(every), np.int64))
        kept.put(ledger.drain())
        assert len(kept.added) <= TURN * (pages + 1)
    assert Ledger(kept.ledger_entries()).of("x", 97) == 10 * TURN * pages


def test_a_batch_of_even_additions_is_a_few_bytes_a_sensor() -> None:
    """Two columns of the same sensors, one reading each: what a city writes forty times a second."""
    ledger, heard = Ledger(), np.sort(np.random.default_rng(1).choice(600_000, 500, replace=False)).astype(np.int32)
    for name in ("received", "stored"):
        ledger.add(name, heard, np.ones(500, np.int64))
    delta = ledger.drain()
    assert delta is not None
    assert len(delta.added) < 3 * 500


def test_nothing_added_is_no_booking() -> None:
    """The log is not written for nothing."""
    ledger = Ledger()
    assert ledger.drain() is None
    ledger.add("x", np.empty(0, np.int32), np.empty(0, np.int64))
    assert ledger.drain() is None


@pytest.mark.parametrize("code", [0, 1, PAGE - 1, PAGE, 10**6])
def test_a_sensor_that_was_never_added_to_has_nothing(code: int) -> None:
    """Any code may be asked for."""
    ledger = Ledger()
    ledger.note("x", 5)
    ledger.drain()
    assert ledger.of("y", code) == ledger.of("x", code) == 0
    assert ledger.column("x", np.array([code], np.int32)).tolist() == [0]
