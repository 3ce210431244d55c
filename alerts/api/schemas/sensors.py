"""Response schemas of sensors and their readings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alerts.register.inheritance import InheritedGrade

from .evidence import Battery
from .fields import (
    Body,
    Both,
    Colour,
    Count,
    List,
    MetricName,
    PlaceId,
    Point,
    SensorId,
    SiteId,
    Time,
    Unit,
    both,
    colour,
)

SensorState = Literal["ok", "hazard", "drill", "silent", "removed", "asleep", "unknown"]
Quality = Literal["good", "fault", "test", "historical", "retained"]
_Number = float | int | None


class LatestReading(Body):
    """The latest reading of one metric."""

    name: MetricName
    unit: Unit
    last_value: Annotated[float | None, Field(examples=[0.02])]
    last_time: Time | None
    quality: Quality


class UnreadKeys(Body):
    """Keys of the sensor's messages that hold a value and gave no reading. count: since the first message."""

    count: Count
    keys: Annotated[list[str], Field(description="the first different ones", examples=[["flow_rate"]])]


class RiskPointOfSensor(Body):
    """Risk point from which a sensor inherits its grade: of its measure, its place or its zone."""

    id: Annotated[str, Field(examples=["dorm-fire"])]
    name: Both
    grade: Colour


def risk_point_body(found: InheritedGrade | None) -> RiskPointOfSensor | None:
    """Return the risk point of a sensor, None without one."""
    if found is None:
        return None
    return RiskPointOfSensor(id=found.point, name=both(found.name), grade=colour(found.grade))


class Sensor(Body):
    """One sensor with its place, latest readings and state."""

    code: Annotated[int, Field(description="code in the catalogue", ge=0, examples=[17])]
    id: SensorId
    former: Annotated[list[str], Field(description="ids before its renamings", examples=[["0x00158d00018255df"]])]
    site: SiteId
    kind: Annotated[str, Field(description="smoke, gate, water, camera, env or device", examples=["smoke"])]
    place: PlaceId
    place_name: Both | None
    zone: Annotated[str | None, Field(examples=["dorm-3"])]
    risk_point: Annotated[RiskPointOfSensor | None, Field(description="approved point whose grade it inherits")]
    profile: Annotated[str, Field(description="device profile", examples=["smoke-optical"])]
    xy: Annotated[Point | None, Field(description="metres on the plan of the site")]
    floor: Annotated[int | None, Field(description="of its position or place", examples=[4])]
    period_s: Annotated[float | None, Field(description="expected seconds between messages", examples=[60])]
    gateway: Annotated[
        str | None, Field(description="its gateway, or the device of a probe or channel", examples=["gateway-1"])
    ]
    removed: Annotated[bool, Field(description="its bridge or network removed it; no message followed")]
    limits: Annotated[dict[str, list[float]], Field(examples=[{"smoke_density": [0.1, 0.15]}])]
    assigned: Annotated[bool, Field(description="assigned to a place")]
    ignored: Annotated[str | None, Field(description="reason why it is ignored", examples=["shop next door"])]
    format: Annotated[str | None, Field(description="wire format", examples=["zigbee2mqtt"])]
    first_heard: Annotated[Time | None, Field(description="arrival of its first message")]
    last_heard: Annotated[Time | None, Field(description="latest reading that the broker did not retain")]
    metrics: list[LatestReading]
    unread: Annotated[UnreadKeys | None, Field(description="null without unread keys")]
    battery: Annotated[Battery | None, Field(description="null unless the battery is low")]
    state: Annotated[
        SensorState,
        Field(description="drill: alarm of a drill only; silent: it or its gateway is offline; asleep: announced"),
    ]


class SensorList(List[Sensor]):
    """One page of sensors. total: number of sensors on all pages."""

    total: Count


class Assigned(Body):
    """Number of sensors that a list assigned to places."""

    assigned: Count


class Readings(Body):
    """Readings of one metric.

    Without a step, a point is [epoch ms, value, quality]. With a step, it is [epoch ms, mean, low, high, count].
    """

    sensor: SensorId
    site: SiteId
    metric: MetricName
    unit: Unit
    step_s: Annotated[float | None, Field(description="seconds of a bucket, null for raw readings", examples=[60])]
    points: Annotated[list[list[_Number]], Field(examples=[[[1790000000000, 0.02, 0.01, 0.03, 6]]])]
