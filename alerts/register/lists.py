"""Risk points as a list in XLSX or CSV: one row for each measure or hazard source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alerts.spreadsheet import Format, shown, write_lines

from .records import Entry, RegisterZone

COLUMNS: Mapping[str, tuple[str, str]] = {
    "id": ("风险点编号", "Point id"),
    "zone": ("区域编号", "Zone id"),
    "zone_name.zh": ("区域", "Zone"),
    "zone_name.en": ("区域（英文）", "Zone (English)"),
    "place": ("位置编号", "Place id"),
    "name.zh": ("风险点名称", "Point"),
    "name.en": ("风险点名称（英文）", "Point (English)"),
    "object.zh": ("对象", "Object"),
    "object.en": ("对象（英文）", "Object (English)"),
    "unit.zh": ("单元", "Unit"),
    "unit.en": ("单元（英文）", "Unit (English)"),
    "kind": ("类别", "Kind"),
    "hazard": ("关联险情", "Hazard kind"),
    "source.name.zh": ("危险源", "Hazard source"),
    "source.name.en": ("危险源（英文）", "Hazard source (English)"),
    "source.event.zh": ("风险事件", "Risk event"),
    "source.event.en": ("风险事件（英文）", "Risk event (English)"),
    "source.accidents": ("事故类型", "Accident types"),
    "inherent.method": ("固有风险方法", "Inherent: method"),
    "inherent.likelihood": ("固有可能性", "Inherent: likelihood"),
    "inherent.exposure": ("固有暴露频次", "Inherent: exposure"),
    "inherent.severity": ("固有严重性", "Inherent: severity"),
    "existing.method": ("现实风险方法", "Existing: method"),
    "existing.likelihood": ("现实可能性", "Existing: likelihood"),
    "existing.exposure": ("现实暴露频次", "Existing: exposure"),
    "existing.severity": ("现实严重性", "Existing: severity"),
    "measure.id": ("措施编号", "Measure id"),
    "measure.kind": ("措施类别", "Measure kind"),
    "measure.text.zh": ("管控措施", "Measure"),
    "measure.text.en": ("管控措施（英文）", "Measure (English)"),
    "measure.post": ("责任岗位", "Post"),
    "measure.cycle_days": ("检查周期（天）", "Check cycle (days)"),
    "measure.items.zh": ("检查项", "Check items"),
    "measure.items.en": ("检查项（英文）", "Check items (English)"),
    "measure.sensor": ("验证传感器", "Sensor"),
    "emergency.zh": ("应急处置", "Emergency response"),
    "emergency.en": ("应急处置（英文）", "Emergency response (English)"),
    "level": ("管控层级", "Control level"),
    "post": ("负责岗位", "Responsible post"),
    "deputy": ("副岗", "Deputy post"),
    "phone": ("联系电话", "Phone"),
}
"""Field -> Chinese and English heading of its column."""
NUMBERS = frozenset(name for name in COLUMNS if name.rsplit(".", 1)[-1] in {"likelihood", "exposure", "severity"})
ITEM_SEPARATOR = "\n"
Row = dict[str, str]


def write_list(entries: Iterable[Entry], zones: Iterable[RegisterZone], *, form: Format, language: str) -> bytes:
    """Return the newest edits of risk points as a file; `list_reader` reads it back.

    language: zh or en of the headings.
    """
    names = {zone.id: zone.name for zone in zones}
    heads = [pair[language == "en"] for pair in COLUMNS.values()]
    rows = [heads, *([row.get(name, "") for name in COLUMNS] for entry in entries for row in _rows(entry, names))]
    numeric = [number for number, name in enumerate(COLUMNS) if name in NUMBERS]
    return write_lines(rows, form=form, title="风险点", numeric=numeric)


def _rows(entry: Entry, zones: Mapping[str, Mapping[str, str]]) -> Iterator[Row]:
    """Yield the rows of a risk point: the first has its fields, each has a measure, a source or both."""
    content = entry.content.plain()
    name = zones.get(entry.zone, {})
    first = {"id": entry.id, "zone_name.zh": name.get("zh", ""), "zone_name.en": name.get("en", "")}
    for field in COLUMNS:
        top, _, rest = field.partition(".")
        if top in content and top not in {"sources", "measures"}:
            value = content[top]
            first[field] = shown(value if not rest else (value or {}).get(rest))
    for number in range(max(1, len(content["sources"]), len(content["measures"]))):
        row = first if number == 0 else {"id": entry.id}
        if number < len(content["sources"]):
            source = content["sources"][number]
            row |= {f"source.{part}.{key}": source[part][key] for part in ("name", "event") for key in ("zh", "en")}
            row["source.accidents"] = ";".join(source["accidents"])
        if number < len(content["measures"]):
            row |= _measure_cells(content["measures"][number])
        yield row


def _measure_cells(measure: Mapping[str, Any]) -> Row:
    cells = {f"measure.{key}": shown(measure[key]) for key in ("id", "kind", "post", "cycle_days", "sensor")}
    cells |= {f"measure.text.{key}": measure["text"][key] for key in ("zh", "en")}
    return cells | {
        f"measure.items.{key}": ITEM_SEPARATOR.join(item[key] for item in measure["items"]) for key in ("zh", "en")
    }
