"""Health of battery devices: charge by messages sent, voltage, radio; ageing of detectors.

Charge is counted in coulombs: a device uses its standby current and a fixed charge for each message. Capacities and
costs are plausible assumptions (two lithium AA cells indoors, a D cell in a LoRaWAN gauge).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from simulators.campus.calendar import DAY_MS, DAY_S
from simulators.campus.fleet import Rows, Samples
from simulators.campus.noise import Floats

HEALTH_S = 3600.0
EPOCH_MS = 1_767_225_600_000
"""2026-01-01; devices were installed in the two years before."""

AGE_DAYS_MAX = 730.0
KNEE = 0.93
"""Share used at which a lithium cell's voltage begins to fall (flat near 3 V until then)."""


class Cell(NamedTuple):
    """Charge of a full cell, charge of a message (C), and standby current (A)."""

    capacity_c: float
    message_c: float
    standby_a: float


CELLS: Mapping[str, Cell] = {
    "smoke": Cell(21_600, 0.0004, 40e-6),
    "room": Cell(10_800, 0.01, 20e-6),
    "door": Cell(10_800, 0.01, 20e-6),
    "pond": Cell(68_400, 0.015, 60e-6),
    "rain": Cell(68_400, 0.015, 40e-6),
    "leak": Cell(10_800, 0.02, 15e-6),
}


def used_share(rows: Rows, model: str, period_s: float) -> Floats:
    """Return the used share of the battery, 0 to 1: age times the cost of a day of standby and messages."""
    cell = CELLS[model]
    a_day_c = cell.standby_a * DAY_S + cell.message_c * DAY_S / period_s
    used: Floats = np.clip(age_days(rows) * a_day_c / cell.capacity_c, 0, 1)
    return used


def age_days(rows: Rows) -> Floats:
    """Return the days since the installation of each row's device."""
    result: Floats = (rows.time_ms - EPOCH_MS) / DAY_MS + AGE_DAYS_MAX * rows.own(stream=31)
    return result


def voltage(used: Floats) -> Floats:
    """Return the voltage of a lithium cell by its used share: flat, then a knee down to 2.4 V when empty."""
    result: Floats = 3.05 - 0.05 * used - 0.6 * np.clip((used - KNEE) / (1 - KNEE), 0, None) ** 2
    return result


def health(rows: Rows, model: str, period_s: float) -> Samples:
    """Return battery (%), battery_voltage (V) and rssi (dBm) of battery devices that send every `period_s`."""
    used = used_share(rows, model, period_s)
    cold, radio = rows.normals(2, stream=32)
    volts = voltage(used) + 0.004 * cold
    rssi = -52 - 30 * rows.own(stream=33) + 2 * radio
    return rows.frames(
        {
            "battery": np.floor(100 * (1 - used)),
            "battery_voltage": np.round(volts, 3),
            "rssi": np.round(rssi),
        }
    )
