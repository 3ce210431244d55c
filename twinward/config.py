"""Reader of settings: one TOML file, then `TWINWARD_*` of the environment; all errors at once.

A section of the file is a frozen dataclass, defined in the package that it configures. Key `port` of section `[mqtt]`
is `TWINWARD_MQTT_PORT` in the environment; a key without a section is `TWINWARD_` and its name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import annotated_types
from pydantic import TypeAdapter, ValidationError

from ingest import load_toml
from ingest.tables import Reads

from .errors import ConfigError

T = TypeVar("T")

RESERVED = frozenset(("TWINWARD_DEMO_PASSWORD", "TWINWARD_ADMIN_PASSWORD"))
"""Environment variables that are no settings: passwords for the first start."""


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """One setting for documents: names, type, default, unit, bounds and one line of text."""

    name: str
    environment: str
    type: str
    default: object
    unit: str
    allowed: str
    text: str


def load(cls: type[T], path: Path | None, environ: Mapping[str, str]) -> T:
    """Return settings of dataclass `cls` from file and environment. Raises ConfigError with all errors."""
    errors: list[str] = []
    table = {} if path is None else load_toml(path, ConfigError)
    _overlay(cls, table, environ, errors)
    errors += _unknown(cls, table)
    try:
        # lax mode converts texts of the environment to numbers; JSON mode would refuse TOML dates
        settings = TypeAdapter(cls).validate_python(table)
    except ValidationError as error:
        errors += [_sentence(detail["loc"], detail["input"], detail["msg"]) for detail in error.errors()]
        raise ConfigError(sorted(set(errors))) from error
    if errors:
        raise ConfigError(sorted(set(errors)))
    return settings


def keys(cls: type) -> Iterator[Key]:
    """Yield the settings of `cls` and its sections in order, for the sample file and the reference."""
    for section, field, hint in _fields(cls):
        unit = next((m.unit for m in _marks(hint) if isinstance(m, annotated_types.Unit)), "")
        text = next((m.documentation for m in _marks(hint) if isinstance(m, annotated_types.DocInfo)), "")
        base = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
        name = f"{section}.{field.name}" if section else field.name
        kind = getattr(base, "__name__", str(base).replace("typing.", ""))
        kind = kind if not get_args(base) else str(base).replace("typing.", "")
        yield Key(name, _environment_name(section, field.name), kind, _default(field), unit, _bounds(hint), text)


def described(cls: type) -> Iterator[tuple[str, object, str, str, str]]:
    """Yield name, default (MISSING if required), unit, allowed values and text of each field, for the reference."""
    for _, field, hint in _fields(cls):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        default = dataclasses.MISSING if required else _default(field)
        unit = next((mark.unit for mark in _marks(hint) if isinstance(mark, annotated_types.Unit)), "")
        text = next((mark.documentation for mark in _marks(hint) if isinstance(mark, annotated_types.DocInfo)), "")
        inner = next((_reads(part) for part in get_args(get_args(hint)[0]) if _reads(part)), "")
        yield field.name, default, unit, _bounds(hint) or _reads(hint) or inner, text


def _reads(hint: object) -> str:
    return next((mark.allowed for mark in _marks(hint) if isinstance(mark, Reads)), "")


def _default(field: dataclasses.Field[Any]) -> object:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _fields(cls: type) -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """Yield (section, field, type hint) of each setting."""
    hints = get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            inner = get_type_hints(hint, include_extras=True)
            yield from ((field.name, part, inner[part.name]) for part in dataclasses.fields(hint))
        else:
            yield "", field, hint


def _environment_name(section: str, key: str) -> str:
    return "_".join(("TWINWARD", *filter(None, (section, key)))).upper()


def _overlay(cls: type, table: dict[str, Any], environ: Mapping[str, str], errors: list[str]) -> None:
    known = {_environment_name(section, field.name): (section, field.name) for section, field, _ in _fields(cls)}
    for name in sorted(environ):
        if not name.startswith("TWINWARD_") or name in RESERVED:
            continue
        if name not in known:
            errors.append(f"{name}: no setting has this name; allowed is TWINWARD_ with the name of a setting")
            continue
        section, key = known[name]
        home = table.setdefault(section, {}) if section else table
        if isinstance(home, dict):
            home[key] = environ[name]


def _unknown(cls: type, table: Mapping[str, Any]) -> list[str]:
    sections: dict[str, set[str]] = {}
    for section, field, _ in _fields(cls):
        sections.setdefault(section, set()).add(field.name)
    top = sections.pop("", set())
    errors = [
        f"{key}: unknown key; allowed is {', '.join(sorted(top | sections.keys()))}"
        for key in table
        if key not in top | sections.keys()
    ]
    for section, names in sections.items():
        inner = table.get(section)
        if isinstance(inner, dict):
            errors += [
                f"{section}.{key}: unknown key; allowed is {', '.join(sorted(names))}"
                for key in inner
                if key not in names
            ]
    return errors


def _sentence(location: tuple[int | str, ...], given: object, message: str) -> str:
    key = ".".join(str(part) for part in location)
    shown = "a secret" if key.endswith(("_file", "password")) else repr(given)[:80]
    return f"{key}: {shown} is not allowed: {message[0].lower()}{message[1:]}"


def _marks(hint: object) -> tuple[Any, ...]:
    return getattr(hint, "__metadata__", ())


def _bounds(hint: object) -> str:
    parts = []
    for mark in _marks(hint):
        for symbol, value in (
            (">=", getattr(mark, "ge", None)),
            (">", getattr(mark, "gt", None)),
            ("<=", getattr(mark, "le", None)),
            ("<", getattr(mark, "lt", None)),
        ):
            if value is not None:
                parts.append(f"{symbol} {value}")
    return ", ".join(parts)
