"""Reader of a list of risk points in XLSX or CSV: every wrong cell is reported with row and column."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from alerts.errors import Invalid
from alerts.risk.content import Content, checked
from alerts.spreadsheet import Format, cell_number, read_lines

from .lists import COLUMNS, ITEM_SEPARATOR, Row
from .records import RegisterZone
from .store import ID, POINTS_MAX

ROWS_MAX, COLUMNS_MAX = 20_000, 2 * len(COLUMNS)


def read_list(content: bytes, *, form: Format, zones: Collection[str]) -> tuple[list[RegisterZone], dict[str, Content]]:
    """Return new zones and the risk points of a list. zones: ids that the site has.

    Raises Invalid with row and column of every wrong cell; then nothing is imported.
    """
    wrong: dict[str, tuple[str, str]] = {}
    rows = list(_table(content, form))
    if not rows or len(rows) > ROWS_MAX:
        raise Invalid(
            {"content": f"1 to {ROWS_MAX} rows below the headings"}, zh={"content": f"应有 1 至 {ROWS_MAX} 行"}
        )
    points: dict[str, Content] = {}
    found: dict[str, RegisterZone] = {}
    for group in _groups(rows, wrong):
        number, first = group[0]
        point, zone = first["id"], first.get("zone", "")
        if point in points:
            wrong[f"row {number}, id"] = f"{point!r} is already in the list", f"“{point}”前面已出现"
            continue
        if zone and zone not in zones and zone not in found and ID.fullmatch(zone):
            name = {"zh": first.get("zone_name.zh", ""), "en": first.get("zone_name.en", "")}
            shown = {key: text or name["zh"] or name["en"] or zone for key, text in name.items()}
            found[zone] = RegisterZone("", zone, len(found) + 1, shown, "", 0)
        try:
            points[point] = checked(_content(group, wrong))
        except Invalid as error:
            for at, wanted in error.fields.items():
                wrong[_place(at, group)] = wanted, error.zh[at]
        if zone not in zones and zone not in found:
            wrong[f"row {number}, zone"] = f"{zone!r}: 1 to 64 letters, digits, dots, dashes", "缺少或错误的区域编号"
    if len(points) > POINTS_MAX:
        wrong["content"] = f"at most {POINTS_MAX} risk points", f"最多 {POINTS_MAX} 个风险点"
    if wrong:
        raise Invalid({at: en for at, (en, _) in wrong.items()}, zh={at: zh for at, (_, zh) in wrong.items()})
    return list(found.values()), points


def _groups(rows: Sequence[tuple[int, Row]], wrong: dict[str, tuple[str, str]]) -> Iterator[list[tuple[int, Row]]]:
    """Yield the rows of each risk point; a row of the same id directly below continues it."""
    group: list[tuple[int, Row]] = []
    for number, row in rows:
        point = row.get("id", "")
        if not ID.fullmatch(point):
            wrong[f"row {number}, id"] = f"{point!r}: 1 to 64 letters, digits, dots, dashes", "缺少或错误的风险点编号"
            continue
        if group and group[0][1]["id"] == point and not row.get("name.zh") and not row.get("name.en"):
            group.append((number, row))
            continue
        if group:
            yield group
        group = [(number, row)]
    if group:
        yield group


def _content(group: Sequence[tuple[int, Row]], wrong: dict[str, tuple[str, str]]) -> dict[str, Any]:
    number, first = group[0]
    table: dict[str, Any] = {"sources": [], "measures": []}
    for field in ("zone", "place", "kind", "hazard", "level", "post", "deputy", "phone"):
        if first.get(field):
            table[field] = first[field]
    for field in ("name", "object", "unit", "emergency"):
        table[field] = {key: first.get(f"{field}.{key}", "") for key in ("zh", "en")}
    table.setdefault("zone", "")
    for field in ("inherent", "existing"):
        factors = {key: first.get(f"{field}.{key}", "") for key in ("method", "likelihood", "exposure", "severity")}
        if any(factors.values()):
            table[field] = _factors(field, factors, number, wrong)
    for at, row in group:
        if any(row.get(f"source.{part}.{key}") for part in ("name", "event") for key in ("zh", "en")):
            source: dict[str, Any] = {
                part: {key: row.get(f"source.{part}.{key}", "") for key in ("zh", "en")} for part in ("name", "event")
            }
            source["accidents"] = [code.strip() for code in row.get("source.accidents", "").split(";") if code.strip()]
            table["sources"].append(source)
        if any(text for name, text in row.items() if name.startswith("measure.")):
            table["measures"].append(_measure(at, row, wrong))
    return table


def _factors(field: str, given: Row, number: int, wrong: dict[str, tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {"method": given["method"] or "ls"}
    for key in ("likelihood", "exposure", "severity"):
        if given[key]:
            value = cell_number(given[key])
            if value is None:
                wrong[f"row {number}, {field}.{key}"] = f"{given[key]!r}: a number", f"“{given[key]}”应为数字"
                value = 1.0
            found[key] = value
    return found


def _measure(number: int, row: Row, wrong: dict[str, tuple[str, str]]) -> dict[str, Any]:
    cycle = row.get("measure.cycle_days", "") or "0"
    days = cell_number(cycle)
    if days is None or days != int(days):
        wrong[f"row {number}, measure.cycle_days"] = f"{cycle!r}: a whole number of days", f"“{cycle}”应为整数天数"
        days = 0.0
    items = [row.get(f"measure.items.{key}", "").split(ITEM_SEPARATOR) for key in ("zh", "en")]
    longest = max(len(part) for part in items)
    zh, en = (part + [""] * (longest - len(part)) for part in items)
    found: dict[str, Any] = {key: row.get(f"measure.{key}", "") for key in ("id", "post", "sensor")}
    found |= {"kind": row.get("measure.kind", "") or "management", "cycle_days": int(days)}
    found["text"] = {key: row.get(f"measure.text.{key}", "") for key in ("zh", "en")}
    return found | {"items": [{"zh": a, "en": b} for a, b in zip(zh, en, strict=True) if a or b]}


def _place(field: str, group: Sequence[tuple[int, Row]]) -> str:
    """Return row and column of a wrong field; a measure and a source have rows of their own."""
    top, _, rest = field.partition(".")
    if top in {"sources", "measures"} and rest.partition(".")[0].isdigit():
        index, _, key = rest.partition(".")
        prefix = "source." if top == "sources" else "measure."
        rows = [number for number, row in group if any(text for name, text in row.items() if name.startswith(prefix))]
        return f"row {rows[int(index)]}, {prefix}{key}" if int(index) < len(rows) else f"row {group[0][0]}, {field}"
    return f"row {group[0][0]}, {field}"


def _table(content: bytes, form: Format) -> Iterator[tuple[int, Row]]:
    """Yield number and cells of each row that is not empty. Raises Invalid for a file without the headings."""
    lines = read_lines(content, form=form, rows_max=ROWS_MAX + 1, columns_max=COLUMNS_MAX)
    head = next(lines, [])
    headings = {text: name for name, pair in COLUMNS.items() for text in (name, *pair)}
    unknown = [cell for cell in head if cell and cell not in headings]
    if "id" not in {headings.get(cell) for cell in head} or unknown:
        listed = ", ".join(repr(cell[:40]) for cell in unknown[:5]) or "no column of the point id"
        raise Invalid(
            {"row 1": f"unknown headings: {listed}; export a list to see the allowed ones"},
            zh={"row 1": f"无法识别的表头：{listed}；可先导出清单查看表头"},
        )
    columns = [headings.get(cell) for cell in head]
    for number, line in enumerate(lines, 2):
        if any(line):
            yield number, {name: cell for name, cell in zip(columns, line, strict=False) if name}
