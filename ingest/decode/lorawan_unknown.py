"""Values of LoRaWAN models without a profile: states, numbers with a unit, undescribed numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ingest.vocabulary import METRIC_BY_NAME

from .contract import Reading
from .lorawan_rows import STATES, Meaning, begin_fault, word
from .names import Meaning as Described
from .names import entity_name, meaning_of, undescribed
from .native import _METRIC, _PERSONAL
from .titles import meaning_of_title, words_of
from .units import FAULTY, Quantity, convert, read_quantity

_AMOUNTS = frozenset(
    (
        *("count", "counts", "counter", "times", "time", "duration", "number", "total", "age", "days", "level"),
        *("ppm", "density", "concentration", "voltage", "percent", "index", "id", "interval", "period", "value"),
    ),
)
"""Words of keys whose numbers are amounts: a `leak_count` of 1 is no leak."""


def read_unknown(path: Sequence[str], raw: Any, stamp: Reading, meaning: Meaning) -> None:
    """Add one value: a state of the vocabulary, a number whose text has a unit, or an undescribed number.

    path: keys of the value; the last one names it.
    """
    key, found = path[-1], read_quantity(raw)
    name = entity_name(key)
    if found is FAULTY:
        begin_fault(name or "value", stamp, meaning)
    elif raw is None or (isinstance(raw, float) and not isinstance(found, Quantity)):
        return
    elif _PERSONAL.search(key):
        meaning.notices.append("personal_data")
    elif (state := _state(key, raw)) is not None:
        described, value = state
        meaning.readings.append(
            replace(stamp, kind=described.kind, metric=described.metric, value=value, unit=described.unit)
        )
    elif not isinstance(found, Quantity) or not name:
        meaning.unread.append(".".join(path))
    else:
        _add_number(key, name, found, stamp, meaning, unit="bool" if isinstance(raw, bool) else found.unit)


def _state(key: str, raw: Any) -> tuple[Described, float] | None:
    """Return the state that a boolean, a word, or 0 or 1 gives under this key; None where the key names no state."""
    value = STATES.get(word(raw))
    number = isinstance(raw, int | float) and not isinstance(raw, bool) and key not in METRIC_BY_NAME
    amount = number and _AMOUNTS & {*words_of(key)}
    described = None if value is None or amount else meaning_of_title(key, "", state=True)
    return (described, float(value or 0)) if described and described.metric in METRIC_BY_NAME else None


def _add_number(key: str, name: str, found: Quantity, stamp: Reading, meaning: Meaning, *, unit: str) -> None:
    known, described = METRIC_BY_NAME.get(name), meaning_of(name, "")
    number = convert(found.value, found.unit, known.unit) if known is not None and found.unit else None
    if number is not None and described is not None:
        meaning.readings.append(replace(stamp, kind=described.kind, metric=name, value=number, unit=described.unit))
        return
    metric = undescribed(key if _METRIC.fullmatch(key) else name)
    meaning.readings.append(replace(stamp, kind="env", metric=metric, value=found.value, unit=unit))
    meaning.notices.append("unknown_metric")
