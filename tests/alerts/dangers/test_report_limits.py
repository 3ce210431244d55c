"""Rate limits of the public report form."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.dangers.report_limits import (
    REPORTS_AN_HOUR,
    REPORTS_FROM_ADDRESS,
    REPORTS_OF_PLACE,
    ReportLimits,
    TooManyReports,
)

ADDRESSES, PLACES = ("10.0.0.1", "10.0.0.2", "2001:db8::1"), ("school-1/a", "school-1/b")


@given(st.lists(st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(PLACES)), max_size=80))
def test_no_address_and_no_place_exceeds_its_reports(sent: list[tuple[str, str]]) -> None:
    """Of one address, of one place, and of one place from one address."""
    limits, counted = ReportLimits(), Counter[tuple[str, str]]()
    for address, place in sent:
        try:
            limits.check(address, place)
        except TooManyReports:
            continue
        counted[address, place] += 1
    assert max(counted.values(), default=0) <= REPORTS_FROM_ADDRESS
    for address in ADDRESSES:
        assert sum(number for (one, _), number in counted.items() if one == address) <= REPORTS_AN_HOUR
    for place in PLACES:
        assert sum(number for (_, one), number in counted.items() if one == place) <= REPORTS_OF_PLACE


def test_one_source_leaves_reports_of_a_place_to_others() -> None:
    """Its refused reports do not count for the place."""
    limits = ReportLimits()
    for number in range(REPORTS_AN_HOUR * 2):
        if number < REPORTS_FROM_ADDRESS:
            limits.check(ADDRESSES[0], PLACES[0])
            continue
        with pytest.raises(TooManyReports):
            limits.check(ADDRESSES[0], PLACES[0])
    limits.check(ADDRESSES[1], PLACES[0])
