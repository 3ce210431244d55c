"""Photos: re-encoded without metadata, digests checked, other files refused."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from PIL import Image

from alerts import Invalid
from alerts.dangers.photos import BYTES_MAX, SIDE_MAX, Sent, encoded, prepare


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    """Return an image with a position and an orientation in its EXIF."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "a phone of a person"
    output = io.BytesIO()
    Image.new("RGB", size, "red").save(output, kind, exif=exif)
    return output.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_image_loses_its_metadata_and_stays_upright(kind: str) -> None:
    """The result is a JPEG of bounded size."""
    content = encoded(picture(kind, (4_000, 100)))
    assert b"a phone" not in content
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "JPEG"
        assert image.height == SIDE_MAX
        assert not image.getexif()


@pytest.mark.parametrize("content", [
    b"", b"GIF89a", b"<svg/>", picture()[:200], b"%PDF-1.7", picture() + bytes(BYTES_MAX),
], ids=["empty", "gif", "svg", "cut", "pdf", "large"])  # fmt: skip
def test_another_file_is_refused(content: bytes) -> None:
    """Nothing but a complete image of a known type."""
    with pytest.raises(Invalid) as caught:
        encoded(content)
    assert set(caught.value.fields) == {"photo"}


def test_a_huge_image_is_refused_before_it_is_decoded() -> None:
    """A small file may state a huge image."""
    for size in ((12_000, 12_000), (7_000, 6_000)):
        output = io.BytesIO()
        Image.new("1", size).save(output, "PNG")
        with pytest.raises(Invalid, match=r"pixels|complete"):
            encoded(output.getvalue())


@pytest.mark.parametrize("mode", ["1", "P", "I;16", "LA", "RGBA"])
def test_each_mode_of_an_image_is_encoded(mode: str) -> None:
    """Screenshots and scans have other modes than photos."""
    output = io.BytesIO()
    Image.new(mode, (3_000, 40)).save(output, "PNG")
    with Image.open(io.BytesIO(encoded(output.getvalue()))) as image:
        assert (image.mode, image.width) == ("RGB", SIDE_MAX)


def test_a_photo_that_differs_from_its_digest_is_refused() -> None:
    """A changed byte, another digest, or a stage that does not exist."""
    content = picture()
    digest = hashlib.sha256(content).hexdigest()
    assert prepare(Sent(content, "fixed", 0, sha256=digest.upper())).digest == digest
    for wrong in (Sent(content + b"x", "fixed", 0, sha256=digest), Sent(content, "stolen", 0, sha256=digest)):
        with pytest.raises(Invalid):
            prepare(wrong)


def test_a_repeated_upload_is_one_photo(world: Any) -> None:
    """The same file of one danger and stage; a time in the future is refused."""
    from alerts import Actor  # noqa: PLC0415 - beside its only use
    from alerts.tickets.intake import Found  # noqa: PLC0415 - as above

    fixer, content = Actor("fixer", frozenset(("fixer",))), picture()
    ticket = world.dispatch.intake.find(fixer, Found("school-1", "d-101", "exit_blocked", "patrol", "barred"))
    sent = Sent(content, "fixed", world.now_ns, "d-101", hashlib.sha256(content).hexdigest())
    first, second = (world.dispatch.intake.add_photo(ticket.danger, fixer, sent) for _ in range(2))
    assert first == second
    (photo,) = world.dispatch.danger_queries.photos(ticket.danger)
    stored, body = world.dispatch.danger_queries.photo(first, fixer)
    assert (photo.sent_sha256, stored.sha256) == (sent.sha256, hashlib.sha256(body).hexdigest())
    with pytest.raises(Invalid, match="past"):
        world.dispatch.intake.add_photo(
            ticket.danger, fixer, Sent(content, "found", world.now_ns * 2, sha256=sent.sha256)
        )
