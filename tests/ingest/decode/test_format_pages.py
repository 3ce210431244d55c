"""Pages for integrators match the decoders."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ingest.decode import FOREIGN, chirpstack, esphome, ha_entities, shelly_gen1_keys, shelly_gen2_keys, tasmota_keys
from twinward.commands.decode import decode_lines

from .test_samples import NOW_NS, mistakes

PAGES = Path(__file__).resolve().parents[3] / "docs" / "formats"
TABLES = {
    "chirpstack": [*chirpstack.IGNORED],
    "tasmota": [*tasmota_keys.MEASURES, *tasmota_keys.SWITCHES, *tasmota_keys.IGNORED],
    "shelly_gen1": [*shelly_gen1_keys.NUMBERS, *shelly_gen1_keys.STATES, *shelly_gen1_keys.IGNORED],
    "shelly_gen2": [key for keys in shelly_gen2_keys.KEYS.values() for key in keys],
    "ha_discovery": [*ha_entities.SWITCHES, *ha_entities.MEASURES, *ha_entities.IGNORED],
    "esphome": [*esphome._UNITS.values()],
}


@pytest.mark.parametrize("name", FOREIGN)
def test_every_format_has_its_page(name: str) -> None:
    """Every format has a page, and the index links to it."""
    assert (PAGES / f"{name}.md").exists()
    assert f"({name}.md)" in (PAGES / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_worked_examples_decode_as_documented(path: Path) -> None:
    """Every line of an example decodes in order to the documented readings."""
    for block in re.findall(r"```jsonl\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
        lines = block.strip().splitlines()
        shown = [json.loads(line) for line in decode_lines(lines, clock=lambda: NOW_NS)]
        for line, meaning in zip(lines, shown, strict=True):
            assert not mistakes(json.loads(line)["expect"], meaning)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_supported_key_is_documented(name: str) -> None:
    """The tables of the decoders equal those of the pages."""
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert not [key for key in TABLES[name] if key not in page]
