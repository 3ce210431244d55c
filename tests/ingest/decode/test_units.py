"""Units in every spelling and code point, and numbers in every notation, give one value or a refusal."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode.units import _UNITS, MISSING, Quantity, convert, known_unit, normal_unit, read_quantity

DEGREES = "\u00b0\u00ba\u02da\u2218\u25e6\u1d52"
NUMBERS = {
    "0,62": 0.62,
    "-3,5": -3.5,
    "\u22123.5": -3.5,
    "0,625": 0.625,
    ",5": 0.5,
    "12,": 12.0,
    "1,016.76": 1016.76,
    "1.016,76": 1016.76,
    "1,016,760": 1_016_760.0,
    "1.016.760": 1_016_760.0,
    "1.016.760,5": 1_016_760.5,
    "1'016.76": 1016.76,
    "1,5e3": 1500.0,
    "1.016": 1.016,
    "\uff12\uff11\uff0e\uff15": 21.5,
    "21.5\0": 21.5,
}
REFUSED = ["1,016", "-1,016", "1,0,1", "12.345.6", "12 345", "1,01,676", "12;5", "on", "0x12", "1.2.3", ".", ",", "+"]


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_of_any_notation_has_one_value(text: str) -> None:
    """A comma or an apostrophe never cuts a number short."""
    assert read_quantity(text) == Quantity(NUMBERS[text])


@pytest.mark.parametrize("text", REFUSED)
def test_an_ambiguous_or_broken_number_is_refused(text: str) -> None:
    """No part of such a text becomes a value."""
    assert read_quantity(text) is None


@pytest.mark.parametrize("text", ["nan", "-nan", "NaN", "inf", "-inf", "+Infinity", "1e999", "--", "unknown", ""])
def test_a_text_for_no_number_is_no_measurement(text: str) -> None:
    """It neither raises nor clears an alarm."""
    assert read_quantity(text) is MISSING


@given(value=st.floats(-1e6, 1e6), unit=st.sampled_from(sorted(_UNITS)), gap=st.sampled_from(["", " ", "\u00a0"]))
def test_a_number_keeps_its_unit(value: float, unit: str, gap: str) -> None:
    """Text after a number is its unit, with any space."""
    assert read_quantity(f"{value!r}{gap}{unit}") == Quantity(value, normal_unit(unit))


@pytest.mark.parametrize("unit", sorted(_UNITS))
def test_look_alike_code_points_are_one_unit(unit: str) -> None:
    """Decomposed, full-width, with spaces, both micro signs, superscripts: the same conversion."""
    wide = "".join(chr(ord(char) + 0xFEE0) if 0x21 <= ord(char) <= 0x7E else char for char in unit)
    forms = [unicodedata.normalize("NFD", unit), wide, f" {unit} ", unit.replace("3", "³").replace("2", "²")]
    forms += [unit.replace("3", "^3"), *(unit.replace("°", degree) for degree in DEGREES)]
    if unit.startswith("u"):
        forms += ["\u00b5" + unit[1:], "\u03bc" + unit[1:]]
    assert {normal_unit(form) for form in forms} == {unit}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("℃", "Cel"), ("℉", "Cel"), ("㎎/㎥", "ug/m3"), ("HPA", "MPa"), ("DegC", "Cel"), ("mv", "V"), ("LUX", "lx")],
)
def test_other_spellings_convert(text: str, wanted: str) -> None:
    """Composed signs and other letter cases are the unit, where only one has these letters."""
    assert convert(1.0, text, wanted) is not None


@pytest.mark.parametrize("text", ["M", "k", "c", "foo", "", "°"])
def test_a_spelling_of_two_units_is_unknown(text: str) -> None:
    """Milliwatts and megawatts, or no unit at all, are never mixed."""
    assert not known_unit(text)
    assert normal_unit("mW") != normal_unit("MW")


@given(value=st.floats(-1e3, 1e3), unit=st.sampled_from(sorted(_UNITS)))
def test_a_conversion_and_its_inverse_are_the_identity(value: float, unit: str) -> None:
    """To the canonical unit and back."""
    canonical: Any = convert(value, unit, _UNITS[unit][0])
    assert convert(canonical, _UNITS[unit][0], unit) == pytest.approx(value, rel=1e-6, abs=1e-3)
