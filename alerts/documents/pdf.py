"""Filled forms as PDF with Chinese text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from fpdf import FPDF
from fpdf.enums import TableHeadingsDisplay, WrapMode
from fpdf.fonts import FontFace

from .fonts import chinese_font
from .forms import Filled, Language

FONT = "chinese"
MARGIN_MM = 12.0
BODY_PT, WIDE_PT, WIDE_COLUMNS = 9.0, 6.0, 12
LINE_MM, WIDE_LINE_MM, EM_MM = 4.6, 3.2, 25.4 / 72
ROW_MM = 70.0
"""Height of the longest row before it continues in another one; words that wrap early need up to twice as much."""
COLUMN_TEXT_MAX = 24
"""Characters of a column that count for its width."""


class Sheet(FPDF):
    """A document with page numbers and a Chinese font. footing: text of the lower edge."""

    def __init__(self, *, landscape: bool = False, footing: str = "") -> None:
        super().__init__(orientation="landscape" if landscape else "portrait", format="A4")
        self._footing = footing
        self.add_font(FONT, fname=chinese_font())
        self.set_font(FONT, size=BODY_PT)
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=MARGIN_MM)

    @staticmethod
    def wrapping(language: Language) -> WrapMode:
        """Return the wrap mode of a language: Chinese wraps between any two characters."""
        return WrapMode.CHAR if language == "zh" else WrapMode.WORD

    def footer(self) -> None:
        """Write the number of the page."""
        self.set_y(-MARGIN_MM + 2)
        self.set_font(FONT, size=7)
        self.cell(0, 5, f"{self._footing}  {self.page_no()} / {{nb}}", align="C")


def as_pdf(filled: Filled) -> bytes:
    """Return the form in landscape format: title, school and date, headings on each page, rows, signatures."""
    sheet = Sheet(landscape=True, footing=filled.title)
    sheet.set_title(filled.title)
    sheet.add_page()
    sheet.set_font(FONT, size=16)
    sheet.cell(0, 9, filled.title, align="C", new_x="LMARGIN", new_y="NEXT")
    sheet.set_font(FONT, size=BODY_PT)
    sheet.cell(0, 6, filled.subtitle, new_x="LMARGIN", new_y="NEXT")
    wide = len(filled.form.columns) >= WIDE_COLUMNS
    sheet.set_font(FONT, size=WIDE_PT if wide else BODY_PT)
    heads, *rows = filled.table()
    grouped = any(column.group for column in filled.form.columns)
    height = WIDE_LINE_MM if wide else LINE_MM
    widths = _widths([heads, *rows])
    lengths = [int(sheet.epw * width / sum(widths) / (sheet.font_size_pt * EM_MM)) for width in widths]
    with sheet.table(
        col_widths=widths,
        headings_style=FontFace(fill_color=(230, 234, 238)),
        repeat_headings=TableHeadingsDisplay.ON_TOP_OF_EVERY_PAGE,
        num_heading_rows=2 if grouped else 1,
        line_height=height,
        padding=0.6,
        text_align="LEFT",
        wrapmode=sheet.wrapping(filled.language),
    ) as table:
        if grouped:
            line = table.row()
            for group, number in filled.groups():
                line.cell(group, colspan=number, align="C")
        for row in [heads, *rows]:
            for part in _parts(row, lengths, int(ROW_MM / height)):
                line = table.row()
                for text in part:
                    line.cell(text)
    if filled.signatures:
        sheet.ln(8)
        sheet.set_font(FONT, size=BODY_PT)
        for signature in filled.signatures:
            sheet.cell(sheet.epw / len(filled.signatures), 8, signature)
    return bytes(sheet.output())


def _parts(row: list[str], lengths: list[int], lines: int) -> Iterator[list[str]]:
    """Yield a row as rows of at most this number of lines; one that is higher than a page cannot be printed.

    lengths: characters of a line, by column.
    """
    cells = [_pieces(text, max(1, length), lines) for text, length in zip(row, lengths, strict=True)]
    yield from (list(part) for part in zip_longest(*cells, fillvalue=""))


def _pieces(text: str, length: int, lines: int) -> list[str]:
    found, begin, used, column = list[str](), 0, 1, 0
    for at, sign in enumerate(text):
        column += 1
        if sign == "\n" or column > length:
            used, column = used + 1, int(sign != "\n")
        if used > lines:
            found.append(text[begin:at])
            begin, used = at, 1
    return [*found, text[begin:]]


def _widths(table: list[list[str]]) -> tuple[int, ...]:
    """Return relative widths of the columns by the lengths of their texts."""
    longest = (max(min(len(cell), COLUMN_TEXT_MAX) for cell in column) for column in zip(*table, strict=True))
    return tuple(max(4, length) for length in longest)
