"""Response schemas of the change preview."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .fields import Body, Count, Time


class PreviewCandidate(Body):
    """Effect of one set of limits on the readings of the span. added, removed: alarms against the present limits."""

    limits: Annotated[list[float], Field(examples=[[0.12, 0.2]])]
    alarms: Count
    pages: Count
    added: Count
    removed: Count
    incidents: Annotated[int, Field(ge=0, description="incidents of the span that the rule found", examples=[3])]
    incidents_missed: Annotated[int, Field(ge=0, description="of these, without an alarm of it", examples=[0])]
    operator_load_per_day: Annotated[float, Field(description="pages a day", examples=[0.4])]


class RulePreview(Body):
    """The rule with its present limits, then with the other ones."""

    rule: Annotated[str, Field(examples=["smoke_density"])]
    begin: Annotated[Time, Field(alias="from")]
    to: Time
    limits: Annotated[list[float], Field(description="present limits", examples=[[0.05, 0.1, 0.3]])]
    readings: Count
    seconds: Annotated[float, Field(examples=[3.2])]
    progress: Annotated[float, Field(ge=0, le=1, description="share of the span that is done", examples=[1.0])]
    candidates: list[PreviewCandidate]
