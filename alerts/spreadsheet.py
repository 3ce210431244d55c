"""Lists as XLSX or CSV files: cells as texts, read and written; no cell runs as a formula."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from .errors import Invalid

Format = Literal["xlsx", "csv"]
BYTES_MAX = 20_000_000
CELL_VALUE_MAX = 5_000.0
ESCAPED = ("=", "+", "-", "@", "\t", "\r", "'")
"""First characters of a cell before which the export puts an apostrophe."""
UNREADABLE = (zipfile.BadZipFile, zlib.error, SyntaxError, LookupError, ValueError, OSError, EOFError, RuntimeError)
"""Errors of a file that is no workbook: damaged, encrypted, with other XML."""
BLANKS = " \t\r"
"""Signs around a cell that do not count; a line break separates items of one cell."""


def read_lines(content: bytes, *, form: Format, rows_max: int, columns_max: int) -> Iterator[list[str]]:
    """Yield the cells of each line of a file. Raises Invalid for a file of another kind or size.

    rows_max, columns_max: bounds of a workbook; what lies beyond is not read.
    """
    return _xlsx_lines(content, rows_max, columns_max) if form == "xlsx" else _csv_lines(content)


def write_lines(rows: Sequence[Sequence[str]], *, form: Format, title: str, numeric: Collection[int] = ()) -> bytes:
    """Return a file with these lines; the first one has the headings. numeric: columns of numbers, from 0."""
    if form == "csv":
        text = io.StringIO()
        csv.writer(text).writerows([inert(cell) for cell in row] for row in rows)
        return b"\xef\xbb\xbf" + text.getvalue().encode()
    return _workbook(rows, title, numeric)


def inert(text: str) -> str:
    """Return a cell of a CSV that a spreadsheet program does not run as a formula."""
    return f"'{text}" if text.startswith(ESCAPED) else text


def shown(value: Any) -> str:
    """Return the text of a cell."""
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def cell_number(text: str) -> float | None:
    """Return the number of a cell, None for another text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < CELL_VALUE_MAX else None


def _csv_lines(content: bytes) -> Iterator[list[str]]:
    text = None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text is None:
        raise Invalid(
            {"content": "not a CSV in UTF-8 or GB 18030"}, zh={"content": "不是 UTF-8 或 GB 18030 编码的 CSV"}
        )
    try:
        for row in csv.reader(io.StringIO(text, newline="")):
            yield [_plain(cell.strip(BLANKS)) for cell in row]
    except csv.Error as error:
        raise Invalid({"content": f"not a CSV: {error}"}, zh={"content": "不是有效的 CSV"}) from error


def _plain(cell: str) -> str:
    """Return a cell without the apostrophe of the export."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(ESCAPED) else cell


def _xlsx_lines(content: bytes, rows_max: int, columns_max: int) -> Iterator[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > BYTES_MAX:
                raise Invalid({"content": f"at most {BYTES_MAX} bytes unpacked"}, zh={"content": "解压后的文件过大"})
        sheet = load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0]
        rows = [
            [shown(cell).strip(BLANKS) for cell in row]
            for row in sheet.iter_rows(max_row=rows_max, max_col=columns_max, values_only=True)
        ]
    except UNREADABLE as error:
        raise Invalid({"content": "not an XLSX workbook"}, zh={"content": "不是 XLSX 工作簿"}) from error
    yield from rows


def _workbook(rows: Sequence[Sequence[str]], title: str, numeric: Collection[int]) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = title
    for line, row in enumerate(rows, 1):
        for column, text in enumerate(row, 1):
            cell = sheet.cell(line, column)
            value = cell_number(text) if line > 1 and text and column - 1 in numeric else None
            if value is not None:
                cell.value = value
            elif text:
                cell.value, cell.data_type = text, "s"  # a text that begins with = is no formula
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if line == 1:
                cell.font = Font(bold=True)
    for column in range(1, len(rows[0]) + 1):
        sheet.column_dimensions[get_column_letter(column)].width = 18
    sheet.freeze_panes = "B2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
