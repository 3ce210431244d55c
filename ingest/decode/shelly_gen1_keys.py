"""Topics of Shelly's first generation: meaning of their values, or the reason for leaving them out.

Source: shelly-api-docs.shelly.cloud/gen1, MQTT sections of Flood, Smoke, Door/Window 1 and 2, H&T, Gas, Motion 1 and 2,
Sense, relays, plugs, meters and the sensor add-on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Meaning = tuple[str, str, str]
"""Kind, metric, unit."""

# topic below the device -> meaning of its number
NUMBERS: Mapping[str, Meaning] = {
    "sensor/humidity": ("env", "humidity", "%"),
    "sensor/battery": ("device", "battery", "%"),
    "sensor/lux": ("env", "illuminance", "lx"),
    "sensor/concentration": ("env", "gas_concentration_undescribed", "ppm"),
    "temperature": ("device", "chip_temperature", "Cel"),
    "voltage": ("env", "voltage", "V"),
    "relay/N/power": ("env", "power", "W"),
    "light/N/power": ("env", "power", "W"),
    "emeter/N/power": ("env", "power", "W"),
    "emeter/N/current": ("env", "current", "A"),
    "emeter/N/voltage": ("env", "voltage", "V"),
    "ext_temperature/N": ("env", "temperature", "Cel"),
    "ext_humidity/N": ("env", "humidity", "%"),
    "adc/N": ("env", "voltage", "V"),
}
_FLAG: Mapping[str, float] = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
# topic below the device -> kind, metric and the words of its state
STATES: Mapping[str, tuple[str, str, Mapping[str, float]]] = {
    "sensor/flood": ("water", "leak", _FLAG),
    "sensor/smoke": ("smoke", "smoke", _FLAG),
    "sensor/motion": ("gate", "motion", _FLAG),
    "sensor/vibration": ("env", "vibration", _FLAG),
    "sensor/state": ("gate", "open", {"open": 1.0, "close": 0.0}),
    "sensor/gas": ("env", "gas", {"none": 0.0, "mild": 1.0, "heavy": 1.0, "test": 1.0}),
    "sensor/self_test": ("device", "test", {"running": 1.0, "completed": 0.0}),
    "sensor/operation": ("device", "fault", {"normal": 0.0, "fault": 1.0}),
    "overtemperature": ("device", "fault", _FLAG),
}
TEST_WORDS = frozenset(("test", "running", "completed"))
"""States of a self-test."""

NO_STATE = frozenset(("unknown", "warmup", "pending", "not_completed", "-1"))
"""Words for no state so far."""

STATUS: Mapping[str, Meaning] = {
    "motion": ("gate", "motion", "bool"),
    "vibration": ("env", "vibration", "bool"),
    "flood": ("water", "leak", "bool"),
    "smoke": ("smoke", "smoke", "bool"),
    "lux": ("env", "illuminance", "lx"),
    "bat": ("device", "battery", "%"),
}
"""Keys of `status` and `info`; lux and bat are numbers, or objects with `value`."""

APART = frozenset(("ext_temperature", "ext_humidity", "emeter", "adc"))
"""Channels that are sensors of their own also at index 0."""

SLEEPERS = ("shellyflood-", "shellysmoke-", "shellydw-", "shellydw2-", "shellyht-")
"""Models on battery: away between their wake-ups."""

MODELS = re.compile(
    r"shelly(?:flood|smoke|dw2?|ht|gas|motion(?:sensor|2)?|sense|1|1pm|1l|switch|switch25|plug|plug-s|plug-u1|4pro|em|em3|"
    r"ix3|uni|button[12]|dimmer2?|bulb|bulbduo|colorbulb|vintage|rgbw2|trv|air)-[0-9A-Za-z]{4,12}"
)
"""Names of devices as delivered."""

IGNORED: Mapping[str, str] = {
    "reason of a wake-up": "sensor/act_reasons",
    "computed from other values": "sensor/illumination|temperature_status|emeter/N/pf|emeter/N/reactive_power",
    "angle of a door": "sensor/tilt",
    "state of the power supply": "sensor/charger|sensor/ext_power",
    "totals of energy": "emeter/N/(?:total|total_returned|energy|returned_energy)",
}
"""Reason -> topics that give no reading; N: any number."""
