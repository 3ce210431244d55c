"""Pictures of floors: read within bounds of pixels, then re-encoded."""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from dataclasses import dataclass

from alerts.errors import Invalid

MEDIA_TYPE = "image/webp"
FORMATS = ("PNG", "JPEG", "WEBP")
PIXELS_MAX = 60_000_000
"""A plan of an A0 sheet at 150 dpi has 35 million pixels."""
SIDE_MAX = 4_096
"""Longest side of the stored picture; a larger texture fails on old school PCs."""
PICTURES_MAX = 60
QUALITY = 85


_one = threading.Lock()
"""Held while a picture is in memory, up to 0.5 GB: several at once could end the service."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored picture, WebP. digest: SHA-256 of the content."""

    digest: str
    width: int
    height: int
    content: bytes


def redrawn(content: bytes) -> Picture:
    """Return the picture of an uploaded file. Raises Invalid for anything but a PNG, JPEG or WebP of bounded size.

    One at a time; other threads wait.
    """
    with _one:
        return _redrawn(content)


def _redrawn(content: bytes) -> Picture:
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415 - a start without an upload does not pay

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
            if image.width * image.height > PIXELS_MAX:
                raise _refused(
                    f"at most {PIXELS_MAX:,} pixels, given {image.width} x {image.height}",
                    f"最多 {PIXELS_MAX // 10_000} 万像素，实际 {image.width} × {image.height}",
                )
            image.draft("RGB", (SIDE_MAX, SIDE_MAX))
            image = ImageOps.exif_transpose(image).convert("RGB" if image.mode in {"RGB", "L", "CMYK"} else "RGBA")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise _refused(
            "a complete PNG, JPEG or WebP picture; SVG and PDF may hold scripts: export them as PNG",
            "需要完整的 PNG、JPEG 或 WebP 图片；SVG、PDF 可能含脚本，请导出为 PNG",
        ) from error
    image.thumbnail((SIDE_MAX, SIDE_MAX))
    output = io.BytesIO()
    image.save(output, "WEBP", quality=QUALITY, method=2)
    data = output.getvalue()
    return Picture(hashlib.sha256(data).hexdigest(), image.width, image.height, data)


def _refused(en: str, zh: str) -> Invalid:
    return Invalid({"picture": en}, zh={"picture": zh})
