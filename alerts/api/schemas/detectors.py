"""Response schemas of detectors: rules of the running recipe with stage, score sheet and counts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

import alerts
from alerts.api.telemetry import Qualified
from detectors import RuleFacts

from .evidence import LeadTime
from .fields import Body, Count, HazardKind, Level, MetricName, Time, moment

Stage = Literal["shadow", "probation", "paging"]
_SAME = ("name", "type", "hazard", "metrics", "kinds", "profiles", "levels", "pages", "limits", "digest")


class Setting(Body):
    """One setting of a rule as text."""

    name: Annotated[str, Field(examples=["hysteresis"])]
    value: Annotated[str, Field(examples=["0.02"])]


class Figure(Body):
    """One figure of a score sheet with its goal."""

    name: Annotated[str, Field(examples=["false_per_week"])]
    value: Annotated[float | None, Field(description="null: not measured", examples=[0.04])]
    unit: Annotated[str, Field(examples=["s"])]
    goal: Annotated[str, Field(description="condition to page, empty without one", examples=["<= 0.1"])]
    passed: Annotated[bool | None, Field(description="null: without a goal")]
    n: Annotated[int | None, Field(ge=0, description="number of cases", examples=[120])]


class RuleCounts(Body):
    """Detections of a rule at the sites of the caller, without drills."""

    total: Count
    month: Annotated[int, Field(ge=0, description="of the last 30 days", examples=[2])]
    open: Annotated[int, Field(ge=0, description="active now", examples=[1])]
    last: Annotated[Time | None, Field(description="decision time of the newest one")]


class Detector(Body):
    """One rule of the running recipe. stage: recorded only (shadow), shown (probation), or shown and paging."""

    name: Annotated[str, Field(examples=["smoke_alarm"])]
    type: Annotated[str, Field(description="detector type", examples=["threshold"])]
    hazard: HazardKind
    metrics: Annotated[list[MetricName], Field(description="empty: every metric, or missing readings")]
    kinds: Annotated[list[str], Field(description="kinds of sensors; empty: all", examples=[["smoke"]])]
    profiles: Annotated[list[str], Field(description="profiles of sensors; empty: all", examples=[[]])]
    levels: list[Level]
    pages: Annotated[list[Level], Field(description="levels that page")]
    limits: Annotated[list[float], Field(description="one for each level", examples=[[0.1, 0.15]])]
    settings: list[Setting]
    digest: Annotated[str, Field(description="digest of all settings", examples=["1f0c9a4be27d5510"])]
    stage: Stage
    established: Annotated[bool, Field(description="pages without a score sheet: a shipped plain rule or a state")]
    reason: Annotated[str, Field(description="reason of the stage", examples=["score sheet within its bounds"])]
    sheet: list[Figure]
    lead: LeadTime | None
    counts: RuleCounts


class Detectors(Body):
    """All rules of the running recipe, in its order."""

    recipe: Annotated[str, Field(examples=["campus"])]
    digest: Annotated[str, Field(description="digest of all rules", examples=["c3de1f0b7a995510"])]
    items: list[Detector]


def detector_body(facts: RuleFacts, known: Qualified, counts: alerts.RuleCount | None) -> Detector:
    """Return a rule with its qualification and counts."""
    lead = known.lead
    return Detector(
        **{name: getattr(facts, name) for name in _SAME},
        settings=[Setting(name=name, value=value) for name, value in facts.settings.items()],
        stage=known.stage,
        established=known.established,
        reason=known.reason,
        sheet=[Figure(**figure) for figure in known.sheet],
        lead=LeadTime(median_s=lead[0], p10_s=lead[1], n=lead[2]) if lead else None,
        counts=RuleCounts(
            total=counts.total if counts else 0,
            month=counts.recent if counts else 0,
            open=counts.active if counts else 0,
            last=moment(counts.last_ns) if counts else None,
        ),
    )
