"""Everything that can happen, by the name that a scenario file uses for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simulators.models.doors import ForcedSettings, HeldSettings, plan_forced, plan_held
from simulators.models.effect import Effect, Happening, Stage
from simulators.models.fire import CookingSettings, SmoulderSettings, plan_cooking, plan_smoulder
from simulators.models.storms import PersonSettings, StormSettings, plan_person, plan_storm

EFFECTS: Mapping[str, tuple[type[Happening], Callable[[Any, Stage], Effect | None]]] = {
    "smoulder": (SmoulderSettings, plan_smoulder),
    "cooking": (CookingSettings, plan_cooking),
    "forced": (ForcedSettings, plan_forced),
    "held_open": (HeldSettings, plan_held),
    "storm": (StormSettings, plan_storm),
    "person_at_water": (PersonSettings, plan_person),
}
"""Name -> (its settings, how it is put onto a fleet; None when no device fits)."""
