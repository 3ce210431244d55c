"""Numbers in device notation ("2821 mm", "25.7", 2116.0) -> values in a metric's unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any

_QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*([^\d\s].{0,11})?", re.ASCII)
_TEXT_MAX = 64

_MISSING = frozenset(
    ("", "-", "--", "nan", "null", "none", "n/a", "na", "unknown", "unavailable", "invalid reading", "out of range"),
)
_FAULTY = frozenset(("no sensor", "sensor error", "sensor fault", "read error", "collection error", "not connected"))

# spelling -> (canonical unit, factor, offset): canonical = wire * factor + offset
_UNITS: dict[str, tuple[str, float, float]] = {
    "m": ("m", 1, 0),
    "dm": ("m", 0.1, 0),
    "ft": ("m", 0.3048, 0),
    "in": ("m", 0.0254, 0),
    "cm": ("m", 0.01, 0),
    "mm": ("m", 0.001, 0),
    "Cel": ("Cel", 1, 0),
    "°C": ("Cel", 1, 0),
    "℃": ("Cel", 1, 0),
    "C": ("Cel", 1, 0),
    "°F": ("Cel", 5 / 9, -160 / 9),
    "F": ("Cel", 5 / 9, -160 / 9),
    "K": ("Cel", 1, -273.15),
    "V": ("V", 1, 0),
    "mV": ("V", 0.001, 0),
    "%": ("%", 1, 0),
    "%RH": ("%", 1, 0),
    "ppm": ("ppm", 1, 0),
    "ppb": ("ppm", 0.001, 0),
    "MPa": ("MPa", 1, 0),
    "kPa": ("MPa", 1e-3, 0),
    "hPa": ("MPa", 1e-4, 0),
    "mbar": ("MPa", 1e-4, 0),
    "bar": ("MPa", 0.1, 0),
    "Pa": ("MPa", 1e-6, 0),
    "A": ("A", 1, 0),
    "mA": ("A", 0.001, 0),
    "W": ("W", 1, 0),
    "kW": ("W", 1_000, 0),
    "m3/h": ("m3/s", 1 / 3_600, 0),
    "m³/h": ("m3/s", 1 / 3_600, 0),
    "L/s": ("m3/s", 0.001, 0),
    "lux": ("lx", 1, 0),
    "µg/m³": ("ug/m3", 1, 0),
    "ug/m³": ("ug/m3", 1, 0),
    "km/h": ("m/s", 1 / 3.6, 0),
}


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


def read_quantity(raw: Any) -> Quantity | Missing | Faulty | None:  # noqa: PLR0911 - a return a case
    """Return a foreign value as a quantity, MISSING or FAULTY; None when it is no number.

    Booleans are numbers 0 and 1; NaN and infinities are no measurement.

    >>> read_quantity("2821 mm")
    Quantity(value=2821.0, unit='mm')
    """
    if raw is None:
        return MISSING
    if isinstance(raw, bool | int | float):
        return _finite(raw)
    if not isinstance(raw, str) or len(raw) > _TEXT_MAX:
        return None
    text = raw.strip()
    if text.lower() in _MISSING:
        return MISSING
    if text.lower() in _FAULTY:
        return FAULTY
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    number = _finite(found[1])
    return Quantity(number.value, (found[2] or "").strip()) if isinstance(number, Quantity) else number


def convert(value: float, unit: str, wanted: str) -> float | None:
    """Return the value in the wanted canonical unit; None when the units measure different quantities.

    >>> convert(2.5, "cm", "m")
    0.025
    """
    if unit in ("", wanted):
        return value
    known = _UNITS.get(unit)
    if known is None or known[0] != wanted:
        return None
    _, factor, offset = known
    return round(value * factor + offset, 12)


def known_unit(text: str) -> bool:
    """Return whether the text is a convertible unit."""
    return text in _UNITS


def _finite(raw: Any) -> Quantity | Missing:
    try:
        number = float(raw)
    except OverflowError:
        return MISSING
    return Quantity(number) if isfinite(number) else MISSING
