"""Keys of Zigbee2MQTT's device states: their meaning, or the reason for leaving them out.

Source: zigbee-herdsman-converters, lib/exposes (presets), lib/tuya, lib/lumi, devices/heiman; device pages of
zigbee2mqtt.io. A key of a second endpoint or probe has its name as suffix (`temperature_l2`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ingest.vocabulary import METRIC_BY_NAME

from .contract import Reject
from .states import read_word
from .units import Quantity, convert, read_quantity


class Value(NamedTuple):
    """Value of one key; probe: the endpoint or probe of the device, "" for the device itself.

    lasts_s: time after which an event ends, because its device reports no end.
    """

    kind: str
    metric: str
    value: float
    unit: str
    probe: str = ""
    lasts_s: float = 0.0


# key -> (kind, metric); values are booleans or words for them
SWITCHES: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("smoke", "smoke_alarm", "alarm_smoke", "smoke_state"), ("smoke", "smoke")),
    **dict.fromkeys(("heat", "heat_alarm", "high_temperature_alarm"), ("smoke", "heat")),
    **dict.fromkeys(("carbon_monoxide", "carbon_monoxide_alarm", "co_alarm", "co_state"), ("env", "carbon_monoxide")),
    **dict.fromkeys(("gas", "gas_alarm", "gas_state"), ("env", "gas")),
    **dict.fromkeys(("water_leak", "water_alarm", "leak", "moisture_detected"), ("water", "leak")),
    **dict.fromkeys(("sos", "emergency", "panic"), ("env", "panic")),
    **dict.fromkeys(("vibration", "moving", "tilt"), ("env", "vibration")),
    **dict.fromkeys(("occupancy", "presence"), ("gate", "occupancy")),
    **dict.fromkeys(("open", "opening", "window_open", "door_open"), ("gate", "open")),
    **dict.fromkeys(("alarm_state", "alarm_status", "alarm_triggered"), ("env", "alarm")),
    **dict.fromkeys(("tamper", "tamper_alarm"), ("device", "tamper")),
    **dict.fromkeys(
        ("fault", "trouble", "fault_alarm", "device_fault", "error", "sensor_fault", "battery_defect"),
        ("device", "fault"),
    ),
    **dict.fromkeys(("lifecycle", "end_of_life", "sensor_end_of_life"), ("device", "end_of_life")),
    "battery_low": ("device", "battery_low"),
}
# key -> (kind, metric, unit on the wire); values are numbers
MEASURES: Mapping[str, tuple[str, str, str]] = {
    "smoke_density_dbm": ("smoke", "smoke_density", "dB/m"),
    "co": ("env", "co", "ppm"),
    "co_value": ("env", "co", "ppm"),
    "gas_value": ("env", "gas_level", "%LEL"),
    "gas_density": ("env", "gas_level", "%LEL"),
    "temperature": ("env", "temperature", "Cel"),
    "local_temperature": ("env", "temperature", "Cel"),
    "device_temperature": ("device", "chip_temperature", "Cel"),
    "cpu_temperature": ("device", "chip_temperature", "Cel"),
    "internal_temperature": ("device", "chip_temperature", "Cel"),
    "humidity": ("env", "humidity", "%"),
    "illuminance": ("env", "illuminance", "lx"),
    "illuminance_lux": ("env", "illuminance", "lx"),
    "co2": ("env", "co2", "ppm"),
    "eco2": ("env", "eco2", "ppm"),
    "pm1": ("env", "pm1", "ug/m3"),
    "pm25": ("env", "pm25", "ug/m3"),
    "pm10": ("env", "pm10", "ug/m3"),
    "voc": ("env", "voc", "ug/m3"),
    "voc_index": ("env", "voc_index", ""),
    "aqi": ("env", "aqi", ""),
    "formaldehyd": ("env", "formaldehyde", "mg/m3"),
    "hcho": ("env", "formaldehyde", "mg/m3"),
    "noise": ("env", "noise", "dB"),
    "pressure": ("env", "pressure", "hPa"),
    "wind_speed": ("env", "wind_speed", "m/s"),
    "rain_intensity": ("env", "rain_intensity", ""),
    "soil_moisture": ("env", "soil_moisture", "%"),
    "liquid_depth": ("water", "depth", "m"),
    "liquid_level_percent": ("water", "fill", "%"),
    "flow": ("water", "flow", "m3/h"),
    "distance": ("water", "distance", "m"),
    "target_distance": ("gate", "target_distance", "m"),
    "current": ("env", "current", "A"),
    "power": ("env", "power", "W"),
    "voltage": ("env", "voltage", "V"),
    "energy": ("env", "energy", "kWh"),
    "battery": ("device", "battery", "%"),
    "battery_voltage": ("device", "battery_voltage", "V"),
    "linkquality": ("device", "linkquality", "lqi"),
}
_OPEN: Mapping[str, float] = {"open": 1.0, "opened": 1.0, "closed": 0.0, "close": 0.0, "tilted": 1.0}
# key -> kind, metric and value of each word
WORDS: Mapping[str, Mapping[str, tuple[str, str, float] | None]] = {
    "battery_state": {
        "low": ("device", "battery_low", 1.0),
        **dict.fromkeys(("middle", "medium", "high", "normal", "full"), ("device", "battery_low", 0.0)),
    },
    "liquid_state": {
        "high": ("water", "level_high", 1.0),
        "low": ("water", "level_low", 1.0),
        "normal": None,
    },
    "door_state": {
        **{word: ("gate", "open", value) for word, value in _OPEN.items()},
        "error_forced_open": ("gate", "forced", 1.0),
        "error_jammed": ("device", "fault", 1.0),
        "error_unspecified": ("device", "fault", 1.0),
        "undefined": None,
    },
    "opening_state": {word: ("gate", "open", value) for word, value in _OPEN.items()},
    "lock_state": {
        "unlocked": ("gate", "lock_open", 1.0),
        "locked": ("gate", "lock_open", 0.0),
        "not_fully_locked": ("gate", "lock_open", 1.0),
    },
    "self_test_result": {
        **dict.fromkeys(("failure", "failed", "check_failure"), ("device", "fault", 1.0)),
        **dict.fromkeys(("success", "check_success", "checking", "others"), None),
    },
    "action": {
        **dict.fromkeys(("emergency", "sos", "panic", "fire", "police_panic", "fire_panic"), ("env", "panic", 1.0)),
        **dict.fromkeys(("vibration", "tilt", "drop", "fall", "shake"), ("env", "vibration", 1.0)),
        "tamper": ("device", "tamper", 1.0),
        **dict.fromkeys(
            ("unlock", "keypad_unlock", "rfid_unlock", "key_unlock", "manual_unlock", "one_touch_unlock"),
            ("gate", "access_granted", 1.0),
        ),
        **dict.fromkeys(
            ("unlock_failure_invalid_pin_or_id", "unlock_failure_invalid_schedule"), ("gate", "access_denied", 1.0)
        ),
    },
}
_EVENTS = frozenset(("vibration", "tamper"))
_EVENT_S = 60.0
_LEVELS = ("level_high", "level_low")

# reason -> keys and endings of keys that are no measurement
IGNORED: Mapping[str, str] = {
    "setting of the device": (
        r"(?:.+_)?(?:threshold|calibration|sensitivity|timeout|interval|delay|mode|setpoint|limit|range|time|enabled?"
        r"|switch|max|min|set|behavior|memory|lock|indicator|precision|period|schedule|speed|type|config|options"
        r"|direction|duration|volume|melody|ringtone|brightness|led|buzzer|silence|mute|input|control|sound|light)"
        r"|(?:max|min|occupied|unoccupied|away|eco|comfort|holiday|boost|open_window|alarm|enable|disable)_.+"
    ),
    "state of a light, a switch or a motor": (
        r"state|color(?:_.+)?|position|tilt_angle|effect|fan_.+|running_state|relay.*"
    ),
    "event of a button": r"action_.+|click|last_.+",
    "bookkeeping of the bridge": r"last_seen|elapsed|update(?:_.+)?|device|no_occupancy_since|version|(?:.+_)?id",
    "diagnostics of the device": (
        r".+_reports|ac_status|reliability|valve_state|motion_state|(?:.+_)?(?:unit|height)|"
        r"(?:.+_)?count(?:er)?|strength|angle(?:_.+)?|[xyz]_axis|preheat|setup|calibrated|power_factor.*|ac_frequency"
        r"|power_(?:apparent|reactive).*|consumer_connected|noise_detected|(?:.+_)?timestamp|target_.+"
    ),
    "self-test, which marks the whole message": r"test|self_?test|carbon_monoxide_test",
    "repeats the alarm of a linked detector": r"linkage_alarm.*|heartbeat_indicator",
    "its scale depends on the model": r"smoke_density|smoke_concentration|illuminance_raw|occupancy_level",
}
_IGNORED = re.compile("|".join(IGNORED.values()))
_PROBE = re.compile(
    r"(.+?)_(l?\d{1,2}|left|right|center|middle|top|bottom|front|back|probe|external|ext|floor|phase_[a-c]|in|out)"
)
_PREFIXED = re.compile(r"(external|probe|floor|soil|water|outdoor)_(temperature|humidity)")
_SIREN = frozenset(("melody", "volume", "duration", "warning", "ringtone", "siren"))
_MILLIVOLTS_FROM = 100  # batteries have 1 to 60 V; the bridge states theirs in mV


def read_key(key: str, value: Any, state: Mapping[str, Any]) -> Iterator[Value | Reject] | None:
    """Return the values of one key of a state; None for an unknown key."""
    base, probe = _split(key)
    if base == "contact" or base in SWITCHES:
        return _switch(base, probe, value)
    if base in WORDS:
        return _words(base, probe, value)
    if base == "illuminance" and "illuminance_lux" in state:
        return iter(())  # of older bridges: raw, on a logarithmic scale
    if base in MEASURES:
        return _measure(base, probe, value, state)
    if key == "alarm" and not (_SIREN | SWITCHES.keys()) & state.keys():
        return _flag("env", "alarm", probe, value)
    return iter(()) if key == "alarm" or _IGNORED.fullmatch(key) else None


_KNOWN = frozenset((*MEASURES, *SWITCHES, *WORDS, "contact"))


def _split(key: str) -> tuple[str, str]:
    """Return a key without its probe, and the probe as on the wire."""
    if key in _KNOWN:
        return key, ""
    if found := _PREFIXED.fullmatch(key):
        return found[2], found[1]
    found = _PROBE.fullmatch(key)
    return (found[1], found[2]) if found and found[1] in _KNOWN else (key, "")


def _switch(key: str, probe: str, value: Any) -> Iterator[Value | Reject]:
    if key != "contact":
        yield from _flag(*SWITCHES[key], probe, value)
    elif isinstance(value, bool):  # true while closed
        yield Value("gate", "open", float(not value), "bool", probe)
    else:
        yield Reject("type", "contact is true or false")


def _flag(kind: str, metric: str, probe: str, value: Any) -> Iterator[Value | Reject]:
    state = read_word(value)
    if isinstance(state, bool):
        yield Value(kind, metric, float(state), "bool", probe)
    elif state:
        yield Reject("type", f"{metric} is true or false, found {state!r}")


def _words(key: str, probe: str, value: Any) -> Iterator[Value | Reject]:
    known = WORDS[key]
    if value in ("", None) or (key == "action" and value not in known):
        return  # a click of a button
    if not isinstance(value, str) or value not in known:
        yield Reject("type", f"{key} is one of {', '.join(known)}")
        return
    found = known[value]
    if key == "liquid_state":
        for metric in _LEVELS:
            yield Value("water", metric, float(found is not None and found[1] == metric), "bool", probe)
    elif found is not None:
        lasts_s = _EVENT_S if key == "action" and found[1] in _EVENTS else 0.0
        yield Value(found[0], found[1], found[2], "bool", probe, lasts_s)
        if key == "door_state" and found[1] == "forced":
            yield Value("gate", "open", 1.0, "bool", probe)


def _measure(key: str, probe: str, value: Any, state: Mapping[str, Any]) -> Iterator[Value | Reject]:
    quantity = read_quantity(value)
    if isinstance(value, bool) or quantity is None:
        yield Reject("type", f"{key} is a number")
        return
    if not isinstance(quantity, Quantity):
        return
    kind, metric, wire_unit = MEASURES[key]
    number, unit = quantity.value, quantity.unit or wire_unit
    battery = "battery" in state or "battery_low" in state
    if metric == "battery_voltage" or (key == "voltage" and (battery or number >= 10 * _MILLIVOLTS_FROM)):
        kind, metric = "device", "battery_voltage"
        unit = quantity.unit or ("mV" if number >= _MILLIVOLTS_FROM else "V")
    wanted = METRIC_BY_NAME[metric].unit if metric in METRIC_BY_NAME else wire_unit
    converted = convert(number, unit, wanted)
    if converted is None:
        yield Reject("type", f"{key} in a foreign unit")
    else:
        yield Value(kind, metric, converted, wanted, probe)
