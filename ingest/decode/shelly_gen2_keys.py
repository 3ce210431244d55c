"""Components of Shelly Gen2 and later: meaning of their keys, or the reason for leaving them out.

Source: shelly-api-docs.shelly.cloud/gen2, ComponentsAndServices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_METER: Mapping[str, tuple[str, str, str]] = {
    "apower": ("env", "power", "W"),
    "current": ("env", "current", "A"),
    "voltage": ("env", "voltage", "V"),
}
# component -> key -> (kind, metric, unit); booleans have the unit bool
KEYS: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "smoke": {"alarm": ("smoke", "smoke", "bool")},
    "flood": {"alarm": ("water", "leak", "bool")},
    "temperature": {"tC": ("env", "temperature", "Cel")},
    "humidity": {"rh": ("env", "humidity", "%")},
    "illuminance": {"lux": ("env", "illuminance", "lx")},
    "presence": {"state": ("gate", "occupancy", "bool")},
    "presencezone": {"value": ("gate", "occupancy", "bool"), "num_objects": ("gate", "people", "count")},
    "voltmeter": {"voltage": ("env", "voltage", "V")},
    **dict.fromkeys(("switch", "cover", "light", "rgb", "rgbw", "cct", "pm1"), _METER),
    "em1": {**_METER, "act_power": ("env", "power", "W")},
    "em": {"total_act_power": ("env", "power", "W"), "total_current": ("env", "current", "A")},
    "wifi": {"rssi": ("device", "rssi", "dBm")},
    "bthomedevice": {"battery": ("device", "battery", "%"), "rssi": ("device", "rssi", "dBm")},
    "bthomesensor": {"value": ("env", "value", "")},
    "number": {"value": ("env", "value", "")},
    "boolean": {"value": ("env", "value", "bool")},
}
PHASE_KEYS: Mapping[str, tuple[str, str, str]] = {
    "act_power": ("env", "power", "W"),
    "current": ("env", "current", "A"),
    "voltage": ("env", "voltage", "V"),
}
APART = frozenset(("light", "rgb", "rgbw", "cct", "em1", "bthomedevice", "bthomesensor", "number", "boolean"))
"""Components that are sensors of their own also at index 0: a device may have several kinds of them."""
# event of a component -> key of its status and value
EVENTS: Mapping[str, tuple[str, bool]] = {"alarm": ("alarm", True), "alarm_off": ("alarm", False)}
SLEEPERS = ("shellyplussmoke-", "shellyplusht-", "shellyhtg", "shellyfloodg")
"""Models on battery: away between their wake-ups."""

IGNORED: Mapping[str, str] = {
    "state of the network or of the device": (
        "sys|cloud|mqtt|ws|eth|ble|bthome|matter|knx|modbus|zigbee|script|ui|ht_ui|plugs_ui|pill|service"
    ),
    "totals of energy": "emdata|em1data",
    "virtual text or choice of the user": "text|enum|button|group|object",
    "state of a valve at a radiator": "blutrv|trv",
}
"""Reason -> components that give no reading."""
IGNORED_COMPONENT = re.compile("|".join(IGNORED.values()))
IGNORED_KEYS: Mapping[str, str] = {
    "identity or setting": (
        r"id|source|mute|user_calibrated_phase|errors|flags|tF|calibrated|pos_control|timer_.*|transition|.*_updated_ts|packet_id"
    ),
    "state of a light, a switch or a motor": (
        r"output|state|brightness|rgb|white|ct|current_pos|target_pos|last_direction|slat_pos|move_.*|night_mode|duration"
    ),
    "computed from other values": (
        r"illumination|freq|pf|xpercent|xvoltage|xfreq|.*aprt_power|.*pf|.*freq|n_.*|total_.*"
    ),
    "totals of energy or pulses": r"a?energy|ret_aenergy|counts",
    "state of the network": r"sta_ip.*|status|ssid|bssid|ap_client_count|sta_.*|paired|auto_.*|external",
}
"""Reason -> keys of a component that give no reading."""
IGNORED_KEY = re.compile("|".join(IGNORED_KEYS.values()))
