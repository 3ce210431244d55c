"""Registry of effects by their name in scenario files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulators.campus.effect import Effect, Happening, Stage
from simulators.models.chatter import BounceSettings, FlappingSettings, plan_bounce, plan_flapping
from simulators.models.doors import ForcedSettings, HeldSettings, plan_forced, plan_held
from simulators.models.fire import CookingSettings, SmoulderSettings, plan_cooking, plan_smoulder
from simulators.models.flames import FlamingSettings, plan_flaming
from simulators.models.nuisances import AerosolSettings, plan_aerosol
from simulators.models.passages import (
    CardSettings,
    CrowdSettings,
    EntrySettings,
    TailgatingSettings,
    plan_card,
    plan_crowd,
    plan_entry,
    plan_tailgating,
)
from simulators.models.pipes import (
    BurstSettings,
    IsolationSettings,
    WeepSettings,
    plan_burst,
    plan_isolation,
    plan_weep,
)
from simulators.models.sensors import BatterySettings, DustSettings, plan_battery, plan_dust
from simulators.models.storms import PersonSettings, StormSettings, plan_person, plan_storm
from simulators.models.watching import (
    BlindSettings,
    ChargingSettings,
    StrangerSettings,
    plan_blind,
    plan_charging,
    plan_stranger,
)

EFFECTS: Mapping[str, tuple[type[Happening], Callable[[Any, Stage], Effect | None]]] = {
    "smoulder": (SmoulderSettings, plan_smoulder),
    "cooking": (CookingSettings, plan_cooking),
    "forced": (ForcedSettings, plan_forced),
    "held_open": (HeldSettings, plan_held),
    "storm": (StormSettings, plan_storm),
    "person_at_water": (PersonSettings, plan_person),
    "flaming": (FlamingSettings, plan_flaming),
    "aerosol": (AerosolSettings, plan_aerosol),
    "dust": (DustSettings, plan_dust),
    "battery": (BatterySettings, plan_battery),
    "stranger": (StrangerSettings, plan_stranger),
    "blind": (BlindSettings, plan_blind),
    "charging": (ChargingSettings, plan_charging),
    "tailgating": (TailgatingSettings, plan_tailgating),
    "entry": (EntrySettings, plan_entry),
    "card": (CardSettings, plan_card),
    "crowd": (CrowdSettings, plan_crowd),
    "burst": (BurstSettings, plan_burst),
    "weep": (WeepSettings, plan_weep),
    "isolation": (IsolationSettings, plan_isolation),
    "flapping": (FlappingSettings, plan_flapping),
    "bounce": (BounceSettings, plan_bounce),
}
"""Name -> (settings, planner for a fleet; the planner returns None when no device fits)."""
