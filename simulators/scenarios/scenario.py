"""Scenarios: TOML files for safety officers, validated as a whole, which may include each other."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulators.campus.effect import Happening
from simulators.errors import ScenarioInvalid
from simulators.faults import FAULTS
from simulators.models import BACKGROUNDS
from simulators.models.effects import EFFECTS
from simulators.scenarios.reading import Problems, check_number, read_settings, read_start

FOLDER = Path(__file__).resolve().parents[1] / "scenarios"
INCLUDES_DEEP_MAX = 5

TEXTS = ("id", "name_zh", "name_en", "text_zh", "text_en", "rule", "start")
NUMBERS = {"duration_s": (1.0, 400 * 86_400.0), "history_s": (0.0, 86_400.0)}
LISTS = ("effect", "fault", "include")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario of a file: texts for people, start, length, effects and faults, in order.

    start_ms: ms since 1970 UTC. history_s: quiet time played before the start. periods_s: model -> message period (s)
    that differs from the default. rule: derivation of harm_at from the signal.
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
    faults: tuple[tuple[str, Happening], ...] = ()


def names() -> dict[str, Path]:
    """Return the packaged scenarios: id and file name without suffix -> file."""
    found: dict[str, Path] = {}
    for path in sorted(FOLDER.rglob("*.toml")):
        found[path.stem] = path
        found[str(tomllib.loads(path.read_text(encoding="utf-8"))["id"])] = path
    return found


def load_scenario(name: str | Path, *, above: Sequence[str] = ()) -> Scenario:
    """Load a scenario by id, by name, or from a file. above: the scenarios that include it.

    Raises ScenarioInvalid with every finding at once, each with its line.
    """
    known = names()
    path = known.get(str(name), Path(name))
    if not path.is_file():
        raise ScenarioInvalid(str(name), [f"no such scenario or file; scenarios: {', '.join(sorted(known))}"])
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioInvalid(str(path), [f"not TOML: {error}"]) from error
    return read_scenario(table, source=str(path), text=text, above=above)


def read_scenario(table: Mapping[str, Any], *, source: str, text: str = "", above: Sequence[str] = ()) -> Scenario:
    """Read a scenario from parsed TOML. text: the file, for line numbers. Raises ScenarioInvalid with every problem."""
    findings = Problems(text)
    _check_top(table, findings)
    start_ms = read_start(table.get("start"), findings)
    effects, faults = (
        [read_settings(name, n, entry, kinds, findings) for n, entry in enumerate(_tables(table, name), 1)]
        for name, kinds in (("effect", EFFECTS), ("fault", FAULTS))
    )
    parts = list(_includes(table, findings, (*above, source)))
    if findings.errors:
        raise ScenarioInvalid(source, findings.errors)
    texts: dict[str, Any] = {key: str(table[key]) for key in TEXTS[:-1]}
    lengths: dict[str, Any] = {key: float(table.get(key, 0.0)) for key in NUMBERS}
    kept = tuple(effect for effect in effects if effect), tuple(fault for fault in faults if fault)
    own = Scenario(**texts, **lengths, start_ms=start_ms, periods_s=dict(table.get("periods_s", {})),
                   effects=kept[0], faults=kept[1])  # fmt: skip
    return compose(own, parts)


def compose(scenario: Scenario, parts: Sequence[tuple[Scenario, float]]) -> Scenario:
    """Return the scenario with effects and faults of others, each delayed by its seconds after the start."""
    periods: dict[str, float] = {}
    for part, _ in reversed(parts):
        periods |= part.periods_s
    effects = [(name, _later(settings, at_s)) for part, at_s in parts for name, settings in part.effects]
    faults = [(name, _later(settings, at_s)) for part, at_s in parts for name, settings in part.faults]
    return replace(
        scenario,
        effects=scenario.effects + tuple(effects),
        faults=scenario.faults + tuple(faults),
        periods_s=periods | dict(scenario.periods_s),
    )


def _later(settings: Happening, by_s: float) -> Happening:
    return replace(settings, at_s=settings.at_s + by_s)


def _tables(table: Mapping[str, Any], name: str) -> list[Any]:
    found = table.get(name, [])
    return found if isinstance(found, list) else [found]


def _check_top(table: Mapping[str, Any], findings: Problems) -> None:
    allowed = (*TEXTS, *NUMBERS, "periods_s", *LISTS)
    for key in table:
        if key not in allowed:
            findings.add(f"unknown key {key!r}; allowed: {', '.join(allowed)}", key=key)
    for key in TEXTS:
        if not isinstance(table.get(key), str):
            findings.add(f"{key}: a text is needed", key=key)
    for key, bounds in NUMBERS.items():
        for finding in check_number(key, table.get(key, 0.0), *bounds):
            findings.add(finding, key=key)
    for finding in _periods(table.get("periods_s", {})):
        findings.add(finding, key="periods_s")


def _periods(periods: object) -> Iterator[str]:
    if not isinstance(periods, dict):
        yield "periods_s: a table of model = seconds is needed"
        return
    for model, period_s in periods.items():
        if model not in BACKGROUNDS:
            yield f"periods_s.{model}: unknown model; allowed: {', '.join(BACKGROUNDS)}"
        yield from check_number(f"periods_s.{model}", period_s, 0.1, 86_400.0)


def _includes(table: Mapping[str, Any], findings: Problems, above: Sequence[str]) -> Iterator[tuple[Scenario, float]]:
    """Yield each [[include]]: the scenario (id, name or file) and its begin `at_s`."""
    for index, entry in enumerate(_tables(table, "include"), 1):
        wrong = _include_wrong(entry, above)
        for finding in wrong:
            findings.add(f"include {index}: {finding}", table="include", index=index)
        if wrong:
            continue
        try:
            yield load_scenario(entry["scenario"], above=above), float(entry.get("at_s", 0.0))
        except ScenarioInvalid as error:
            findings.add(f"include {index}: {error}", table="include", index=index, key="scenario")


def _include_wrong(entry: object, above: Sequence[str]) -> list[str]:
    if not isinstance(entry, dict) or not isinstance(entry.get("scenario"), str):
        return ["scenario is needed: an id, a name or a file"]
    found = [f"unknown key {key!r}; allowed: scenario, at_s" for key in entry if key not in ("scenario", "at_s")]
    found += check_number("at_s", entry.get("at_s", 0.0), 0, 400 * 86_400.0)
    if len(above) > INCLUDES_DEEP_MAX:
        found.append(f"scenarios include each other more than {INCLUDES_DEEP_MAX} deep")
    return found
