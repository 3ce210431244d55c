"""Digests: several waiting pages of lower grades in one message of a channel with a rate limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from alerts.model import Notice, identity

from .channels.plain_text import plain

MIN = 4
"""Waiting pages below red that become a digest."""
RED = "red"


def grouped(notices: Sequence[Notice], *, digests: bool) -> Iterator[list[Notice]]:
    """Yield the notices one by one, in order; those below red together if there are MIN or more.

    Real pages come before those of drills, and no digest has both.

    digests: whether the channel takes several notices in one message.
    """
    lower = [notice for notice in notices if not is_red(notice) and not _addressed(notice)]
    kinds = [[notice for notice in lower if bool(notice.body.get("drill")) is drill] for drill in (False, True)]
    together = [kind for kind in kinds if digests and len(kind) >= MIN]
    gathered = {notice.id for kind in together for notice in kind}
    for notice in notices:
        if notice.id not in gathered:
            yield [notice]
    yield from together


def is_red(notice: Notice) -> bool:
    """Return whether a notice is of the highest grade, or about the service itself in red."""
    return bool(notice.body.get("grade") == RED)


def digest_of(notices: Sequence[Notice]) -> Notice:
    """Return one notice with a line for each of these, all real or all of drills. Its id derives from theirs."""
    first = notices[0]
    lines = [_line(notice) for notice in notices]
    key = identity("digest", *(notice.id for notice in notices))
    body = {"grade": first.body.get("grade", ""), "digest": lines, "drill": bool(first.body.get("drill"))}
    return replace(first, id=f"msg_{key}", body=body)


def _addressed(notice: Notice) -> bool:
    """Return whether a notice is for the address of one person."""
    return bool(notice.body.get("to", {}).get("address"))


def _line(notice: Notice) -> str:
    """Return grade, place and sentence of a notice in both languages."""
    place, words = notice.body.get("place", {}), notice.body.get("text", {})
    zh, en = (f"{plain(str(place.get(key, '')))} {plain(str(words.get(key, '')))}" for key in ("zh", "en"))
    code = plain(str(notice.body.get("reply", {}).get("code", "")))
    return f"[{plain(str(notice.body.get('grade', '')))}] {zh} / {en}{f' ({code})' if code else ''}"
