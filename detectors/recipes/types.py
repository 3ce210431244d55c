"""Rule types of recipes by name. Each family of rules states its types in a module of its own."""

from __future__ import annotations

from .ageing import NeighbourDrift, ZeroDrift
from .cameras import Abandoned, Charging, Loiter, QuietCamera
from .estimators import Context, Dspot, HalfSpaceTrees, OwnTail, PageHinkley
from .fires import FireEvidence
from .forecasting import TimeToLimit
from .fusion import Belief, Condition, Verify
from .gauges import GaugeFault
from .general import Excess, Unusual
from .kinds import (
    AfterHours,
    Battery,
    CameraObject,
    Forced,
    Invalid,
    LastingState,
    Rise,
    Rule,
    Silence,
    Stuck,
    Threshold,
)
from .machines import ChangePoint, Group
from .mains import Burst, SlowLeak
from .rooms import Occupancy
from .traffic import CardUse, Crowd, GateFlow, Tailgating, UnusualCount
from .trained import Trained

TYPES: dict[str, type[Rule]] = {
    "threshold": Threshold,
    "rise": Rise,
    "stuck": Stuck,
    "invalid": Invalid,
    "silence": Silence,
    "battery": Battery,
    "held": LastingState,
    "forced": Forced,
    "after_hours": AfterHours,
    "seen": CameraObject,
    "unusual": Unusual,
    "excess": Excess,
    "unusual_count": UnusualCount,
    "occupancy": Occupancy,
    "loiter": Loiter,
    "abandoned": Abandoned,
    "charging": Charging,
    "quiet_camera": QuietCamera,
    "condition": Condition,
    "verify": Verify,
    "belief": Belief,
    "time_to_limit": TimeToLimit,
    "gauge_fault": GaugeFault,
    "group": Group,
    "change_point": ChangePoint,
    "burst": Burst,
    "slow_leak": SlowLeak,
    "crowd": Crowd,
    "tailgating": Tailgating,
    "card_use": CardUse,
    "fire_evidence": FireEvidence,
    "gate_flow": GateFlow,
    "trained": Trained,
    "zero_drift": ZeroDrift,
    "neighbour_drift": NeighbourDrift,
    "dspot": Dspot,
    "own_tail": OwnTail,
    "page_hinkley": PageHinkley,
    "half_space_trees": HalfSpaceTrees,
    "context": Context,
}
"""Type name of a rule in a recipe -> its settings."""

ORIGINS: dict[type[Rule], str] = {}
"""Types of plug-ins -> distribution, version and digest of the code."""
