"""Training records as a list in XLSX or CSV: one row for each record, read and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alerts.errors import Invalid
from alerts.rosters.model import Roster
from alerts.spreadsheet import Format, read_lines, write_lines

from .records import Course, Record
from .validation import NewRecord

COLUMNS: Mapping[str, tuple[str, str]] = {
    "course": ("课程编号", "Course id"),
    "course_name": ("课程", "Course"),
    "post": ("岗位编号", "Post id"),
    "person": ("人员编号", "Person id"),
    "person_name": ("姓名", "Name"),
    "held_on": ("培训日期", "Held on"),
    "valid_until": ("有效期至", "Valid until"),
    "evidence": ("证明材料", "Evidence"),
}
"""Field -> Chinese and English heading of its column. An import does not read the names."""
NEEDED = ("course", "person", "held_on")
ROWS_MAX = 5_000


def write_list(
    records: Iterable[Record], courses: Iterable[Course], roster: Roster | None, *, form: Format, language: str
) -> bytes:
    """Return records as a file that `read_list` reads back. language: zh or en of headings and names."""
    names = {one.id: one.name[language] for one in courses}
    persons = {} if roster is None else {name: one.name[language] for name, one in roster.persons.items()}
    rows = [[pair[language == "en"] for pair in COLUMNS.values()]]
    for one in records:
        shown = {"course_name": names.get(one.course, ""), "person_name": persons.get(one.person, "")}
        rows.append([shown[name] if name in shown else str(getattr(one, name)) for name in COLUMNS])
    return write_lines(rows, form=form, title="培训记录")


def read_list(content: bytes, *, form: Format) -> dict[str, NewRecord]:
    """Return the records of a list by row. Raises Invalid for a file without the headings or with too many rows."""
    lines = read_lines(content, form=form, rows_max=ROWS_MAX + 2, columns_max=2 * len(COLUMNS))
    head = next(lines, [])
    headings = {text: name for name, pair in COLUMNS.items() for text in (name, *pair)}
    columns = [headings.get(cell) for cell in head]
    unknown = [cell for cell in head if cell and cell not in headings]
    missing = [COLUMNS[name][1] for name in NEEDED if name not in columns]
    if unknown or missing:
        listed = ", ".join(repr(cell[:40]) for cell in unknown[:5]) or f"no column {', '.join(missing)}"
        raise Invalid(
            {"row 1": f"unknown headings: {listed}; export a list to see the allowed ones"},
            zh={"row 1": f"无法识别的表头：{listed}；可先导出清单查看表头"},
        )
    found = {}
    fields = ("course", "person", "held_on", "post", "valid_until", "evidence")
    for number, line in enumerate(lines, 2):
        cells = {name: cell for name, cell in zip(columns, line, strict=False) if name}
        if any(line):
            found[f"row {number}"] = NewRecord(**{name: _day(name, cells.get(name, "")) for name in fields})
    if not 1 <= len(found) <= ROWS_MAX:
        raise Invalid(
            {"content": f"1 to {ROWS_MAX} rows below the headings"}, zh={"content": f"应有 1 至 {ROWS_MAX} 行"}
        )
    return found


def _day(name: str, cell: str) -> str:
    """Return a day without the time that a workbook adds to it; other cells as they are."""
    return cell.removesuffix(" 00:00:00").replace("/", "-") if name in {"held_on", "valid_until"} else cell
