"""Response schema of the overview of one site on its wall."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .fields import Body, Both, Count, SiteId, Time


class SilencesNow(Body):
    """Silences in a window now. patrols_due_at: earliest due patrol entry, null without a patrol."""

    count: Count
    next_end: Time | None
    patrols_due_at: Time | None


class Overview(Body):
    """Present figures of one site: its newest reading, its sensors, and the alarms of the last 30 min."""

    site: SiteId
    now: Time
    last_reading: Annotated[Time | None, Field(description="newest reading of any sensor, null without any")]
    sensors: Annotated[Count, Field(description="sensors of the site, without removed ones")]
    reporting: Annotated[Count, Field(description="sensors that report, or are asleep as described")]
    on_duty: Annotated[list[Both] | None, Field(description="names of the persons on duty; null without a roster")]
    alarms_30_min: Annotated[Count, Field(description="alarms that paged in the last 30 min, without drills")]
    silences: SilencesNow
