"""Words of explanations."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from detectors.wording import LABELS, NAMES, SIGNS, UNITS, quantity, span
from ingest import METRIC_BY_NAME, METRICS

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_names_are_those_of_known_metrics_in_both_languages() -> None:
    """No entry is left of a metric that no longer exists, and no language is missing."""
    assert set(NAMES) <= set(METRIC_BY_NAME)
    for zh, en in (*NAMES.values(), *LABELS.values(), *SIGNS.values()):
        assert CHINESE.search(zh)
        assert en
        assert not CHINESE.search(en)


def test_units_are_those_of_known_metrics() -> None:
    """Each replaced unit belongs to a metric."""
    assert set(UNITS) <= {metric.unit for metric in METRICS}


@given(st.floats(0, 31_536_000))
def test_duration_differs_from_the_shown_one_by_its_rounding_only(seconds: float) -> None:
    """One decimal in the unit that is shown, and the same number in both languages."""
    zh, en = span(seconds)
    number, unit = en.split()
    size = {"s": 1, "min": 60, "h": 3600}[unit]
    assert abs(float(number) * size - seconds) <= 0.05 * size + 1e-6
    assert zh.split()[0] == number
    assert unit == "s" or float(number) >= 2


@given(st.floats(-1e6, 1e6), st.sampled_from(["ppm", "bool", "Cel"]))
def test_quantity_is_rounded_to_about_three_figures(value: float, unit: str) -> None:
    """The shown number differs by at most half of its last digit."""
    number = float(quantity(value, unit).split()[0])
    assert abs(number - value) <= (0.5 if abs(value) >= 100 else 0.05 if abs(value) >= 10 else 0.005) + 1e-9


def test_quantity_without_a_value_is_zero() -> None:
    """None is shown as zero."""
    assert quantity(None, "ppm") == "0.00 ppm"
