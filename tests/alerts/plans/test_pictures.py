"""Uploaded pictures: formats, bounds, and the stored parts of a file."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from alerts import Invalid
from alerts.plans.pictures import PIXELS_MAX, SIDE_MAX, redrawn

from .drawn import picture

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_drawn_anew_without_its_metadata(form: str) -> None:
    """The stored file is WebP of the same shape; a comment of the upload is not in it, its digest is stable."""
    given = picture(form=form, comment="taken by Li")
    made = redrawn(given)
    assert b"taken by Li" in given
    assert b"taken by Li" not in made.content
    with Image.open(io.BytesIO(made.content)) as image:
        assert (image.format, image.size) == ("WEBP", (made.width, made.height)) == ("WEBP", (40, 30))
    assert redrawn(given).digest == made.digest


def test_a_large_picture_shrinks_and_keeps_its_proportion() -> None:
    """The longest side is bounded."""
    made = redrawn(picture(SIDE_MAX * 2, SIDE_MAX // 2, form="JPEG"))
    assert (made.width, made.height) == (SIDE_MAX, SIDE_MAX // 4)


@pytest.mark.parametrize(
    "content",
    [b"", b"%PDF-1.7", SVG, b"GIF89a" + bytes(30), picture()[:60], b"\x89PNG\r\n\x1a\n" + bytes(50)],
    ids=["empty", "pdf", "svg with a script", "gif", "cut off", "broken"],
)
def test_anything_else_is_refused_with_the_reason_in_both_languages(content: bytes) -> None:
    """Scripts never reach the console: only three formats of pixels are read."""
    with pytest.raises(Invalid, match="PNG, JPEG or WebP") as refused:
        redrawn(content)
    assert "PNG" in refused.value.zh["picture"]


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    """A small file can declare a gigantic picture."""
    output = io.BytesIO()
    Image.new("1", (12_000, PIXELS_MAX // 12_000 + 1)).save(output, "PNG")
    assert len(output.getvalue()) < 100_000
    with pytest.raises(Invalid, match="60,000,000 pixels, given 12000 x 5001"):
        redrawn(output.getvalue())
