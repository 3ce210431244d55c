"""Safety signs of risk cards: shapes and colours of GB 2894 with simplified pictograms."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fpdf import FPDF

from alerts.risk.accidents import accident_types

CLASSES = ("warning", "prohibition", "instruction", "notice")
"""Classes in the order of a card."""
OF_CLASS_MAX = 2
"""Signs of one class on a card."""
YELLOW, RED, BLUE, GREEN, BLACK, WHITE = (
    (255, 209, 0), (200, 16, 46), (0, 92, 169), (0, 132, 61), (0, 0, 0), (255, 255, 255)
)  # fmt: skip
ICONS: Mapping[str, Sequence[tuple[float, float]]] = {
    "bolt": ((0.55, 0.0), (0.25, 0.55), (0.48, 0.55), (0.38, 1.0), (0.75, 0.4), (0.52, 0.4), (0.68, 0.0)),
    "flame": ((0.5, 0.0), (0.62, 0.3), (0.8, 0.45), (0.82, 0.75), (0.6, 1.0), (0.36, 1.0), (0.18, 0.75), (0.3, 0.45),
              (0.4, 0.55)),
    "wave": ((0.0, 0.45), (0.2, 0.3), (0.4, 0.45), (0.6, 0.3), (0.8, 0.45), (1.0, 0.3), (1.0, 0.8), (0.8, 0.95),
             (0.6, 0.8), (0.4, 0.95), (0.2, 0.8), (0.0, 0.95)),
    "arrow": ((0.0, 0.38), (0.55, 0.38), (0.55, 0.15), (1.0, 0.5), (0.55, 0.85), (0.55, 0.62), (0.0, 0.62)),
}  # fmt: skip
"""Outlines in a box of side 1, y downward."""
TRIANGLE = ((0.5, 0.06), (0.97, 0.92), (0.03, 0.92))
MARK = ((0.38, 0.0), (0.62, 0.0), (0.56, 0.66), (0.44, 0.66))


@dataclass(frozen=True, slots=True)
class Sign:
    """One safety sign. kind: one of CLASSES; icon: key of ICONS, "mark" for an exclamation mark."""

    name: str
    kind: str
    text: Mapping[str, str]
    icon: str


@cache
def signs() -> Mapping[str, Sign]:
    """Return the signs by name, from `signs.toml`."""
    table = tomllib.loads(resources.files(__package__).joinpath("signs.toml").read_text(encoding="utf-8"))
    return {
        name: Sign(name, row["class"], {"zh": row["zh"], "en": row["en"]}, row["icon"]) for name, row in table.items()
    }


def signs_of(accidents: Iterable[str]) -> list[Sign]:
    """Return the signs of accident types: warnings first, at most two of each class."""
    names = dict.fromkeys(name for code in accidents for name in accident_types()[code].signs)
    found: list[Sign] = []
    for kind in CLASSES:
        found += [signs()[name] for name in names if signs()[name].kind == kind][:OF_CLASS_MAX]
    return found


def draw(sheet: FPDF, sign: Sign, x: float, y: float, side: float) -> None:
    """Draw a sign in a square of this side in mm."""
    middle = x + side / 2, y + side / 2
    sheet.set_line_width(side * 0.06)
    if sign.kind == "warning":
        sheet.set_draw_color(*BLACK)
        sheet.set_fill_color(*YELLOW)
        corners = _scaled(TRIANGLE, x, y, side)
        sheet.polygon(corners, style="DF")
        _icon(sheet, sign.icon, (x + side * 0.34, y + side * 0.38, side * 0.32), BLACK)
    elif sign.kind == "prohibition":
        sheet.set_fill_color(*WHITE)
        sheet.set_draw_color(*RED)
        sheet.circle(*middle, side * 0.46, style="DF")
        _icon(sheet, sign.icon, (x + side * 0.28, y + side * 0.28, side * 0.44), BLACK)
        sheet.set_draw_color(*RED)
        offset = side * 0.32
        sheet.line(middle[0] - offset, middle[1] - offset, middle[0] + offset, middle[1] + offset)
    elif sign.kind == "instruction":
        sheet.set_fill_color(*BLUE)
        sheet.circle(*middle, side * 0.47, style="F")
        _icon(sheet, sign.icon, (x + side * 0.27, y + side * 0.27, side * 0.46), WHITE)
    else:
        sheet.set_fill_color(*GREEN)
        sheet.rect(x + side * 0.03, y + side * 0.03, side * 0.94, side * 0.94, style="F")
        _icon(sheet, sign.icon, (x + side * 0.2, y + side * 0.2, side * 0.6), WHITE)
    sheet.set_line_width(0.2)
    sheet.set_draw_color(*BLACK)


def _icon(sheet: FPDF, icon: str, box: tuple[float, float, float], colour: tuple[int, int, int]) -> None:
    """Fill the pictogram in a box: left, top and side in mm."""
    sheet.set_fill_color(*colour)
    x, y, side = box
    if icon in ICONS:
        sheet.polygon(_scaled(ICONS[icon], x, y, side), style="F")
    elif icon == "mark":
        sheet.polygon(_scaled(MARK, x, y, side), style="F")
        sheet.circle(x + side / 2, y + side * 0.86, side * 0.11, style="F")


def _scaled(outline: Sequence[tuple[float, float]], x: float, y: float, side: float) -> list[tuple[float, float]]:
    return [(x + px * side, y + py * side) for px, py in outline]
