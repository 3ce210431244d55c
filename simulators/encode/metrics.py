"""Metrics of each model of the fleet, for formats that name every metric."""

from __future__ import annotations

from collections.abc import Mapping

MEASURED: Mapping[str, tuple[str, ...]] = {
    "smoke": ("smoke_density", "co", "temperature"),
    "room": ("temperature", "humidity", "co2"),
    "door": ("open", "access_granted", "forced", "people_in"),
    "turnstile": ("people_in", "people_out"),
    "rain": ("rain",),
    "pipe": ("pressure", "flow"),
    "leak": ("leak",),
    "panel": ("isolated", "fault"),
    "socket": ("current", "power"),
}
"""Model -> metrics; without the pond, whose level some formats decode as a depth, and the camera."""

HEALTH = ("battery", "battery_voltage", "rssi")
"""Health metrics of any model."""

UNITS: Mapping[str, str] = {
    "smoke_density": "dB/m",
    "co": "ppm",
    "temperature": "Cel",
    "humidity": "%",
    "co2": "ppm",
    "rain": "mm",
    "pressure": "MPa",
    "flow": "m3/s",
    "current": "A",
    "power": "W",
    "battery": "%",
    "battery_voltage": "V",
    "rssi": "dBm",
}
"""Metric -> unit of the fleet; formats with other spellings override it."""

BOOLEANS = frozenset(("open", "access_granted", "forced", "leak", "isolated", "fault"))
COUNTS = frozenset(("people_in", "people_out"))
