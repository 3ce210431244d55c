"""Value templates of discovery messages that select a value: `{{ value_json.a['b'] | float }}`.

Source: Home Assistant documentation, Templating, "Using templates with the MQTT integration". A foreign template never
runs as a program: only a path with filters of the list below is supported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_TEMPLATE = re.compile(
    r"\{\{-?\s*(value_json|value)((?:\.\w{1,64}|\[(?:'[^']{1,64}'|\"[^\"]{1,64}\"|\d{1,4})\])*)\s*((?:\|[^|}]{1,40})*)-?\}\}"
)
_STEP = re.compile(r"\.(\w+)|\['([^']+)'\]|\[\"([^\"]+)\"\]|\[(\d+)\]")
_FILTER = re.compile(r"(float|int|round|is_defined|lower|upper)\s*(?:\(([^()]*)\))?")


@dataclass(frozen=True, slots=True)
class Template:
    """Path of the value in a payload, and filters. Filter defaults are unsupported: they would invent values.

    json: whether the payload is parsed as JSON first.
    """

    json: bool = False
    path: Sequence[str | int] = ()
    filters: Sequence[tuple[str, str]] = ()

    def render(self, document: Any) -> Any:
        """Return the value after the filters; None without a value."""
        for step in self.path:
            if isinstance(document, dict) and isinstance(step, str):
                document = document.get(step)
            elif isinstance(document, list) and isinstance(step, int) and step < len(document):
                document = document[step]
            else:
                return None
        for name, argument in self.filters:
            document = _filtered(document, name, argument)
        return document


def read_template(text: str) -> Template | None:
    """Return the template; None when it is more than a path with filters.

    >>> read_template("{{ value_json.smoke }}").render({"smoke": True})
    True
    """
    if not text.strip():
        return Template()
    found = _TEMPLATE.fullmatch(text.strip()) if len(text) <= 512 else None  # noqa: PLR2004 - longer ones are programs
    if found is None:
        return None
    root, steps, pipes = found.groups()
    path = [dotted or single or double or int(index) for dotted, single, double, index in _STEP.findall(steps)]
    filters = []
    for pipe in pipes.split("|")[1:]:
        named = _FILTER.fullmatch(pipe.strip())
        if named is None:
            return None
        filters.append((named[1], (named[2] or "").strip()))
    return Template(root == "value_json", path, filters) if root == "value_json" or not path else None


def _filtered(value: Any, name: str, argument: str) -> Any:
    if value is None:
        return None
    if name in ("lower", "upper"):
        return getattr(str(value), name)()
    if name == "is_defined":
        return value
    try:
        number = float(value)
        if name == "round":
            return round(number, int(argument) if argument.isdigit() else 0)
        return int(number) if name == "int" else number
    except (TypeError, ValueError, OverflowError):
        return None
