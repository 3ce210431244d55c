"""Scenarios: TOML files that a safety officer can read, checked whole, and planned onto a fleet."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from annotated_types import Interval

from simulators.errors import ScenarioInvalid
from simulators.fleet import Fleet, Frames
from simulators.models import BACKGROUNDS, quiet
from simulators.models.effect import Effect, Happening, Stage
from simulators.models.effects import EFFECTS
from simulators.noise import key_of
from simulators.school import Campus, place_periods
from simulators.truth import Truth

FOLDER = Path(__file__).parent / "scenarios"
REPEATS_MAX = 10_000

TEXTS = ("id", "name_zh", "name_en", "text_zh", "text_en", "rule", "start")
NUMBERS = {"duration_s": (1.0, 400 * 86_400.0), "history_s": (0.0, 86_400.0)}


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens, read from a file: texts for people, a start, a length, and the happenings in order.

    start_ms: ms since 1970 UTC; history_s: quiet time played before the start; periods_s: model -> seconds, where the
    fleet sends at another pace than usual; rule: how harm_at follows from the signal.
    """

    id: str
    name_zh: str
    name_en: str
    text_zh: str
    text_en: str
    rule: str
    start_ms: int
    duration_s: float
    history_s: float
    periods_s: Mapping[str, float]
    effects: tuple[tuple[str, Happening], ...]


@dataclass(frozen=True)
class World:
    """A scenario planned onto a fleet: the source of messages and of their truth."""

    scenario: Scenario
    campus: Campus
    fleet: Fleet
    effects: tuple[Effect, ...]
    start_ms: int

    @property
    def span_ms(self) -> tuple[int, int]:
        """From the first history to the end."""
        begin = self.start_ms - round(self.scenario.history_s * 1000)
        return begin, self.start_ms + round(self.scenario.duration_s * 1000)

    def frames(self, span_ms: tuple[int, int]) -> list[Frames]:
        """Everything that is sent in [begin, end); the same however time is cut into spans."""
        parts = quiet(self.fleet, span_ms)
        for effect in self.effects:
            begin, end = effect.span_ms
            if begin < span_ms[1] and end > span_ms[0]:
                parts = [effect.alter(part) for part in parts]
                parts += effect.events(span_ms)
        return [part for part in parts if len(part)]

    def truths(self) -> list[Truth]:
        """All labelled intervals, in order of onset."""
        found = [truth for effect in self.effects for truth in effect.truths()]
        return sorted(found, key=lambda truth: (truth.onset_ms, truth.kind, truth.devices))


def names() -> dict[str, Path]:
    """Every scenario that comes with the package: id and file name without suffix -> file."""
    found: dict[str, Path] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        found[path.stem] = path
        found[str(tomllib.loads(path.read_text(encoding="utf-8"))["id"])] = path
    return found


def load_scenario(name: str | Path) -> Scenario:
    """A scenario by id, by name, or from a file. Raises ScenarioInvalid with every finding at once."""
    known = names()
    path = known.get(str(name), Path(name))
    if not path.is_file():
        raise ScenarioInvalid(str(name), [f"no such scenario or file; scenarios: {', '.join(sorted(known))}"])
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioInvalid(str(path), [f"not TOML: {error}"]) from error
    return read_scenario(table, source=str(path))


def read_scenario(table: Mapping[str, Any], *, source: str) -> Scenario:
    """A scenario from parsed TOML. Raises ScenarioInvalid with every finding at once."""
    findings: list[str] = []
    allowed = (*TEXTS, *NUMBERS, "periods_s", "effect")
    findings += [f"unknown key {key!r}; allowed: {', '.join(allowed)}" for key in table if key not in allowed]
    findings += [f"{key}: a text is needed" for key in TEXTS if not isinstance(table.get(key), str)]
    numbers = {key: table.get(key, 0.0) for key in NUMBERS}
    findings += [f for key, bounds in NUMBERS.items() for f in _number(key, numbers[key], *bounds)]
    start_ms = _start_ms(table.get("start"), findings)
    periods = table.get("periods_s", {})
    findings += list(_periods(periods))
    effects = [_effect(index, entry, findings) for index, entry in enumerate(table.get("effect", []))]
    if findings:
        raise ScenarioInvalid(source, findings)
    texts: dict[str, Any] = {key: str(table[key]) for key in TEXTS[:-1]}
    lengths: dict[str, Any] = {key: float(value) for key, value in numbers.items()}
    kept = tuple(effect for effect in effects if effect)
    return Scenario(**texts, **lengths, start_ms=start_ms, periods_s=dict(periods), effects=kept)


def plan(scenario: Scenario, campus: Campus, *, start_ms: int | None = None) -> World:
    """Put the scenario onto these schools; same campus, seed and start give the same world.

    Raises ScenarioInvalid when the schools lack a device that a happening needs.
    """
    placed = place_periods(campus, scenario.periods_s)
    fleet = placed.fleet()
    begin = scenario.start_ms if start_ms is None else start_ms
    effects: list[Effect] = []
    findings: list[str] = []
    for index, (model, settings) in enumerate(scenario.effects):
        for round_, at_ms in enumerate(_begins(settings, begin, scenario.duration_s)):
            key = key_of(campus.seed, f"{scenario.id}/{index}/{round_}")
            effect = EFFECTS[model][1](settings, Stage(fleet, at_ms, key, scenario.id))
            if effect is None:
                where = f"zone {settings.zone!r}, device {settings.device!r}, site {settings.site!r}"
                keys = ", ".join(sorted({d.zone_key for d in fleet.devices}))
                findings.append(f"effect {index + 1} ({model}): no fitting device in {where}; zones here: {keys}")
                break
            effects.append(effect)
    if findings:
        raise ScenarioInvalid(scenario.id, findings)
    return World(scenario, placed, fleet, tuple(effects), begin)


def _begins(settings: Happening, start_ms: int, duration_s: float) -> Iterator[int]:
    """Begin of each repetition within the scenario."""
    for round_ in range(REPEATS_MAX):
        at_s = settings.at_s + round_ * settings.repeat_s
        if round_ and at_s >= duration_s:
            return
        yield start_ms + round(at_s * 1000)
        if not settings.repeat_s:
            return


def _start_ms(text: object, findings: list[str]) -> int:
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        findings.append(f"start = {text!r}: needed is a date and time with offset, like 2026-11-02T22:00:00+08:00")
        return 0
    return round(when.timestamp() * 1000)


def _periods(periods: object) -> Iterator[str]:
    if not isinstance(periods, dict):
        yield "periods_s: a table of model = seconds is needed"
        return
    for model, period_s in periods.items():
        if model not in BACKGROUNDS:
            yield f"periods_s.{model}: unknown model; allowed: {', '.join(BACKGROUNDS)}"
        yield from _number(f"periods_s.{model}", period_s, 0.1, 86_400.0)


def _effect(index: int, entry: object, findings: list[str]) -> tuple[str, Happening] | None:
    """One [[effect]] table; findings are added, None when there are any."""
    where = f"effect {index + 1}"
    if not isinstance(entry, dict) or entry.get("model") not in EFFECTS:
        findings.append(f"{where}: model is needed; allowed: {', '.join(EFFECTS)}")
        return None
    settings, _ = EFFECTS[entry["model"]]
    hints = get_type_hints(settings, include_extras=True)
    known = [field.name for field in fields(settings)]
    given = {key: value for key, value in entry.items() if key != "model"}
    found = [f"{where}: unknown key {key!r}; allowed: {', '.join(known)}" for key in given if key not in known]
    found += [f for key, value in given.items() if key in known for f in _value(f"{where}: {key}", value, hints[key])]
    findings += found
    if found:
        return None
    ranges: dict[str, Any] = {k: (float(v[0]), float(v[1])) if isinstance(v, list) else v for k, v in given.items()}
    return entry["model"], settings(**ranges)


def _value(name: str, value: object, hint: Any) -> Iterator[str]:
    kind, *marks = get_args(hint)
    bounds = next((mark for mark in marks if isinstance(mark, Interval)), None)
    if get_origin(kind) is tuple:
        yield from _range(name, value, bounds)
    elif kind is float:
        yield from _number(name, value, *_ends(bounds))
    elif not isinstance(value, kind):
        yield f"{name} = {value!r}: {kind.__name__} is needed"


def _range(name: str, value: object, bounds: Interval | None) -> Iterator[str]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:  # noqa: PLR2004 - low and high
        yield f"{name} = {value!r}: two numbers are needed, [low, high]"
        return
    wrong = [finding for end in value for finding in _number(name, end, *_ends(bounds))]
    yield from wrong
    if not wrong and value[0] > value[1]:
        yield f"{name} = {value!r}: low is above high"


def _ends(bounds: Interval | None) -> tuple[float, float]:
    low, high = (bounds.ge if bounds.ge is not None else bounds.gt, bounds.le) if bounds else (None, None)
    return float("-inf") if low is None else float(str(low)), float("inf") if high is None else float(str(high))


def _number(name: str, value: object, low: float, high: float) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        yield f"{name} = {value!r}: a number from {low:g} to {high:g} is needed"
