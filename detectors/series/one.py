"""Reading that is alone in its batch, in plain numbers."""

from __future__ import annotations

from typing import NamedTuple


class One(NamedTuple):
    """Only row of a batch in plain numbers: numpy calls would take twenty times as long."""

    sensor: int
    metric: int
    time_ns: int
    arrival_ns: int
    value: float
    quality: int
