"""Reader for TOML tables that users edit; reports all errors with key path and allowed values.

A row of a table is a dataclass. Field types, `annotated_types.Interval` and `Reads` state the allowed values.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from importlib.resources.abc import Traversable
from math import isnan
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from annotated_types import Interval

T = TypeVar("T")
Failure = Callable[[list[str]], Exception]
"""Makes the exception of a package from the errors, one line each."""

SHOWN_MAX = 80
"""Characters of an offending value in a message."""

_WORDS: Mapping[Any, str] = {
    str: "a text",
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    type(None): "no value",
}
_REFUSED: Any = object()


@dataclass(frozen=True, slots=True)
class Reads(Generic[T]):
    """Mark of a field with its own conversion.

    read: returns the field's value; raises AttributeError, ValueError, TypeError, LookupError or OSError for a value
    that is not allowed. allowed: the allowed values, as the end of the sentence "allowed is ...".
    """

    read: Callable[[Any], T]
    allowed: str


def one_of(values: Sequence[str]) -> Reads[str]:
    """Return the mark of a field that allows these texts."""
    return Reads(lambda given: values[values.index(given)], f"one of {', '.join(values)}")


def _filled(text: Any) -> str:
    if not text.strip():
        raise ValueError
    return str(text)


FilledText = Annotated[str, Reads(_filled, "a text that is not empty")]


def load_toml(file: Path | Traversable, failure: Failure) -> dict[str, Any]:
    """Return the parsed file. Raises `failure` if the file is missing, unreadable, not UTF-8 or not TOML."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise failure([f"{file}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise failure([f"{file}: {error}"]) from error


class TableReader:
    """Converts the rows of one table and collects its errors; `finish` raises them together.

    >>> reader = TableReader({"tank": [{"name": "a", "litres": "9"}, {"colour": 1}]}, ValueError)
    >>> @dataclass
    ... class Tank:
    ...     name: str
    ...     litres: Annotated[float, Interval(ge=0, le=5)] = 1.0
    >>> reader.rows("tank", Tank)
    []
    >>> reader.errors[0]
    "tank a.litres = '9': allowed is 0 to 5"
    >>> reader.errors[1:]
    ['tank 2.colour: unknown key; allowed is name, litres', 'tank 2.name: missing; allowed is a text']
    """

    def __init__(self, table: Mapping[str, Any], failure: Failure, *, source: str = "") -> None:
        """source: the file's name, the start of each message; "" for a table without a file."""
        self.table, self.errors = table, list[str]()
        self._failure, self._prefix = failure, f"{source}: " if source else ""

    @classmethod
    def open(cls, file: Path | Traversable, failure: Failure) -> TableReader:
        """Return a reader of the file's top table. Raises `failure` if the file cannot be parsed."""
        return cls(load_toml(file, failure), failure, source=str(file))

    def report(self, *errors: str) -> None:
        """Append errors, each with the file's name before it."""
        self.errors += [self._prefix + error for error in errors]

    def finish(self) -> None:
        """Raise the package's exception with all errors, if there are any."""
        if self.errors:
            raise self._failure(self.errors)

    def expect(self, *names: str) -> None:
        """Report keys of the top table other than these."""
        self.report(*_unknown("", self.table, names))

    def entries(self, name: str) -> list[dict[str, Any]]:
        """Return the tables of the array [[name]], unchecked; empty after an error."""
        rows = self.table.get(name, [])
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return rows
        self.report(f"{name} = {_shown(rows)}: allowed is an array of tables, [[{name}]]")
        return []

    def rows(
        self,
        name: str,
        row: type[T],
        *,
        key: Sequence[str] = ("name",),
        check: Callable[[T], Iterable[str]] = lambda _: (),
    ) -> list[T]:
        """Return the rows of [[name]] without errors. key: fields that are unique together; check: as in `record`."""
        entries = self.entries(name)
        where = [f"{name} {entry.get(key[-1], number)}" for number, entry in enumerate(entries, 1)]
        read = [self.record(row, entry, path, check=check) for entry, path in zip(entries, where, strict=True)]
        self.unique(name, ([entry.get(part) for part in key] for entry in entries), key[-1])
        return [one for one in read if one is not None]

    def record(
        self,
        row: type[T],
        entry: Mapping[str, Any],
        where: str,
        *,
        also: Collection[str] = (),
        check: Callable[[T], Iterable[str]] = lambda _: (),
    ) -> T | None:
        """Return one table as dataclass `row`; None after an error.

        where: key path of the table; also: further allowed keys; check: returns errors over several fields, each of
        which starts with a key.
        """
        errors: list[str] = []
        read: T = _record(row, entry, where, errors, also)
        if not errors:
            errors += [_path(where, error) for error in check(read)]
        self.report(*errors)
        return None if errors else read

    def unique(self, name: str, ids: Iterable[Sequence[object]], key: str) -> None:
        """Report each id that more than one row of [[name]] has."""
        counted = Counter("/".join(map(str, parts)) for parts in ids if None not in parts)
        self.report(*(f"{name} {one}: the {key} is used twice" for one, count in counted.items() if count > 1))


def _record(row: type[T], entry: Mapping[str, Any], where: str, errors: list[str], also: Collection[str]) -> Any:
    hints = _hints(row)  # type: ignore[arg-type]  # a class is hashable
    errors += _unknown(where, entry, [*hints, *also])
    values = {}
    for field in fields(row):  # type: ignore[arg-type]  # the rows of tables are dataclasses
        hint = hints[field.name]
        if field.name in entry:
            values[field.name] = _value(hint, entry[field.name], _path(where, field.name), errors)
        elif field.default is MISSING and field.default_factory is MISSING:
            errors.append(f"{_path(where, field.name)}: missing; allowed is {_allowed(hint)}")
    return _REFUSED if errors else row(**values)


def _value(hint: Any, given: Any, where: str, errors: list[str], *, marked: Any = None) -> Any:
    """Return the value as type `hint`; append errors. marked: the type with its marks, for the message."""
    if type(given) is hint and hint is not float:
        return given
    if get_origin(hint) is Annotated:
        return _marked(hint, given, where, errors)
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(given, dict):
        return _record(hint, given, where, errors, ())
    if _is_list(hint) and isinstance(given, list):
        return _elements(hint, given, where, errors)
    if get_origin(hint) is Mapping and isinstance(given, dict):
        return {key: _value(get_args(hint)[1], one, f"{where}.{key}", errors) for key, one in given.items()}
    try:
        value = msgspec.convert(given, hint)
    except msgspec.ValidationError:
        value = _REFUSED
    if value is _REFUSED or (isinstance(value, float) and isnan(value)):
        errors.append(f"{where} = {_shown(given)}: allowed is {_allowed(marked or hint)}")
    return value


def _marked(hint: Any, given: Any, where: str, errors: list[str]) -> Any:
    inner, *marks = get_args(hint)
    own = next((mark for mark in marks if isinstance(mark, Reads)), None)
    if own is not None:
        try:
            return own.read(given)
        except (AttributeError, ValueError, TypeError, LookupError, OSError):
            errors.append(f"{where} = {_shown(given)}: allowed is {own.allowed}")
            return _REFUSED
    before = len(errors)
    value = _value(inner, given, where, errors, marked=hint)
    if len(errors) == before and not all(_within(mark, value) for mark in marks if isinstance(mark, Interval)):
        errors.append(f"{where} = {_shown(given)}: allowed is {_allowed(hint)}")
    return value


def _elements(hint: Any, given: list[Any], where: str, errors: list[str]) -> Any:
    (element, *_), make = get_args(hint), get_origin(hint)
    numbered = is_dataclass(element)
    values = (
        _value(element, one, f"{where} {number}" if numbered else where, errors) for number, one in enumerate(given, 1)
    )
    return frozenset(values) if make is frozenset else tuple(values)


def _is_list(hint: Any) -> bool:
    """True for the type of a list of any length."""
    origin = get_origin(hint)
    return origin is frozenset or (origin is tuple and get_args(hint)[-1] is Ellipsis)


def _within(bound: Interval, value: Any) -> bool:
    low = (bound.ge is None or value >= bound.ge) and (bound.gt is None or value > bound.gt)
    return low and (bound.le is None or value <= bound.le) and (bound.lt is None or value < bound.lt)


def _allowed(hint: Any) -> str:
    """Return the allowed values of a type hint in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        own = [mark.allowed for mark in inner[1:] if isinstance(mark, Reads)]
        bounds = [_bounds(mark) for mark in inner[1:] if isinstance(mark, Interval)]
        return next(iter(own + bounds), _allowed(inner[0]))
    if is_dataclass(hint):
        return f"a table with {', '.join(field.name for field in fields(hint))}"
    return _allowed_parts(hint, list(map(_allowed, inner))) if inner else _WORDS.get(hint, str(hint))


def _allowed_parts(hint: Any, parts: Sequence[str]) -> str:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return " or ".join(parts)
    if origin is tuple and not _is_list(hint):
        return f"a list [{', '.join(parts)}]"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a table of names, each with {parts[1]}"
    return f"a list, each element {parts[0]}"


def _bounds(bound: Interval) -> str:
    if bound.ge is not None and bound.le is not None:
        return f"{bound.ge} to {bound.le}"
    words = (("at least", bound.ge), ("above", bound.gt), ("at most", bound.le), ("below", bound.lt))
    return "a number " + " and ".join(f"{word} {limit}" for word, limit in words if limit is not None)


def _unknown(where: str, entry: Mapping[str, Any], known: Collection[str]) -> Iterator[str]:
    for key in entry:
        if key not in known:
            yield f"{_path(where, key)}: unknown key; allowed is {', '.join(known)}"


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


@cache
def _hints(row: type) -> dict[str, Any]:
    return get_type_hints(row, include_extras=True)
