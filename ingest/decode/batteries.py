"""Batteries without a stated scale: percent, volts and millivolts, recognised by plausibility."""

from __future__ import annotations

from .units import convert

_CELL_LOW_V, _CELL_HIGH_V = 1.0, 4.6
_MILLIVOLTS_LOW, _MILLIVOLTS_HIGH = 1_000, 60_000
_PERCENT_MAX = 100


def battery_of(value: float, unit: str) -> tuple[str, float, str] | None:
    """Return metric, value and unit of a battery; None for another scale, such as 0 to 255.

    A fraction between 1.0 and 4.6 is the voltage of a cell; a whole number up to 100 is a percentage.

    >>> battery_of(88.0, ""), battery_of(2.95, ""), battery_of(3600.0, ""), battery_of(254.0, "")
    (('battery', 88.0, '%'), ('battery_voltage', 2.95, 'V'), ('battery_voltage', 3.6, 'V'), None)
    """
    volts = convert(value, unit, "V") if unit else None
    if volts is None and not unit and _MILLIVOLTS_LOW <= value <= _MILLIVOLTS_HIGH:
        volts = value / 1_000
    if volts is None and not unit and _CELL_LOW_V < value < _CELL_HIGH_V and value != int(value):
        volts = value
    if volts is not None:
        return "battery_voltage", volts, "V"
    share = convert(value, unit, "%") if unit else value
    return ("battery", share, "%") if share is not None and 0 <= share <= _PERCENT_MAX else None
