"""Risk cards (风险告知卡): one page for each risk point, with signs, persons, QR and version."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import segno

from alerts.register.records import Entry
from alerts.risk.content import POINT_KINDS, Content
from alerts.risk.grading import Grade

from .pdf import FONT, MARGIN_MM, Sheet
from .register_forms import Subject
from .signs import draw, signs_of

COLOURS = {
    Grade.RED: (200, 16, 46),
    Grade.ORANGE: (240, 125, 0),
    Grade.YELLOW: (255, 209, 0),
    Grade.BLUE: (0, 92, 169),
}
TITLES = {
    Grade.RED: ("重大风险安全告知卡", "Risk card: major risk"),
    Grade.ORANGE: ("较大风险安全告知卡", "Risk card: larger risk"),
    Grade.YELLOW: ("一般风险安全告知卡", "Risk card: general risk"),
    Grade.BLUE: ("低风险安全告知卡", "Risk card: low risk"),
}
LABELS = {
    "unit": ("单位名称", "Unit"),
    "place": ("场所/环节/部位", "Place"),
    "name": ("风险点名称", "Risk point"),
    "kind": ("风险类型", "Type of risk"),
    "accidents": ("可能造成的事故类型", "Possible accidents"),
    "sources": ("主要危险因素", "Hazard sources"),
    "measures": ("具体管控措施", "Control measures"),
    "emergency": ("应急处置措施", "Emergency response"),
    "department": ("责任部门", "Responsible department"),
    "person": ("责任人", "Person in charge"),
    "phone": ("联系电话", "Phone"),
}
LABEL_MM, LINE_MM, SIGN_MM, QR_MM = 38.0, 6.0, 26.0, 34.0
YELLOW_TEXT, WHITE_TEXT = (0, 0, 0), (255, 255, 255)


def cards(entries: Sequence[Entry], subject: Subject, address: Callable[[Entry], str]) -> bytes:
    """Return the cards of approved risk points as one PDF. address: text of the QR code."""
    sheet = Sheet(footing=subject.school())
    sheet.set_title(("风险告知卡", "Risk cards")[subject.language == "en"])
    for entry in entries:
        if entry.approved is not None and entry.live is not None:
            _card(sheet, entry, entry.approved, subject)
            _signs(sheet, entry.approved, subject)
            _code(sheet, entry, subject, address(entry))
    return bytes(sheet.output())


def _card(sheet: Sheet, entry: Entry, content: Content, subject: Subject) -> None:
    english, grade = subject.language == "en", entry.live or Grade.BLUE
    sheet.add_page()
    sheet.set_fill_color(*COLOURS[grade])
    sheet.set_text_color(*(YELLOW_TEXT if grade is Grade.YELLOW else WHITE_TEXT))
    sheet.set_font(FONT, size=24)
    sheet.cell(0, 18, TITLES[grade][english], align="C", fill=True, new_x="LMARGIN", new_y="NEXT")
    sheet.set_text_color(0, 0, 0)
    sheet.set_fill_color(255, 255, 255)
    values = {
        "unit": subject.school(),
        "place": subject.zone(entry.zone),
        "name": f"{subject.text(content.name)}（{entry.id}）",
        "kind": POINT_KINDS[content.kind][english],
        "accidents": subject.accidents(content),
        "sources": "\n".join(part for part in (subject.sources(content), subject.events(content)) if part),
        "measures": subject.measures(content),
        "emergency": subject.text(content.emergency),
        "department": subject.post(content.post),
        "person": subject.persons(content.post),
        "phone": content.phone,
    }
    sheet.set_font(FONT, size=11)
    with sheet.table(
        col_widths=(LABEL_MM, sheet.epw - LABEL_MM), first_row_as_headings=False, line_height=LINE_MM, padding=1.2,
        text_align=("CENTER", "LEFT"), wrapmode=sheet.wrapping(subject.language),
    ) as table:  # fmt: skip
        for name, text in values.items():
            row = table.row()
            row.cell(LABELS[name][english])
            row.cell(text)


def _signs(sheet: Sheet, content: Content, subject: Subject) -> None:
    found = signs_of(content.all_accidents)
    top = max(sheet.get_y() + 4, sheet.h - MARGIN_MM - QR_MM - 14)
    if top + SIGN_MM > sheet.h - MARGIN_MM:
        sheet.add_page()
        top = sheet.get_y() + 4
    step = (sheet.epw - QR_MM - 6) / max(5, len(found))
    side = min(SIGN_MM, step - 2)
    sheet.set_y(top)
    for number, sign in enumerate(found):
        x = MARGIN_MM + number * step
        draw(sheet, sign, x, top, side)
        sheet.set_xy(x - 2, top + side + 1)
        sheet.set_font(FONT, size=7)
        sheet.multi_cell(side + 4, 3.5, subject.text(sign.text), align="C")
    sheet.set_y(top)


def _code(sheet: Sheet, entry: Entry, subject: Subject, address: str) -> None:
    image = io.BytesIO()
    segno.make(address, error="m").save(image, kind="png", scale=6, border=2)
    top, left = sheet.get_y(), sheet.w - MARGIN_MM - QR_MM
    sheet.image(image, left, top, QR_MM, QR_MM)
    sheet.set_xy(left - 8, top + QR_MM)
    sheet.set_font(FONT, size=7)
    words = (f"第 {entry.approved_version} 版  {subject.day}", f"version {entry.approved_version}  {subject.day}")
    sheet.cell(QR_MM + 8, 4, words[subject.language == "en"], align="R")
