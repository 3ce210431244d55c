"""Photos of dangers: checked, re-encoded without metadata, stored with their digests."""

from __future__ import annotations

import hashlib
import io
import secrets
import struct
import threading
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError
from sqlalchemy import Connection, func, insert, select

from alerts.database import journal
from alerts.database.schema import photos
from alerts.errors import Invalid
from alerts.model import Danger

BYTES_MAX = 10 * 1024 * 1024
PIXELS_MAX = 60_000_000
DECODED_PIXELS_MAX = 30_000_000
"""Pixels that are decoded at once: a JPEG is decoded at a smaller scale, the other types are not."""
SIDE_MAX = 1_600
QUALITY = 82
FORMATS = ("JPEG", "PNG", "WEBP")
PHOTOS_MAX, PUBLIC_PHOTOS_MAX = 30, 10
"""Photos of one danger in PHOTOS_SPAN_NS by persons with an account, and by the public: each with its own limit."""
PHOTOS_SPAN_NS = 30 * 86_400_000_000_000
"""Without it a danger that relapses for years would one day take no photo, and so no proof of its repair."""
STAGES = ("found", "fixed", "accepted")


@dataclass(frozen=True, slots=True)
class Sent:
    """A photo as it arrived. sha256: digest that the sender states, "" without one; place: as the sender states it.

    scanned: the place is that of a signed QR sign.
    """

    content: bytes
    stage: str
    taken_ns: int
    place: str = ""
    sha256: str = ""
    scanned: bool = False


def encoded(content: bytes) -> bytes:
    """Return the image as a JPEG of at most SIDE_MAX pixels a side, without EXIF. Raises Invalid for another file."""
    if len(content) > BYTES_MAX:
        raise Invalid({"photo": f"at most {BYTES_MAX} bytes"}, zh={"photo": "照片不得超过10 MB"})
    try:
        with _ONE_AT_A_TIME, Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _require_pixels(image, PIXELS_MAX)
            image.draft("RGB", (SIDE_MAX, SIDE_MAX))
            _require_pixels(image, DECODED_PIXELS_MAX)
            small = image if image.mode in SCALED else image.convert("RGB")
            small.thumbnail((SIDE_MAX, SIDE_MAX))
            upright = ImageOps.exif_transpose(small).convert("RGB")
    except (*UNREADABLE, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Invalid(
            {"photo": f"a complete image of type {', '.join(FORMATS)}"},
            zh={"photo": "须为完整的 JPEG、PNG 或 WebP 图片"},
        ) from error
    output = io.BytesIO()
    upright.save(output, "JPEG", quality=QUALITY)
    return output.getvalue()


SCALED = ("RGB", "RGBA", "L", "CMYK", "YCbCr")
"""Modes of images that scale before they are converted, which takes less memory."""
UNDIGESTED = (
    {"X-Photo-SHA256": "is required: the SHA-256 of the photo"},
    {"X-Photo-SHA256": "缺少照片的 SHA-256 校验值"},
)
"""Error of a photo that is sent without its digest, in English and Chinese."""
UNREADABLE = (UnidentifiedImageError, OSError, ValueError, SyntaxError, struct.error, TypeError, LookupError)
"""Errors of the decoder on a damaged file."""
_ONE_AT_A_TIME = threading.Lock()
"""A decoded image has up to 120 MB: many uploads at once must not exhaust the memory of the service."""


def _require_pixels(image: Image.Image, most: int) -> None:
    if image.width * image.height > most:
        raise Invalid({"photo": f"at most {most} pixels"}, zh={"photo": "照片像素过大"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked photo. digest: SHA-256 of the file as sent; content: re-encoded."""

    sent: Sent
    digest: str
    content: bytes


def prepare(sent: Sent) -> Prepared:
    """Check the stated digest and encode the photo again; blocks for up to a second. Raises Invalid."""
    if sent.stage not in STAGES:
        raise Invalid({"stage": f"one of {', '.join(STAGES)}"}, zh={"stage": f"须为：{'、'.join(STAGES)}"})
    digest = hashlib.sha256(sent.content).hexdigest()
    if sent.sha256 and not secrets.compare_digest(sent.sha256.lower().encode(), digest.encode()):
        raise Invalid(
            {"sha256": "the SHA-256 of the photo; it differs from the received file"},
            zh={"sha256": "照片与其校验值不符，已拒收"},
        )
    return Prepared(sent, digest, encoded(sent.content))


@dataclass(frozen=True, slots=True)
class Subject:
    """Subject of a photo: a danger, an entry of an inspection as site/inspection/entry, or both; "" for none."""

    site: str
    danger: str
    entry: str = ""


def add(connection: Connection, danger: Danger, photo: Prepared, actor: str, *, now_ns: int) -> str:
    """Store a photo of a danger with its audit entry in the caller's transaction; see `add_to`."""
    return add_to(connection, Subject(danger.site, danger.id), photo, actor, now_ns=now_ns)


def add_to(connection: Connection, subject: Subject, photo: Prepared, actor: str, *, now_ns: int) -> str:
    """Store a photo with its audit entry in the caller's transaction; return its id. Raises Invalid.

    The same file of one subject and stage is stored once: a repeated upload returns the same id.
    """
    sent, digest = photo.sent, photo.digest
    if sent.taken_ns > now_ns + CLOCK_AHEAD_NS:
        raise Invalid({"taken_at": "a time in the past"}, zh={"taken_at": "拍摄时间不能晚于现在"})
    entry = photos.c.entry == subject.entry if subject.entry else photos.c.entry.is_(None)
    same = (photos.c.danger == subject.danger, entry, photos.c.stage == sent.stage, photos.c.sent_sha256 == digest)
    if known := connection.scalar(select(photos.c.id).where(*same)):
        return str(known)
    of_subject = photos.c.danger == subject.danger if subject.danger else entry
    others, most = (photos.c.added_by != "", PHOTOS_MAX) if actor else (photos.c.added_by == "", PUBLIC_PHOTOS_MAX)
    recent = (of_subject, others, photos.c.added_ns > now_ns - PHOTOS_SPAN_NS)
    if (connection.scalar(select(func.count()).where(*recent)) or 0) >= most:
        raise Invalid(
            {"photo": f"at most {most} photos of one danger in 30 days"}, zh={"photo": "近30天照片数量已达上限"}
        )
    row = {
        "id": secrets.token_hex(12),
        "site": subject.site,
        "danger": subject.danger,
        "stage": sent.stage,
        "place": sent.place,
        "scanned": sent.scanned,
        "taken_ns": sent.taken_ns,
        "added_by": actor,
        "added_ns": now_ns,
        "sent_sha256": digest,
        "sha256": hashlib.sha256(photo.content).hexdigest(),
    }
    further = {"content": photo.content, "entry": subject.entry or None}
    connection.execute(insert(photos).values(row | further))
    journal.append(
        connection,
        at_ns=now_ns,
        actor=actor or "public",
        kind="danger.photo",
        site=subject.site,
        subject=subject.danger or subject.entry,
        facts={name: row[name] for name in ("id", "stage", "place", "scanned", "taken_ns", "sent_sha256", "sha256")},
    )
    return str(row["id"])


CLOCK_AHEAD_NS = 120_000_000_000
"""A phone's clock may be ahead of the service by this much."""
