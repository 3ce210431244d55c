"""Response schemas of grading methods, proposals and roll-ups."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

import alerts
from alerts.hazards.provisional import Provisional

from .campus import GradeDecision, Precursor, ProvisionalGrade
from .fields import Body, Both, Colour, Count, List, SiteId, both, colour, moment


class MethodFactor(Body):
    """One factor of a method with its values and their words."""

    name: Annotated[str, Field(description="likelihood, exposure or severity", examples=["likelihood"])]
    values: list[float]
    words: Annotated[list[Both], Field(description="one for each value; empty where the method has none")]


class MethodBand(Body):
    """One band of scores. high: the upper edge; inclusive: whether the band contains it."""

    grade: Colour
    low: float
    high: float
    inclusive: bool


class RiskMethod(Body):
    """One grading method."""

    method: Annotated[str, Field(examples=["ls"])]
    version: Annotated[str, Field(examples=["1"])]
    name: Both
    factors: list[MethodFactor]
    bands: list[MethodBand]


class MethodList(Body):
    """All grading methods by name."""

    items: list[RiskMethod]


class SiteRisk(Body):
    """Numbers of the risk points of a school by live grade."""

    site: SiteId
    name: Both
    district: Annotated[str, Field(examples=["yuelu"])]
    city: Annotated[str, Field(examples=["changsha"])]
    red: Count
    orange: Count
    yellow: Count
    blue: Count
    pending: Annotated[int, Field(ge=0, description="edits that wait for approval", examples=[2])]
    open_hazards: Count
    grade: Annotated[Colour | None, Field(description="gravest live grade or open hazard")]


class SiteRiskList(List[SiteRisk]):
    """One page of schools."""


def method_body(method: alerts.Method) -> RiskMethod:
    """Return a grading method."""
    factors = []
    for name, values in method.factors.items():
        words = method.words.get(name, {})
        pairs = zip(words.get("zh", ()), words.get("en", ()), strict=True)
        factors.append(MethodFactor(name=name, values=list(values), words=[Both(zh=zh, en=en) for zh, en in pairs]))
    bands = [
        MethodBand(grade=colour(grade), low=low, high=high, inclusive=inclusive)
        for grade, low, high, inclusive in method.bands
    ]
    return RiskMethod(method=method.name, version=method.version, name=both(method.title), factors=factors, bands=bands)


def provisional_body(raised: Provisional) -> ProvisionalGrade:
    """Return a proposed grade with its reasons and the decision on it."""
    given = raised.decision
    reasons = [
        Precursor(
            rule=one.rule,
            text=both(one.text),
            hazards=list(one.hazards),
            others=list(one.others),
            until=moment(one.until_ns),
        )
        for one in raised.precursors
    ]
    decision = None
    if given is not None:
        decision = GradeDecision(
            decision=given.decision, grade=colour(given.grade), by=given.by, at=moment(given.at_ns), reason=given.reason
        )
    return ProvisionalGrade(
        grade=colour(raised.grade), likelihood=raised.likelihood, reasons=reasons, decision=decision
    )
