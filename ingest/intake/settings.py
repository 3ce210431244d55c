"""Settings of the intake: accepted formats and times, bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """Accepted input and its bounds."""

    site: Annotated[str, doc("site of sensors whose format does not name one")] = "school-1"
    formats: Annotated[tuple[str, ...], doc("accepted foreign formats; all if the list is empty")] = ()
    homie_domain: Annotated[str, doc("domain of the Homie convention: the first level of its topics")] = "homie"
    strict: Annotated[bool, doc("quarantine native messages of sites that the campus file does not name")] = False
    past_days: Annotated[int, Interval(ge=1, le=36_500), Unit("d"), doc("readings older than this are rejected")] = 366
    keys_max: Annotated[
        int, Interval(ge=1_000, le=50_000_000), Unit("1"), doc("message keys kept for the detection of duplicates")
    ] = 1_000_000
    spool_mb: Annotated[
        int, Interval(ge=1, le=1_000_000), Unit("MB"), doc("messages that may wait undecoded in the log under overload")
    ] = 4_000
    undeclared_max: Annotated[int, Interval(ge=0, le=2_000_000), Unit("1"), doc("undeclared sensors of a site")] = (
        100_000
    )
    undeclared_sites_max: Annotated[
        int, Interval(ge=0, le=2_000_000), Unit("1"), doc("sites without a sensor in the campus file")
    ] = 20_000
    new_names_max: Annotated[
        int,
        Interval(ge=100, le=2_000_000),
        Unit("1"),
        doc("new undeclared names of a site per minute that start a name_flood"),
    ] = 1_000
    message_rate_max: Annotated[
        float,
        Interval(ge=10, le=100_000),
        Unit("1/s"),
        doc("messages of a device over ten seconds that start a message_flood"),
    ] = 50.0
