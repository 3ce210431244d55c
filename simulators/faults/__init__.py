"""Everything that can go wrong between a sensor and the service, by the name that a scenario file uses for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulators.faults.clocks import ClockSettings, plan_clock
from simulators.faults.fault import Fault, FaultSettings, Reach, reach
from simulators.faults.links import DelaySettings, DuplicateSettings, LossSettings, ReorderSettings, plan_link
from simulators.faults.outages import (
    Outage,
    OutageSettings,
    Reboot,
    RebootSettings,
    RetainedSettings,
    plan_outage,
    plan_reboot,
    plan_retained,
)
from simulators.faults.values import NullSettings, StuckSettings, plan_null, plan_stuck

FAULTS: Mapping[str, tuple[type[FaultSettings], Callable[[Any, Reach], Fault]]] = {
    "loss": (LossSettings, plan_link),
    "duplicates": (DuplicateSettings, plan_link),
    "reorder": (ReorderSettings, plan_link),
    "delay": (DelaySettings, plan_link),
    "clock": (ClockSettings, plan_clock),
    "stuck": (StuckSettings, plan_stuck),
    "null": (NullSettings, plan_null),
    "gateway_outage": (OutageSettings, plan_outage),
    "reboot": (RebootSettings, plan_reboot),
    "retained": (RetainedSettings, plan_retained),
}
"""Name -> (its settings, how it is put onto the devices it reaches)."""

__all__ = ["FAULTS", "Fault", "FaultSettings", "Outage", "Reach", "Reboot", "reach"]
