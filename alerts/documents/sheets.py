"""Filled forms as XLSX and CSV."""

from __future__ import annotations

import csv
import io

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties

from alerts.spreadsheet import inert

from .forms import Filled

WIDTH_MIN, WIDTH_MAX = 8, 40
BORDER = Border(*(Side(style="thin"),) * 4)


def as_csv(filled: Filled) -> bytes:
    """Return the headings and rows as CSV in UTF-8 with a byte order mark, which spreadsheet programs need."""
    text = io.StringIO()
    heads, *rows = filled.table()
    csv.writer(text).writerows([heads, *([inert(cell) for cell in row] for row in rows)])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def as_xlsx(filled: Filled) -> bytes:
    """Return the form as a workbook: title, school and date, one or two lines of headings, rows, signatures."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = filled.title[:31]
    columns = len(filled.form.columns)
    heads, *rows = filled.table()
    for line, text in ((1, filled.title), (2, filled.subtitle)):
        cell = sheet.cell(line, 1)
        cell.value, cell.data_type = text, "s"
        sheet.merge_cells(start_row=line, start_column=1, end_row=line, end_column=columns)
    sheet.cell(1, 1).font = Font(bold=True, size=16)
    sheet.cell(1, 1).alignment = Alignment(horizontal="center")
    begin = 3
    if any(column.group for column in filled.form.columns):
        at = 1
        for group, number in filled.groups():
            sheet.cell(begin, at, group)
            if number > 1:
                sheet.merge_cells(start_row=begin, start_column=at, end_row=begin, end_column=at + number - 1)
            at += number
        begin += 1
    for line, row in enumerate([heads, *rows], begin):
        for column, text in enumerate(row, 1):
            cell = sheet.cell(line, column)
            cell.value, cell.data_type = text, "s"  # a text that begins with = is no formula
            cell.alignment, cell.border = Alignment(wrap_text=True, vertical="top"), BORDER
            cell.font = Font(bold=line == begin)
    for column, texts in enumerate(zip(heads, *rows, strict=True), 1):
        longest = max(len(part) for text in texts for part in text.split("\n"))
        width = min(max(2 * longest, WIDTH_MIN), WIDTH_MAX)
        sheet.column_dimensions[get_column_letter(column)].width = width
    if filled.signatures:
        sheet.cell(begin + len(rows) + 2, 1, "    ".join(filled.signatures))
    sheet.freeze_panes = f"A{begin + 1}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
