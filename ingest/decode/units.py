"""Numbers in device notation ("2821 mm", "0,62", "1,016.76 hPa", 2116.0) -> values in a metric's unit.

Source: Unicode NFKC (UAX 15) for code points that look alike; SI brochure and NIST SP 811, appendix B, for factors;
UCUM and Home Assistant's `UnitOf...` constants for spellings.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from math import isfinite
from typing import Any

_QUANTITY = re.compile(r"([+-]?(?:\d[\d.,']*|[.,]\d+)(?:[eE][+-]?\d{1,3})?)\s*([^\d\s.,'].{0,23})?", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:([.,'])\d{3})(?:\1\d{3})*", re.ASCII)
_FOREIGN = re.compile(r"[%°]?[^\W\d_]*(?:/[^\W\d_]+[23]?)*")
"""An unknown unit: words and quotients of them."""
_TEXT_MAX = 64

_MISSING = frozenset(
    ("", "-", "--", "nan", "null", "none", "n/a", "na", "unknown", "unavailable", "invalid reading", "out of range"),
)
_FAULTY = frozenset(("no sensor", "sensor error", "sensor fault", "read error", "collection error", "not connected"))

# code points without a compatibility mapping to the usual one, or with a wrong one
_ALIKE = str.maketrans(
    {
        "\u00ba": "°",  # masculine ordinal indicator
        "\u02da": "°",  # ring above
        "\u2218": "°",  # ring operator
        "\u25e6": "°",  # white bullet
        "\u1d52": "°",  # modifier letter small o
        "\u2070": "°",  # superscript zero
        "\u2212": "-",  # minus sign
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2019": "'",
        "\u066b": ".",  # Arabic decimal separator
        "\u066a": "%",  # Arabic percent sign
        "\u2236": "/",
        "\u2044": "/",  # fraction slash
        "\u2215": "/",  # division slash
        "\u200b": None,
        "\u200e": None,
        "\u200f": None,
        "\ufeff": None,
    },
)
_JOINERS = str.maketrans({" ": None, "^": None, "*": None, "·": None, "_": None, "μ": "u"})

_TABLE = tomllib.loads((files("ingest.decode") / "units.toml").read_text(encoding="utf-8"))
# spelling in normal form -> (canonical unit, factor, offset): canonical = wire * factor + offset
_UNITS: dict[str, tuple[str, float, float]] = {
    spelling: (unit, *(factor if isinstance(factor, list) else (factor, 0.0)))
    for unit, known in _TABLE.items()
    for spelling, factor in known.items()
}


def _unambiguous() -> dict[str, str]:
    """Return lower-case spellings with one meaning and their spelling in the table; "mw" and "c" are left out."""
    found: dict[str, set[str]] = {}
    for spelling in _UNITS:
        found.setdefault(spelling.lower(), set()).add(spelling)
    single = {low: exact for low, exact in found.items() if len({_UNITS[each] for each in exact}) == 1}
    return {low: min(exact) for low, exact in single.items() if len(low) > 1}


_BY_LOWER = _unambiguous()


class Missing:
    """No measurement in this message: the value is null, "-", "nan" or the like."""


class Faulty:
    """The device reports that it cannot measure ("No Sensor")."""


MISSING, FAULTY = Missing(), Faulty()


@dataclass(frozen=True, slots=True)
class Quantity:
    """A finite number and its unit; "" without a unit."""

    value: float
    unit: str = ""


def normal_unit(text: str) -> str:
    """Return a unit in its normal form: one code point for look-alikes, no spaces or exponent signs.

    Two spellings of one unit have one normal form; a text that is no known unit keeps its letters.

    >>> [normal_unit(text) for text in ("µg/m³", "\u03bcg/m^3", "℃", "º C", "％", "HPA", "Celsius")]
    ['ug/m3', 'ug/m3', '°C', '°C', '%', 'hPa', 'Celsius']
    """
    return _normal(text) if len(text) <= _TEXT_MAX else text


@lru_cache(maxsize=1024)
def _normal(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.translate(_ALIKE)).translate(_JOINERS)
    text = "".join(text.split())
    return text if text in _UNITS else _BY_LOWER.get(text.lower(), text)


def read_quantity(raw: Any) -> Quantity | Missing | Faulty | None:  # noqa: PLR0911 - a return a case
    """Return a foreign value as a quantity, MISSING or FAULTY; None when it is no number.

    Booleans are numbers 0 and 1; NaN and infinities are no measurement. A comma is a decimal sign, or groups thousands;
    a text that may be both ("1,016") is no number. The unit is in its normal form.

    >>> read_quantity("2821 mm")
    Quantity(value=2821.0, unit='mm')
    >>> [read_quantity(text) for text in ("0,62", "1,016.76", "1.016,76 hPa", "1,016")]
    [Quantity(value=0.62, unit=''), Quantity(value=1016.76, unit=''), Quantity(value=1016.76, unit='hPa'), None]
    """
    if raw is None:
        return MISSING
    if isinstance(raw, bool | int | float):
        return _finite(raw)
    if not isinstance(raw, str) or len(raw) > _TEXT_MAX:
        return None
    text = unicodedata.normalize("NFKC", raw.translate(_ALIKE)).partition("\0")[0].strip()
    if text.lower() in _MISSING or text.lower().strip("+-") in ("nan", "inf", "infinity"):
        return MISSING
    if text.lower() in _FAULTY:
        return FAULTY
    found = _QUANTITY.fullmatch(text)
    digits = None if found is None else _plain(found[1])
    unit = "" if found is None else normal_unit(found[2] or "")
    if digits is None or not (unit in _UNITS or _FOREIGN.fullmatch(unit)):
        return None
    number = _finite(digits)
    return Quantity(number.value, unit) if isinstance(number, Quantity) else number


def _plain(text: str) -> str | None:
    """Return a number with a decimal point and without groups; None when the signs have no order or two meanings."""
    text, _, power = text.lower().partition("e")
    if "," in text or "'" in text or text.count(".") > 1:
        decimal = max(",.", key=text.rfind)
        whole, sign, fraction = text.rpartition(decimal)
        if not sign or (fraction and _GROUPED.fullmatch(text)):
            whole, fraction = text, ""
            if len(re.findall("[,.]", text)) == 1:
                return None  # 1,016: a thousand and sixteen, or one and a fraction
        signs = {sign for sign in whole if sign in ",.'"}
        if signs and ((decimal in signs and fraction) or not _GROUPED.fullmatch(whole)):
            return None
        text = re.sub("[,.']", "", whole) + "." + fraction
    try:
        float(text)
    except ValueError:
        return None
    return f"{text}e{power}" if power else text


def convert(value: float, unit: str, wanted: str) -> float | None:
    """Return the value in the wanted unit; None when the units measure different quantities.

    unit: in any spelling. wanted: a canonical unit of the vocabulary, or any known one.

    >>> convert(2.5, "cm", "m"), convert(1, "in", "mm")
    (0.025, 25.4)
    """
    if unit in ("", wanted):
        return value
    known, target = _UNITS.get(normal_unit(unit)), _UNITS.get(normal_unit(wanted))
    if known is None or target is None or known[0] != target[0]:
        return None
    return round((value * known[1] + known[2] - target[2]) / target[1], 12)


def known_unit(text: str) -> bool:
    """Return whether the text is a convertible unit."""
    return normal_unit(text) in _UNITS


def _finite(raw: Any) -> Quantity | Missing:
    try:
        number = float(raw)
    except OverflowError:
        return MISSING
    return Quantity(number) if isfinite(number) else MISSING
