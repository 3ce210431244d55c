"""Vocabulary of telemetry: kinds, qualities and metrics, each metric with its unit and valid range.

Codes are part of stored data. A code never changes its metric.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from math import inf

KINDS = ("smoke", "gate", "water", "camera", "env", "device")
"""Sensor kinds, the most specific first: a device that sends smoke and battery is a smoke sensor."""

METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""Form of every metric's name."""

FIRST_LEARNED_METRIC = 1000
"""First code of learned metrics, which have no description. The catalogue assigns these codes."""


class Quality(IntEnum):
    """Trust in a reading."""

    GOOD = 0
    FAULT = 1  # the sensor reports a failed measurement, or the value is outside the valid range
    TEST = 2  # self-test or simulated message: a drill at most
    HISTORICAL = 3  # a late copy of a past value: stored, no live alarm
    RETAINED = 4  # a retained message: the state at a connect, no event and no heartbeat


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured quantity: its stored code, name, unit and valid range (inclusive)."""

    code: int
    name: str
    unit: str
    low: float = -inf
    high: float = inf


def _bool(code: int, name: str) -> Metric:
    return Metric(code, name, "bool", 0, 1)


METRICS: tuple[Metric, ...] = (
    _bool(1, "smoke"),
    _bool(2, "test"),
    Metric(3, "smoke_density", "dB/m", 0, 20),
    Metric(4, "smoke_concentration", "%", 0, 100),
    Metric(5, "co", "ppm", 0, 10_000),
    Metric(6, "temperature", "Cel", -60, 1_500),
    _bool(7, "carbon_monoxide"),  # the device's own alarm, at the limits of EN 50291-1
    _bool(8, "gas"),  # the device's own alarm for combustible gas
    _bool(9, "heat"),  # the device's own alarm for heat
    _bool(10, "open"),
    _bool(11, "access_granted"),
    _bool(12, "access_denied"),
    _bool(13, "forced"),
    Metric(14, "people_in", "count", 0, 100_000),
    Metric(15, "people_out", "count", 0, 100_000),
    Metric(16, "people_in_total", "count", 0),
    Metric(17, "people_out_total", "count", 0),
    _bool(18, "occupancy"),
    Metric(19, "open_count", "count", 0),
    Metric(20, "level", "m", -500, 9_000),
    Metric(21, "depth", "m", -1, 200),
    Metric(22, "distance", "m", 0, 200),
    Metric(23, "rain", "mm", 0, 500),
    Metric(24, "flow", "m3/s", -1_000, 100_000),
    Metric(25, "pressure", "MPa", -0.1, 100),
    _bool(26, "leak"),
    _bool(27, "level_high"),  # water at the limit: a float switch, or the device's own limit
    _bool(28, "level_low"),
    Metric(29, "fill", "%", 0, 100),  # of a tank
    _bool(30, "object_present"),
    Metric(31, "object_count", "count", 0, 100_000),
    _bool(32, "motion"),
    _bool(33, "review"),
    _bool(34, "blind"),
    Metric(35, "sharpness", "%", 0, 100),  # relative to the camera's picture on a clear day
    Metric(36, "luma", "%", 0, 100),
    Metric(37, "scene_change", "%", 0, 100),  # of the picture's hash bits that differ from the learned scene
    _bool(38, "rule_active"),  # a rule of the camera's own analytics holds
    _bool(39, "sound"),  # a class of sound is detected: the label
    Metric(40, "battery", "%", 0, 100),
    Metric(41, "battery_voltage", "V", 0, 60),
    _bool(42, "battery_low"),
    _bool(43, "tamper"),
    _bool(44, "fault"),
    Metric(45, "rssi", "dBm", -200, 50),
    Metric(46, "linkquality", "lqi", 0, 255),
    Metric(47, "link_margin", "dB", -100, 100),
    _bool(48, "online"),  # derived from last wills and availability topics
    _bool(49, "tick"),  # clock reading of the service: advances event time while every sensor is offline
    _bool(50, "isolated"),  # a zone of the fire panel is switched off
    Metric(51, "data_gap", "count", 0),  # missing messages, by the device's sequence numbers
    Metric(54, "message_rate", "1/s", 0),  # of a device during a message flood; 0 at its end
    Metric(55, "new_names", "count", 0),  # of a site within a minute, during a name flood; 0 at its end
    Metric(58, "foreign_messages", "count", 0),  # of a site, with another site or device in it; 0 at the end
    _bool(115, "watchdog"),  # of the synthetic smoke head of the service: begins and ends an alarm at once
    _bool(59, "awaited"),  # the registry declares the sensor, which has not sent a message
    Metric(57, "backlog", "s", 0),  # age of the oldest undecoded comfort reading in the log
    Metric(60, "humidity", "%", 0, 100),
    Metric(61, "illuminance", "lx", 0, 200_000),
    Metric(62, "co2", "ppm", 0, 100_000),
    Metric(63, "pm25", "ug/m3", 0, 10_000),
    Metric(64, "noise", "dB", 0, 200),
    Metric(65, "current", "A", -10_000, 10_000),
    Metric(66, "power", "W", -1e7, 1e7),
    Metric(67, "wind_speed", "m/s", 0, 120),
    Metric(71, "chip_temperature", "Cel", -60, 200),  # of the device's processor: no temperature of the room
    _bool(72, "vibration"),
    Metric(73, "gas_level", "%LEL", 0, 100),  # of the lower explosive limit
    _bool(74, "end_of_life"),  # the sensing element has reached its age limit
    _bool(76, "alarm"),  # an alarm that the device does not describe further
    _bool(114, "lock_open"),
    Metric(110, "active_count", "count", 0, 100_000),  # of the objects that move
    _bool(113, "panic"),  # a duress code or an emergency button
    Metric(111, "sound_level", "dBFS", -200, 20),  # relative to the full scale of the microphone
    _bool(112, "recognised"),  # a face, a plate or a class of an object was recognised: the label
)

METRIC_BY_NAME = {metric.name: metric for metric in METRICS}
METRIC_BY_CODE = {metric.code: metric for metric in METRICS}

DEVICE_METRICS = frozenset(
    (
        "battery",
        "battery_voltage",
        "battery_low",
        "tamper",
        "fault",
        "end_of_life",
        "chip_temperature",
        "rssi",
        "linkquality",
        "link_margin",
        "online",
        "data_gap",
        "message_rate",
        "new_names",
        "foreign_messages",
    ),
)
"""Metrics of the device itself, on a topic of any kind."""

SERVICE_METRICS = frozenset(("tick", "backlog", "awaited", "watchdog"))
"""Metrics for offline detection and the watchdog of the service. Intake rejects them from devices."""

STANDING = frozenset(
    (
        "smoke",
        "smoke_density",
        "smoke_concentration",
        "carbon_monoxide",
        "co",
        "gas",
        "gas_level",
        "heat",
        "temperature",
        "panic",
        "alarm",
        "forced",
        "leak",
        "level_high",
        "level",
        "depth",
        "distance",
        "object_present",
        "object_count",
    )
)
"""Life-safety metrics whose present value shows a danger, without the events before it."""

LIFE_SAFETY = STANDING | frozenset(
    ("open", "access_granted", "access_denied", "occupancy", "fill", "flow", "rule_active", "review", "sound")
)
"""Metrics that show fire, gas, intruders or danger at water. A doubtful time never refuses or delays them."""
