"""What is taken in, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """What is taken in, and whose it is."""

    site: Annotated[str, doc("site of sensors whose format does not name one")] = "school-1"
    formats: Annotated[tuple[str, ...], doc("foreign formats that are taken in; all of them where none is named")] = ()
    past_days: Annotated[int, Interval(ge=1, le=36_500), Unit("d"), doc("readings older than this are refused")] = 366
    keys_max: Annotated[
        int, Interval(ge=1_000, le=50_000_000), Unit("1"), doc("messages remembered to recognise repeats")
    ] = 1_000_000
