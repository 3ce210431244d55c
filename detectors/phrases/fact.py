"""Facts of one detection that its sentences state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Words = dict[str, str]
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Fact:
    """Facts of one detection.

    over: it has cleared; lasted_s: span of event time of its evidence; behind: sensors that report only through this
    gateway; dims: further evidence.
    """

    kind: str
    hazard: str
    metric: str
    unit: str
    over: bool = False
    value: float | None = None
    limit: float | None = None
    window_s: float = 0.0
    clear_limit: float | None = None
    clear_s: float = 0.0
    falling: bool = False
    lasted_s: float = 0.0
    behind: int = 0
    dims: Mapping[str, Any] = field(default_factory=dict)
