"""Reader of scenario tables: reports all problems at once, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import Interval

from simulators.campus.effect import Happening

_HEADER = re.compile(r"\s*\[\[?\s*([\w.]+)\s*\]\]?")
_KEY = re.compile(r"\s*([\w-]+)\s*=")


class Lines:
    """Line numbers of the keys of a file."""

    def __init__(self, text: str) -> None:
        self._at: dict[tuple[str, int, str], int] = {}
        table, counts = "", {"": 1}
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.match(line):
                table = header[1]
                counts[table] = counts.get(table, 0) + 1
                self._at.setdefault((table, counts[table], ""), number)
            elif key := _KEY.match(line):
                self._at.setdefault((table, counts[table], key[1]), number)

    def of(self, table: str, index: int, key: str = "") -> str:
        """Return `line N: ` of a key of the index-th table of that name (from 1), or of its head; "" if unknown."""
        number = self._at.get((table, index, key)) or self._at.get((table, index, ""))
        return f"line {number}: " if number else ""


class Problems:
    """Problems of a file, in order of detection."""

    def __init__(self, text: str) -> None:
        self._lines = Lines(text)
        self.errors: list[str] = []

    def add(self, finding: str, *, table: str = "", index: int = 1, key: str = "") -> None:
        """Add a problem, with its line where known."""
        self.errors.append(self._lines.of(table, index, key) + finding)


def read_start(given: object, findings: Problems) -> int:
    """Return a date and time with offset as ms since 1970 UTC."""
    try:
        when = datetime.fromisoformat(str(given))
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        wanted = "needed is a date and time with offset, like 2026-11-02T22:00:00+08:00"
        findings.add(f"start = {given!r}: {wanted}", key="start")
        return 0
    return round(when.timestamp() * 1000)


def read_settings(
    table: str, index: int, entry: object, kinds: Mapping[str, tuple[type[Happening], Any]], findings: Problems
) -> tuple[str, Happening] | None:
    """Return name and settings of one [[effect]] or [[fault]]; None after a problem, which is added."""
    where, word = f"{table} {index}", "model" if table == "effect" else "kind"
    if not isinstance(entry, dict) or entry.get(word) not in kinds:
        findings.add(f"{where}: {word} is needed; allowed: {', '.join(kinds)}", table=table, index=index, key=word)
        return None
    settings, _ = kinds[entry[word]]
    hints = get_type_hints(settings, include_extras=True)
    known = [field.name for field in fields(settings)]
    given = {key: value for key, value in entry.items() if key != word}
    before = len(findings.errors)
    for key, value in given.items():
        if key not in known:
            findings.add(
                f"{where}: unknown key {key!r}; allowed: {', '.join(known)}", table=table, index=index, key=key
            )
            continue
        for finding in check_value(f"{where}: {key}", value, hints[key]):
            findings.add(finding, table=table, index=index, key=key)
    if len(findings.errors) > before:
        return None
    ranges: dict[str, Any] = {k: (float(v[0]), float(v[1])) if isinstance(v, list) else v for k, v in given.items()}
    return entry[word], settings(**ranges)


def check_value(name: str, value: object, hint: Any) -> Iterator[str]:
    """Yield the problems of a value of an annotated setting."""
    kind, *marks = get_args(hint)
    bounds = next((mark for mark in marks if isinstance(mark, Interval)), None)
    if get_origin(kind) is tuple:
        yield from _range(name, value, bounds)
    elif get_origin(kind) is Literal:
        if value not in get_args(kind):
            yield f"{name} = {value!r}: allowed: {', '.join(get_args(kind))}"
    elif kind is float:
        yield from check_number(name, value, *_ends(bounds))
    elif not isinstance(value, kind):
        yield f"{name} = {value!r}: {kind.__name__} is needed"


def check_number(name: str, value: object, low: float, high: float) -> Iterator[str]:
    """Yield the problem of a number outside its bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        yield f"{name} = {value!r}: a number from {low:g} to {high:g} is needed"


def _range(name: str, value: object, bounds: Interval | None) -> Iterator[str]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:  # noqa: PLR2004 - low and high
        yield f"{name} = {value!r}: two numbers are needed, [low, high]"
        return
    wrong = [finding for end in value for finding in check_number(name, end, *_ends(bounds))]
    yield from wrong
    if not wrong and value[0] > value[1]:
        yield f"{name} = {value!r}: low is above high"


def _ends(bounds: Interval | None) -> tuple[float, float]:
    low, high = (bounds.ge if bounds.ge is not None else bounds.gt, bounds.le) if bounds else (None, None)
    return float("-inf") if low is None else float(str(low)), float("inf") if high is None else float(str(high))
