"""Value templates of discovery that select, scale or compare: `{{ value_json.a | float / 10 }}`.

Source: Home Assistant documentation, Templating, "Using templates with the MQTT integration"; Jinja, "Expressions". A
foreign template never runs as a program: only the forms below are supported.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

_PATH = (
    r"(value_json|value)((?:\.get\(\s*(?:'[^']{1,64}'|\"[^\"]{1,64}\")\s*\)|\.\w{1,64}"
    r"|\[(?:'[^']{1,64}'|\"[^\"]{1,64}\"|\d{1,4})\])*)"
)
_PIPES = r"((?:\s*\|\s*\w{1,16}(?:\([^()]{0,40}\))?)*)"
_LITERAL = r"('[^']{0,64}'|\"[^\"]{0,64}\"|-?\d+(?:\.\d+)?|[Tt]rue|[Ff]alse)"
_TEST = rf"(not\s+)?\(?\s*{_PATH}{_PIPES}\s*\)?\s*(?:(==|!=|>=|<=|>|<)\s*{_LITERAL})?\s*\)?"
_PLAIN = re.compile(rf"\{{\{{-?\s*{_PATH}{_PIPES}\s*-?\}}\}}")
_SCALED = re.compile(rf"\{{\{{-?\s*\(*\s*{_PATH}{_PIPES}\s*\)?\s*([*/])\s*(\d+(?:\.\d+)?)\s*\)*{_PIPES}\s*-?\}}\}}")
_CHOICES = (
    re.compile(rf"\{{\{{-?\s*(?P<yes>{_LITERAL})\s+if\s+{_TEST}\s+else\s+(?P<no>{_LITERAL})\s*-?\}}\}}"),
    re.compile(rf"\{{\{{-?\s*iif\(\s*{_TEST}\s*,\s*(?P<yes>{_LITERAL})\s*,\s*(?P<no>{_LITERAL})\s*\)\s*-?\}}\}}"),
    re.compile(
        rf"\{{%-?\s*if\s+{_TEST}\s*-?%\}}\s*(?P<yes>[\w .-]{{1,64}}?)\s*\{{%-?\s*else\s*-?%\}}"
        r"\s*(?P<no>[\w .-]{1,64}?)\s*\{%-?\s*endif\s*-?%\}"
    ),
)
_STEP = re.compile(r"\.get\(\s*['\"]([^'\"]+)['\"]\s*\)|\.(\w+)|\['([^']+)'\]|\[\"([^\"]+)\"\]|\[(\d+)\]")
_FILTER = re.compile(r"(float|int|round|is_defined|lower|upper|default|d|string|trim|abs)\s*(?:\(([^()]*)\))?")
_LENGTH_MAX = 512
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Two values by a comparison of the selected one; without an operator its truth counts."""

    negated: bool
    compare: str
    literal: Any
    yes: str
    no: str


@dataclass(frozen=True, slots=True)
class Template:
    """Path of the value in a payload, filters, a factor, and a choice. Defaults of filters would invent values.

    json: whether the payload is parsed as JSON first. later: filters after the factor.
    """

    json: bool = False
    path: Sequence[str | int] = ()
    filters: Sequence[tuple[str, str]] = ()
    factor: float = 1.0
    later: Sequence[tuple[str, str]] = ()
    choice: Choice | None = None

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
        if self.factor != 1.0:
            document = _filtered(document, "float", "")
            document = None if document is None else round(document * self.factor, 12)
        for name, argument in self.later:
            document = _filtered(document, name, argument)
        return document if self.choice is None or document is None else _chosen(self.choice, document)


def read_template(text: str) -> Template | None:
    """Return the template; None when it is of no supported form.

    >>> read_template("{{ value_json.smoke }}").render({"smoke": True})
    True
    >>> read_template("{{ (value_json.t | float) / 10 }}").render({"t": 215})
    21.5
    >>> read_template("{{ 'ON' if value_json.state == 'alarm' else 'OFF' }}").render({"state": "alarm"})
    'ON'
    """
    text = text.strip()
    if not text:
        return Template()
    if len(text) > _LENGTH_MAX:
        return None
    if found := _PLAIN.fullmatch(text):
        return _selected(found[1], found[2], found[3])
    if found := _SCALED.fullmatch(text):
        selected, later = _selected(found[1], found[2], found[3]), _filters(found[6])
        factor = float(found[5]) if found[4] == "*" else 1 / float(found[5]) if float(found[5]) else 0.0
        return replace(selected, factor=factor, later=later) if selected and later is not None and factor else None
    for form in _CHOICES:
        if found := form.fullmatch(text):
            return _choice(found)
    return None


def _choice(found: re.Match[str]) -> Template | None:
    groups = found.groups()
    start = next(number for number, part in enumerate(groups) if part in ("value_json", "value"))
    root, steps, pipes, compare, literal = (part or "" for part in groups[start : start + 5])
    selected = _selected(root, steps, pipes)
    yes, no = str(_literal(found["yes"])), str(_literal(found["no"]))
    choice = Choice(bool(groups[start - 1]), compare, _literal(literal), yes, no)
    return None if selected is None else replace(selected, choice=choice)


def _literal(text: str) -> Any:
    if text[:1] in "'\"" and len(text) > 1:
        return text[1:-1]
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return float(text)
    except ValueError:
        return text


def _chosen(choice: Choice, value: Any) -> str | None:
    if not choice.compare:
        held = bool(value)
    else:
        try:
            held = _COMPARE[choice.compare](value, choice.literal)
        except TypeError:
            return None
    return choice.yes if held != choice.negated else choice.no


def _selected(root: str, steps: str, pipes: str) -> Template | None:
    path = [
        got or dotted or single or double or int(index) for got, dotted, single, double, index in _STEP.findall(steps)
    ]
    filters = _filters(pipes)
    if filters is None or (path and root != "value_json"):
        return None
    return Template(root == "value_json", path, filters)


def _filters(pipes: str) -> list[tuple[str, str]] | None:
    filters = []
    for pipe in pipes.split("|")[1:]:
        named = _FILTER.fullmatch(pipe.strip())
        if named is None:
            return None
        filters.append((named[1], (named[2] or "").strip()))
    return filters


def _filtered(value: Any, name: str, argument: str) -> Any:  # noqa: PLR0911 - a return a case
    if value is None:
        return None
    if name in ("lower", "upper"):
        return getattr(str(value), name)()
    if name in ("is_defined", "default", "d"):
        return value
    if name in ("string", "trim"):
        return str(value).strip() if name == "trim" else str(value)
    try:
        number = float(value)
        if name == "round":
            return round(number, int(argument) if argument.isdigit() else 0)
        return int(number) if name == "int" else abs(number) if name == "abs" else number
    except (TypeError, ValueError, OverflowError):
        return None
