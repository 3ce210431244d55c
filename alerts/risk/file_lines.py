"""Lines of the campus file that name the people of zones."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

_TABLE = re.compile(r"^\s*\[{1,2}\s*([A-Za-z_]+)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*(site|id|officer|fixer)\s*=")


def people_lines(text: str) -> Mapping[tuple[str, str, str], int]:
    r"""Return (site, zone, role) -> number of the line with this key, from 1. Rows in braces have none.

    >>> people_lines('[[zone]]\nsite = "s"\nid = "dorm"\nofficer = "li"\n')
    {('s', 'dorm', 'officer'): 4}
    """
    found: dict[tuple[str, str, str], int] = {}
    row: dict[str, tuple[str, int]] = {}
    table = ""
    for number, line in enumerate([*text.splitlines(), "[end]"], 1):
        if opened := _TABLE.match(line):
            if table == "zone" and {"site", "id"} <= row.keys():
                zone = row["site"][0], row["id"][0]
                found |= {(*zone, role): row[role][1] for role in ("officer", "fixer") if role in row}
            table, row = opened[1], {}
        elif table == "zone" and (key := _KEY.match(line)):
            row[key[1]] = _value(line, key[1]), number
    return found


def _value(line: str, key: str) -> str:
    """Return the text of a key in one line, "" for a value that is no text of one line."""
    try:
        value = tomllib.loads(line)[key]
    except tomllib.TOMLDecodeError:
        return ""
    return value if isinstance(value, str) else ""
