"""Script of a call to the fire line: school, building, room, floor, danger, way in."""

from __future__ import annotations

from alerts.model import Hazard
from alerts.risk.causes import causes
from alerts.risk.registry import Registry

CAUSE = "fire"
"""Cause of the hazards for which the fire line (119) is called."""


def call_script(hazard: Hazard, registry: Registry) -> dict[str, str] | None:
    """Return the sentences to read to the fire line in both languages, None for another cause than fire."""
    if hazard.cause != CAUSE:
        return None
    site, zone = registry.site(hazard.site), registry.zone_of(hazard.site, hazard.place)
    place, cause = registry.place_name(hazard.site, hazard.place), causes()[hazard.kind]
    known = registry.places.get((hazard.site, hazard.place))
    floor = (f"{known.floor}层", f"floor {known.floor}") if known else ("", "")
    drill = ("演练，请勿拨打119。", "DRILL, do not call 119.") if hazard.drill else ("", "")
    zh = [site.name_zh or site.id, site.address_zh, zone.name_zh or zone.id, place["zh"], floor[0]]
    en = [site.name_en or site.id, site.address_en, zone.name_en or zone.id, place["en"], floor[1]]
    more = [registry.place_name(hazard.site, one) for one in hazard.places]
    spread = ("、".join(one["zh"] for one in more), ", ".join(one["en"] for one in more))
    return {
        "zh": _joined(drill[0], f"{cause.zh}：{'，'.join(filter(None, zh))}。", spread[0] and f"蔓延至{spread[0]}。",
                      f"{hazard.text.get('zh', '')}。", zone.access_zh and f"进入路线：{zone.access_zh}。"),
        "en": _joined(drill[1], f"{cause.en}: {', '.join(filter(None, en))}.", spread[1] and f"Spread to {spread[1]}.",
                      f"{hazard.text.get('en', '')}.", zone.access_en and f"Way in: {zone.access_en}.", gap=" "),
    }  # fmt: skip


def _joined(*parts: str, gap: str = "") -> str:
    """Return the sentences that have a content, each with one full stop."""
    return gap.join(part for part in parts if part.strip("。.")).replace("。。", "。").replace("..", ".")
