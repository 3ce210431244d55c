"""Priority: smoke, gates and the service's clock are urgent, in any order of new kinds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest import (
    COLUMNS,
    KINDS,
    SERVICE_SITE,
    URGENT_KINDS,
    Catalog,
    Intake,
    Priority,
    from_columns,
    split_by_priority,
)
from ingest.priority import Urgency

NOW_NS = 1_790_000_000_000_000_000
first_messages = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(KINDS)), max_size=30)


@given(first_messages)
def test_urgency_follows_the_catalogue(messages: list[tuple[int, str]]) -> None:
    """After every message, smoke detectors, gates and the service's clock are urgent."""
    catalog = Catalog()
    urgency = Urgency(catalog)
    for number, kind in messages:
        catalog.code("s", f"d{number}", kind)
        codes = np.arange(len(catalog), dtype=np.int32)
        wanted = [s.kind in URGENT_KINDS or s.site == SERVICE_SITE for s in catalog]
        assert urgency.of_sensors(codes).tolist() == wanted


@given(st.lists(st.booleans(), max_size=12))
def test_parts_contain_every_row_once_with_the_urgent_part_first(flags: list[bool]) -> None:
    """No row is lost or duplicated, attributes stay with their row, only an empty batch has an empty part."""
    columns = {name: np.arange(len(flags)).astype(dtype) for name, dtype in COLUMNS}
    batch = from_columns(columns, {row: {"row": row} for row in range(len(flags))})
    parts = split_by_priority(batch, np.array(flags, np.bool_))
    assert [priority for priority, _ in parts] == sorted({Priority(flag) for flag in flags}, reverse=True) or not flags
    rows = [(row, priority is Priority.URGENT) for priority, part in parts for row in part.sensor.tolist()]
    assert sorted(rows) == list(enumerate(flags))
    assert all(part.attributes[at]["row"] == row for _, part in parts for at, row in enumerate(part.sensor.tolist()))


def test_the_intake_marks_urgent_readings() -> None:
    """A comfort sensor that becomes a smoke detector is urgent from that message on."""
    door = Intake(Catalog())
    says = [("env", b'{"temperature": 20}'), ("water", b'{"level": 1}'), ("gate", b'{"open": true}')]
    door.accept([(0, 0, b"campus/s/%s/%s" % (kind.encode(), kind.encode()), body) for kind, body in says], NOW_NS)
    door.tick(NOW_NS)
    sealed = door.seal()
    assert sealed is not None
    assert sealed.urgent.tolist() == [False, False, True, True]
    door.accept([(0, 0, b"campus/s/smoke/env", b'{"smoke": false}')], NOW_NS)
    sealed = door.seal()
    assert sealed is not None
    assert sealed.urgent.tolist() == [True]
