"""Values of Homie properties by their name, datatype and unit.

Source: homieiot/convention, convention.md at v4.0.0 and v5.0.0, "Payload". Booleans are case sensitive.
"""

from __future__ import annotations

from collections.abc import Mapping

from ingest.vocabulary import METRIC_BY_NAME

from .contract import Decoded, Reading, Reject
from .document import refuse
from .names import Meaning, described, entity_name, is_chip, kind_of, meaning_of, measured
from .states import flag_of, read_word
from .titles import meaning_of_title
from .units import Quantity, convert

NUMBERS = frozenset(("integer", "float", "percent"))
_BOOLEANS: Mapping[str, float] = {"true": 1.0, "false": 0.0}
_NO_STATES = frozenset(("color", "json", "datetime", "duration"))


def state_of(sensor: str, text: str, datatype: str) -> Decoded:
    """Decode a boolean; or the word of an enumeration whose name states an alarm. Any other text is unread."""
    name = entity_name(sensor.rpartition("/")[2])
    flag = flag_of(name)
    if datatype == "boolean":
        found = _boolean(sensor, name, text)
        return refuse(found) if isinstance(found, Reject) else Decoded(readings=(found,))
    state = read_word(text) if flag else ""
    if flag and isinstance(state, bool):
        return Decoded(readings=(Reading(sensor, *flag, float(state), "bool"),))
    if flag and state:
        return refuse(Reject("type", f"{flag[1]} is on or off, found {state!r}"))
    return Decoded(ignored="no_measurement", unread=() if datatype in _NO_STATES or flag else (sensor[-64:],))


def _boolean(sensor: str, name: str, text: str) -> Reading | Reject:
    known = None if flag_of(name) else METRIC_BY_NAME.get(name)
    if not name:
        return Reject("metric_name", f"{sensor[-60:]!r} names no metric")
    if text not in _BOOLEANS or (known is not None and known.unit != "bool"):
        return Reject("type", f"{text[:40]!r} is no boolean, or none of {name}")
    meaning = meaning_of(name, "bool") if known else None
    kind, metric = flag_of(name) or (kind_of(sensor, otherwise="env") if meaning is None else meaning.kind, name)
    return Reading(sensor, kind, metric, _BOOLEANS[text], "bool")


def reading_of(sensor: str, value: Quantity, unit: str) -> Decoded:
    """Return the reading of a property; a unit in the value counts where the description has none."""
    unit = unit or value.unit
    meaning = _meaning(sensor, unit)
    if meaning is None:
        return refuse(Reject("metric_name", f"neither {sensor.rpartition('/')[2][:60]!r} nor its unit names a metric"))
    number = convert(value.value, value.unit, unit)
    number = None if number is None else measured(meaning, number, unit)
    if number is None or meaning.unit == "bool":
        return refuse(Reject("type", f"{unit[:16]!r} is no unit of {meaning.metric}"))
    return Decoded(readings=(Reading(sensor, meaning.kind, meaning.metric, number, meaning.unit),))


def _meaning(sensor: str, unit: str) -> Meaning | None:
    """Return the meaning of a property by its name and unit: a processor's temperature is not that of the room."""
    name = sensor.rpartition("/")[2]
    meaning = meaning_of(name, unit)
    if meaning is None:
        return None
    if meaning.metric not in METRIC_BY_NAME and unit:  # "room-temperature"
        meaning = meaning_of_title(name, unit, state=False) or meaning
    if is_chip(name) and (meaning.metric == "temperature" or meaning_of("temperature", unit) == meaning_of("", unit)):
        meaning = Meaning("device", "chip_temperature", "Cel")
    meaning = described(meaning, unit)
    undescribed = meaning.metric not in METRIC_BY_NAME
    return Meaning(kind_of(sensor, otherwise="env") if undescribed else meaning.kind, meaning.metric, meaning.unit)
