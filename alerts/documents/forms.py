"""Forms: official headings as data, and a filled form with its rows."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a form. group: heading above it, "" without one."""

    field: str
    zh: str
    en: str
    group: str = ""

    def heading(self, language: Language) -> str:
        """Return the heading."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Form:
    """An official form."""

    name: str
    zh: str
    en: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """A form with its rows. subtitle: school and date; signatures: lines for people to sign."""

    form: Form
    language: Language
    subtitle: str
    rows: Sequence[Mapping[str, str]]
    signatures: Sequence[str] = field(default=())

    @property
    def title(self) -> str:
        """Title of the form."""
        return self.form.zh if self.language == "zh" else self.form.en

    def table(self) -> list[list[str]]:
        """Return the headings and the rows as texts."""
        heads = [column.heading(self.language) for column in self.form.columns]
        return [heads, *([_printable(row.get(column.field, "")) for column in self.form.columns] for row in self.rows)]

    def groups(self) -> list[tuple[str, int]]:
        """Return the headings above the columns with their numbers of columns, in order."""
        found: list[tuple[str, int]] = []
        for column in self.form.columns:
            if found and column.group and found[-1][0] == column.group:
                found[-1] = column.group, found[-1][1] + 1
            else:
                found.append((column.group, 1))
        return found


def _printable(text: str) -> str:
    """Return a text without control characters, which neither a workbook nor a font has."""
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)


@cache
def forms() -> Mapping[str, Form]:
    """Return the forms by name, from `forms.toml`."""
    table = tomllib.loads(resources.files(__package__).joinpath("forms.toml").read_text(encoding="utf-8"))
    return {
        name: Form(name, row["zh"], row["en"], tuple(Column(*column) for column in row["columns"]))
        for name, row in table.items()
        if isinstance(row, dict)
    }
