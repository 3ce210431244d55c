"""Registry of faults between a sensor and the service, by their name in scenario files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulators.faults.clocks import Clock, ClockSettings
from simulators.faults.fault import Fault, FaultSettings, Reach, reach
from simulators.faults.links import DelaySettings, DuplicateSettings, Link, LossSettings, ReorderSettings
from simulators.faults.outages import (
    Outage,
    OutageSettings,
    Reboot,
    RebootSettings,
    Retained,
    RetainedSettings,
)
from simulators.faults.values import Null, NullSettings, Stuck, StuckSettings

FAULTS: Mapping[str, tuple[type[FaultSettings], Callable[[Reach, Any], Fault]]] = {
    "loss": (LossSettings, Link),
    "duplicates": (DuplicateSettings, Link),
    "reorder": (ReorderSettings, Link),
    "delay": (DelaySettings, Link),
    "clock": (ClockSettings, Clock),
    "stuck": (StuckSettings, Stuck),
    "null": (NullSettings, Null),
    "gateway_outage": (OutageSettings, Outage),
    "reboot": (RebootSettings, Reboot),
    "retained": (RetainedSettings, Retained),
}
"""Name -> (settings, planner for the affected devices)."""

__all__ = ["FAULTS", "Fault", "FaultSettings", "Outage", "Reach", "Reboot", "reach"]
