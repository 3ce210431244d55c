"""Pictures for the tests of plans."""

from __future__ import annotations

import io

from PIL import Image


def picture(width: int = 40, height: int = 30, *, form: str = "PNG", comment: str = "") -> bytes:
    """Return the bytes of a picture; comment: text in its metadata."""
    output, exif = io.BytesIO(), Image.Exif()
    if comment:
        exif[0x9286] = comment
    Image.new("RGB", (width, height), (200, 210, 220)).save(output, form, exif=exif)
    return output.getvalue()
