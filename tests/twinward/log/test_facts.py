"""Durable facts of a batch: a table for each type, no write for an empty one, unknown ones rejected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import (
    CatalogChanges,
    Count,
    Counts,
    Fact,
    LedgerDelta,
    Memory,
    MessageKeys,
    QuarantineChanges,
    Sealed,
    SpoolChanges,
    empty_batch,
)
from twinward.log import TelemetryLog

FACTS = (CatalogChanges, Counts, LedgerDelta, Memory, MessageKeys, QuarantineChanges, SpoolChanges)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[TelemetryLog]:
    """An empty log."""
    opened = TelemetryLog(tmp_path / "telemetry.sqlite", clock=lambda: 1)
    yield opened
    opened.close()


@dataclass(frozen=True)
class Unknown:
    """A fact type without a table."""

    def __bool__(self) -> bool:
        return True


def test_each_fact_type_has_one_table(log: TelemetryLog) -> None:
    """The log stores every fact that the intake seals."""
    assert set(log._tables) == set(FACTS)
    assert all(table.fact is fact for fact, table in log._tables.items())


@pytest.mark.parametrize("kind", FACTS)
def test_fact_without_content_is_false_and_writes_nothing(log: TelemetryLog, kind: type[Fact]) -> None:
    """Defaults are empty; a batch without that fact has the empty one."""
    table = log._tables[kind]
    assert not kind()
    assert Sealed(empty_batch()).of(kind) == kind()
    with log._chain.reading() as db:
        before = repr(table.load(db))
    log.append(Sealed(empty_batch(), [kind()]))
    with log._chain.reading() as db:
        assert repr(table.load(db)) == before


def test_fact_without_a_table_is_refused_and_nothing_is_stored(log: TelemetryLog) -> None:
    """A missing registration fails at the first batch, never silently."""
    with pytest.raises(KeyError, match="Unknown"):
        log.append(Sealed(empty_batch(), [MessageKeys([1]), Unknown()]))
    assert (log.head(), len(log.recent_keys(9))) == (0, 0)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations([0, 1, 2, 3]))
def test_order_of_the_facts_does_not_matter(tmp_path_factory: pytest.TempPathFactory, order: list[int]) -> None:
    """Each fact type has tables of its own."""
    facts: list[Fact] = [
        MessageKeys([5, -6]),
        Counts({Count("s", "native", "stored"): 3}),
        Memory({("homie", "a"): b"1"}),
        SpoolChanges([(7, b"packed")]),
    ]
    log = TelemetryLog(tmp_path_factory.mktemp("log") / "telemetry.sqlite", clock=lambda: 1)
    sealed = Sealed(empty_batch(), [facts[place] for place in order], np.zeros(0, np.bool_))
    assert log.append(sealed) == 1
    assert [sealed.of(type(fact)) for fact in facts] == facts
    assert log.recent_keys(9).tolist() == [5, -6]
    assert (log.accounting()[0]["rows"], log.memory(), log.spool_blocks()) == (3, [("homie", "a", b"1")], 1)
    log.close()
