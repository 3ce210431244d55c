"""Official documents: headings as printed, Chinese text in PDF, cards, statistics."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from alerts import GuardFailed, Site
from alerts.documents.cards import cards
from alerts.documents.fonts import FONTS, chinese_font
from alerts.documents.forms import Filled, forms
from alerts.documents.pdf import as_pdf
from alerts.documents.register_forms import ROWS, Subject, register_form
from alerts.documents.sheets import as_csv, as_xlsx
from alerts.documents.signs import signs, signs_of
from alerts.register.records import Entry
from alerts.register.templates import post_names, templates
from alerts.risk.accidents import accident_types
from alerts.supervision.statistics import rate

HEADINGS = Path(__file__).with_name("headings.csv").read_text(encoding="utf-8")
GOLDEN = {line.partition(",")[0]: line.partition(",")[2] for line in HEADINGS.splitlines()}
"""Form -> headings as the sources print them."""


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    """Return the risk points of the kindergarten template as approved."""
    found = []
    for number, (point, content) in enumerate(templates()["kindergarten"].points.items(), 1):
        assert content.inherent is not None
        inherent, existing = content.inherent.assessment().grade, content.existing.assessment().grade
        row = ("s", point, content.zone, number, "approved", content, content, inherent, existing, inherent, 2, 2)
        found.append(Entry(*row, "officer", 1, "officer", 1))
    return found


def subject(language: Any = "zh") -> Subject:
    """Return a school with a person at each post."""
    zones = {zone.id: zone.name for zone in templates()["kindergarten"].zones}
    posts = {post: (name, ["王芳"]) for post, name in post_names().items()}
    return Subject(Site("s", "第一幼儿园", "First Kindergarten"), "2026-11-30", zones, posts, language)


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_headings_equal_the_official_form(name: str) -> None:
    """Character for character, in order."""
    assert ",".join(column.zh for column in forms()[name].columns) == GOLDEN[name]
    assert all(column.en for column in forms()[name].columns)


def test_groups_stand_above_their_columns() -> None:
    """The statistics have two levels of headings."""
    form = forms()["quarter_statistics"]
    assert [column.group for column in form.columns] == [""] * 2 + ["一般隐患"] * 3 + ["重大隐患"] * 10


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_register_form_has_a_row_for_each_point_in_all_formats(name: str, entries: list[Entry]) -> None:
    """XLSX and CSV hold the same cells below the same headings; every cell is in the language of the form."""
    filled = register_form(name, entries, subject())
    shown = [one for one in entries if one.live is not None and (name != "notice_board" or one.live <= 2)]
    assert len(filled.rows) == len(shown)
    table = list(csv.reader(io.StringIO(as_csv(filled).decode("utf-8-sig"))))
    assert table == filled.table()
    sheet = load_workbook(io.BytesIO(as_xlsx(filled))).worksheets[0]
    begin = 4 if any(column.group for column in filled.form.columns) else 3
    rows = [[cell or "" for cell in row] for row in sheet.iter_rows(min_row=begin, values_only=True)]
    assert rows[: len(table)] == table
    assert sheet["A1"].value == filled.title
    english = register_form(name, entries[:1], subject("en")).table()
    assert not any("\u4e00" <= sign <= "\u9fff" for cell in english[0] for sign in cell)


def test_a_pdf_has_the_chinese_text_and_the_headings_on_each_page(entries: list[Entry]) -> None:
    """An independent reader finds them."""
    pages = PdfReader(io.BytesIO(as_pdf(register_form("control_list", entries[:30], subject())))).pages
    assert len(pages) >= 2
    assert all("管控负责人" in "".join(page.extract_text().split()) for page in pages)
    assert "安全风险分级管控清单" in pages[0].extract_text()


def test_a_card_has_the_fields_of_the_form_its_grade_and_its_version(entries: list[Entry]) -> None:
    """One page for each point: title of the grade, labels, person, version, and a QR image."""
    pages = PdfReader(io.BytesIO(cards(entries[:3], subject(), lambda one: f"https://school/{one.id}"))).pages
    assert len(pages) == 3
    text = pages[0].extract_text()
    title = {1: "重大", 2: "较大", 3: "一般", 4: "低"}[int(entries[0].live or 4)]
    labels = (
        "单位名称",
        "场所/环节/部位",
        "风险点名称",
        "可能造成的事故类型",
        "具体管控措施",
        "责任部门",
        "王芳",
        "第 2 版",
    )
    assert all(word in text for word in (f"{title}风险安全告知卡", *labels))
    assert len(pages[0].images) == 1


def test_every_accident_type_has_signs() -> None:
    """The signs exist; a card orders them by class with at most two of each."""
    assert {name for kind in accident_types().values() for name in kind.signs} == set(signs())
    found = [sign.kind for sign in signs_of(accident_types())]
    assert found == [kind for kind in ("warning", "prohibition", "instruction", "notice") for _ in range(2)]


def test_a_machine_without_a_chinese_font_names_the_package() -> None:
    """The error states the remedy in both languages."""
    assert chinese_font(FONTS).exists()
    with pytest.raises(GuardFailed, match="fonts-wqy-microhei"):
        chinese_font(("/nowhere/font.ttc",))


def test_rates_are_empty_for_none_of_none() -> None:
    """Two decimals, as the form prints them."""
    assert (rate(0, 0), rate(1, 3), rate(3, 3)) == ("", "33.33", "100.00")


@pytest.mark.parametrize("text", ["字" * 2_000, "escape route " * 150, "字\n" * 600, "\x0bdoor\x01", "=1+1"])
def test_the_text_of_a_stranger_stops_no_form(text: str) -> None:
    """A text longer than a page goes on in another row; control characters and formulas go."""
    form = forms()["ledger"]
    filled = Filled(form, "en", "=school", [dict.fromkeys((column.field for column in form.columns), text)])
    shown = "".join("".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(as_pdf(filled))).pages)
    for sign in {*text} - {"\n", " ", "\x0b", "\x01"}:
        assert shown.count(sign) >= text.count(sign) * len(form.columns)
    sheet = load_workbook(io.BytesIO(as_xlsx(filled))).worksheets[0]
    assert "f" not in {cell.data_type for row in sheet.iter_rows() for cell in row}
    cells = [cell for row in csv.reader(io.StringIO(as_csv(filled).decode("utf-8-sig"))) for cell in row]
    assert not any(cell.startswith(("=", "\x0b")) for cell in cells)
