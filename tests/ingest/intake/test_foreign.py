"""Messages of a foreign identity: one reading a minute for each site, 0 at the end."""

from __future__ import annotations

import pytest

from ingest import Catalog
from ingest.catalog import SERVICE_DEVICE
from ingest.intake.foreign import ForeignMessages

SECOND_NS = 1_000_000_000
NOW_NS = 1_764_000_000 * SECOND_NS


def values(foreign: ForeignMessages, seconds: float) -> list[float | None]:
    """Return the readings that are due at that time."""
    return [each.value for each in foreign.due(NOW_NS + int(seconds * SECOND_NS))]


def test_a_count_a_minute_and_zero_after_a_minute_without() -> None:
    """Messages within the minute join the next reading."""
    catalog = Catalog()
    foreign = ForeignMessages(catalog)
    foreign.note("s1", "identity", again=False)
    foreign.note("s1", "identity", again=False)
    assert values(foreign, 0) == [2.0]
    foreign.note("s1", "identity", again=False)
    foreign.note("s1", "json", again=False)
    foreign.note("s1", "site_unknown", again=True)
    assert values(foreign, 30) == []
    assert values(foreign, 61) == [1.0]
    assert values(foreign, 89) == []
    assert values(foreign, 125) == [0.0]
    assert values(foreign, 500) == []
    assert catalog.find("s1", SERVICE_DEVICE) is not None


def test_a_start_ends_reports_of_an_earlier_process() -> None:
    """Sites without a service device have no report to end."""
    catalog = Catalog()
    catalog.service_device("s1")
    catalog.code("s2", "a", "smoke")
    assert values(ForeignMessages(catalog), 0) == [0.0]


@pytest.mark.parametrize("sensors_max", [1])
def test_a_full_catalogue_reports_nothing(sensors_max: int) -> None:
    """The messages stay counted in the accounts."""
    foreign = ForeignMessages(Catalog(sensors_max=sensors_max))
    foreign.note("s1", "identity", again=False)
    assert values(foreign, 0) == values(foreign, 100) == []
