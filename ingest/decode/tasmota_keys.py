"""Keys of Tasmota's sensors and of Zigbee devices behind a Tasmota bridge.

Source: arendst/Tasmota, tasmota_xsns_sensor (unit of each chip), xdrv_23_zigbee; tasmota.github.io/docs, Sensor API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ingest.vocabulary import METRIC_BY_NAME

from .contract import Reject
from .document import number_of
from .units import convert

STATES: Mapping[Any, float] = {"ON": 1.0, "OFF": 0.0, True: 1.0, False: 0.0}
VOLTS_MAX = 60

# key -> (kind, metric, unit on the wire; "" for the unit in TempUnit or PressureUnit)
MEASURES: Mapping[str, tuple[str, str, str]] = {
    "Temperature": ("env", "temperature", ""),
    "Humidity": ("env", "humidity", "%"),
    "Pressure": ("env", "pressure", ""),
    "Distance": ("water", "distance", "cm"),
    "CarbonDioxide": ("env", "co2", "ppm"),
    "CarbonMonoxide": ("env", "co", "ppm"),
    "eCO2": ("env", "eco2", "ppm"),
    "TVOC": ("env", "voc", "ppb"),
    "Illuminance": ("env", "illuminance", "lx"),
    "PM1": ("env", "pm1", "ug/m3"),
    "PM2.5": ("env", "pm25", "ug/m3"),
    "PM10": ("env", "pm10", "ug/m3"),
    "Noise": ("env", "noise", "dB"),
    "Moisture": ("env", "soil_moisture", "%"),
    "Power": ("env", "power", "W"),
    "Current": ("env", "current", "A"),
    "Voltage": ("env", "voltage", "V"),
    "ChipTemperature": ("device", "chip_temperature", ""),
    "Battery": ("device", "battery", "%"),
    "BatteryPercentage": ("device", "battery", "%"),
    "BatteryVoltage": ("device", "battery_voltage", "V"),
    "RSSI": ("device", "rssi", "dBm"),
    "LinkQuality": ("device", "linkquality", "lqi"),
}
# key -> (kind, metric); 1, true or ON in alarm. Of Zigbee devices: attributes of the zone type
SWITCHES: Mapping[str, tuple[str, str]] = {
    "Fire": ("smoke", "smoke"),
    "Smoke": ("smoke", "smoke"),
    "CO": ("env", "carbon_monoxide"),
    "Gas": ("env", "gas"),
    "Water": ("water", "leak"),
    "Contact": ("gate", "open"),
    "Occupancy": ("gate", "occupancy"),
    "Movement": ("env", "vibration"),
    "Vibration": ("env", "vibration"),
    "Panic": ("env", "panic"),
    "PersonalAlarm": ("env", "panic"),
    "Motion": ("gate", "motion"),
}
# bit of `ZoneStatus` -> metric (ZCL 8.2.2.2.1.3)
ZONE_BITS: Mapping[int, str] = {2: "tamper", 3: "battery_low", 6: "fault"}
ZONE_TEST_BIT = 8
# chip -> unit of its distance, where it is no level of water; others state cm
MILLIMETRES = frozenset(("TOF10120",))
PEOPLE = ("LD2410", "LD2402", "LD2410S", "HLK")
"""Radars for people: `Distance` is that of a person, in cm."""
LIGHTNING = ("AS3935",)
CHIPS = ("ESP32", "ESP8266", "AXP192", "AXP2101", "MPU6050", "MPU6886", "DS3231", "BL09", "ADE7", "CSE7", "ENERGY")
"""Processors, power and clock chips: their temperature is that of the board."""
INDEXED = re.compile(r".+[-_](?:0x)?[0-9A-Fa-f]{1,16}")
"""Chip with an index, a bus address or a serial number (`DS18B20_1`, `SHT3X-0x44`)."""

# reason -> keys that are no measurement
IGNORED: Mapping[str, str] = {
    "computed from other values": (
        r"DewPoint|HeatIndex|SeaPressure|AbsHumidity|SeaLevelPressure|aHumidity|Factor|\w+Power|Frequency"
    ),
    "totals of energy": r"Total.*|Yesterday|Today|Period|Export.*|Import.*|Energy",
    "identity or setting": (
        r"Id|Model|Unit|.*Unit|Name|Device|Endpoint|Group|Time|Info|Firmware|Type|Version|MAC|Address"
    ),
    "raw value of the chip": (
        r"A\d|CF\d.*|PB?\d.*|HallEffect|Signal\w*|Ambient|Red|Green|Blue|Clear|IAQ.*|Gas|ZoneStatus.*|ZoneType"
    ),
    "state of a light, a relay or a motor": (
        r"POWER\d*|Dimmer|Color|HSBColor|White|CT|Channel|Shutter\d*|Scheme|Fade|Speed"
    ),
    "event of a button or a remote control": r"Button\d*|Wiegand|PN532|RDM6300|Rf\w*|Ir\w*",
}
IGNORED_KEY = re.compile("|".join(IGNORED.values()))
IGNORED_TOPICS: Mapping[str, str] = {
    "STATE": "state of a light, a relay or a motor",
    "UPTIME": "facts of the device",
    "INFO": "facts of the device",
    "MARGINS": "copy of values",
    "EVENT": "rule of the user",
    "HASS_STATE": "facts of the device",
    "STATUS": "facts of the device",
    "POWER": "state of a light, a relay or a motor",
    "ENERGY": "copy of values",
}


def meaning_of_key(chip: str, key: str, value: float) -> tuple[str, str, str]:
    """Return kind, metric and wire unit of a key, by the chip that gives it."""
    kind, metric, unit = MEASURES[key]
    if key == "Temperature" and chip.startswith(CHIPS):
        return "device", "chip_temperature", unit
    if key == "Distance" and chip.startswith(PEOPLE):
        return "gate", "target_distance", "cm"
    if key == "Distance" and chip.startswith(LIGHTNING):
        return "env", "lightning_distance", "km"
    if key == "Distance" and chip.split("-", maxsplit=1)[0] in MILLIMETRES:
        return kind, metric, "mm"
    if key == "BatteryVoltage" and value > VOLTS_MAX:
        return kind, metric, "mV"
    return kind, metric, unit


def configured_unit(key: str, document: Mapping[str, Any]) -> str:
    """Return the configured unit of the device; an unknown unit is kept, so the value is rejected."""
    setting, usual = ("PressureUnit", "hPa") if key == "Pressure" else ("TempUnit", "C")
    return str(document.get(setting, usual))[:8]


def read_attribute(key: str, value: Any) -> tuple[str, str, float, str] | Reject | None:
    """Return kind, metric, value and unit of a Zigbee attribute; None for an unknown one."""
    if key in SWITCHES:
        state = STATES.get(value) if isinstance(value, bool | int | str) else None
        return Reject("type", f"{key} is 0 or 1") if state is None else (*SWITCHES[key], state, "bool")
    if key not in MEASURES:
        return None
    kind, metric, wire_unit = meaning_of_key("", key, number_of(value) or 0.0)
    unit = METRIC_BY_NAME[metric].unit if metric in METRIC_BY_NAME else wire_unit
    number = None if number_of(value) is None else convert(value, wire_unit or configured_unit(key, {}), unit)
    return Reject("type", f"{key} is a number in its unit") if number is None else (kind, metric, number, unit)
