"""Templates of discovery: supported forms select, scale and compare; any other one is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ingest.decode.template import read_template

DOCUMENT = {"t": 215, "s": "alarm", "a": {"b": [1, {"c": 3}]}, "on": True, "x-y": 5, "f": "21.5", "z": 0}
FORMS: list[tuple[str, Any]] = [
    ("", DOCUMENT),
    ("{{ value_json.t }}", 215),
    ("{{ value_json['x-y'] | int }}", 5),
    ("{{ value_json.get('t') }}", 215),
    ("{{ value_json.a.b[1].c }}", 3),
    ("{{ value_json.t / 10 }}", 21.5),
    ("{{value_json.t|float/10}}", 21.5),
    ("{{ (value_json.t | float(0)) * 0.1 }}", 21.5),
    ("{{ (value_json.t / 10) | round(0) }}", 22.0),
    ("{{ value_json.f | float | round(0) }}", 22.0),
    ("{{ 'ON' if value_json.s == 'alarm' else 'OFF' }}", "ON"),
    ("{{ 'ON' if value_json.s != 'alarm' else 'OFF' }}", "OFF"),
    ("{{ 'ON' if not value_json.on else 'OFF' }}", "OFF"),
    ("{{ 'ON' if (value_json.t | int) > 100 else 'OFF' }}", "ON"),
    ("{{ iif(value_json.on, 'ON', 'OFF') }}", "ON"),
    ("{% if value_json.s == 'alarm' %}ON{% else %}OFF{% endif %}", "ON"),
    ("{% if value_json.z == 1 %} ON {% else %} OFF {% endif %}", "OFF"),
]
REFUSED = [
    "{{ states('x') }}",
    "{{ value_json.t + 1 }}",
    "{{ value_json.t / 0 }}",
    "{{ value_json.t | regex_replace('a') }}",
    "{{ value_json.a }}{{ value_json.t }}",
    "{% set x = 1 %}{{ x }}",
    "text",
]


@pytest.mark.parametrize(("text", "value"), FORMS)
def test_a_supported_form_gives_its_value(text: str, value: Any) -> None:
    """The result is that of Home Assistant."""
    template = read_template(text)
    assert template is not None
    assert template.render(DOCUMENT) == value


@pytest.mark.parametrize("text", [form for form, _ in FORMS if form])
def test_a_missing_value_stays_missing(text: str) -> None:
    """No default, factor or choice invents a value."""
    template = read_template(text)
    assert template is not None
    assert template.render({}) is None
    assert template.render([]) is None


@pytest.mark.parametrize("text", REFUSED)
def test_another_form_is_refused(text: str) -> None:
    """A template never runs as a program."""
    assert read_template(text) is None


@pytest.mark.parametrize("part", ["|a(", "(", ".a", "| float ", "value_json", " if "])
def test_a_hostile_template_takes_linear_time(part: str) -> None:
    """The length is bounded, and no form backtracks."""
    started = time.process_time()
    read_template("{{ value_json" + part * 200)
    read_template("{{ value_json" + (part * 200)[:490])
    read_template("{{ 'a' if value_json" + (part * 200)[:480])
    assert time.process_time() - started < 0.5
