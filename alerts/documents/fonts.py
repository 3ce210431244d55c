"""Chinese font of PDF documents: the setting, or a font of the system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alerts.errors import GuardFailed

FONTS = (
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/simhei.ttf",
    "/System/Library/Fonts/STHeiti Light.ttc",
)
"""Fonts with Chinese glyphs: Debian's fonts-wqy-microhei (Apache 2.0 or GPL 3 with exception), and those of systems."""


def chinese_font(candidates: Sequence[str] = FONTS) -> Path:
    """Return the file of the first present font. Raises GuardFailed without one."""
    for name in candidates:
        if Path(name).is_file():
            return Path(name)
    raise GuardFailed(
        "font",
        "本机没有中文字体，无法生成 PDF；请安装 Debian 软件包 fonts-wqy-microhei，或下载 XLSX",
        "this machine has no Chinese font for PDF; install the Debian package fonts-wqy-microhei, or use XLSX",
    )


def has_chinese_font(candidates: Sequence[str] = FONTS) -> bool:
    """Return whether a font is present."""
    return any(Path(name).is_file() for name in candidates)
