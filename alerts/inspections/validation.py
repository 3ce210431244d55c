"""Validation of the entries of an inspection: fields, item, place code, device time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, select

from alerts.database.schema import place_tags
from alerts.people.access import Actor
from alerts.timestamps import parse_time

from .sheet import CHECK_IN, ITEM, MANUAL, NFC, QR, RESULTS, TYPES, Inspection, Stored
from .store import ID

NOTE_LENGTH_MAX = 500
Text = dict[str, str]


@dataclass(frozen=True, slots=True)
class Work:
    """The transaction of a submission: connection, person, inspection as stored, time."""

    connection: Connection
    actor: Actor
    inspection: Inspection
    now_ns: int


@dataclass(frozen=True, slots=True)
class Sent:
    """One entry as a phone sends it; see the fields of the HTTP interface. at: device time with its offset."""

    id: str
    type: str
    at: str
    stop: str = ""
    item: str = ""
    result: str = ""
    note: str = ""
    kind: str = ""
    place: str = ""
    code: str = ""
    tag: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the entry."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one entry: stored, repeated or refused. text: the reason, or a hint."""

    id: str
    outcome: str
    text: Text | None = None
    entry: Stored | None = None


class RefusedError(Exception):
    """An entry that cannot be stored, with its reason in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = {"zh": zh, "en": en}


def checked(work: Work, sent: Sent, read: tuple[str, str] | None) -> Stored:
    """Return an entry to store, without a danger. read: site and place of its QR code. Raises RefusedError."""
    inspection = work.inspection
    if not ID.fullmatch(sent.id):
        raise RefusedError("编号须为 8 至 64 个字母、数字、点或短横", "id: 8 to 64 letters, digits, dots, dashes")
    if sent.type not in TYPES:
        raise RefusedError(f"类型须为 {'、'.join(TYPES)} 之一", f"type: one of {', '.join(TYPES)}")
    if len(sent.note) > NOTE_LENGTH_MAX:
        raise RefusedError(f"说明最多 {NOTE_LENGTH_MAX} 个字符", f"note: at most {NOTE_LENGTH_MAX} characters")
    try:
        device_ns = parse_time(sent.at)
    except ValueError as error:
        raise RefusedError("时间须带时区", f"at: {error}") from error
    stop = next((one for one in inspection.stops if one.id == sent.stop), None)
    if stop is None and sent.type in {CHECK_IN, ITEM}:
        raise RefusedError(f"路线上没有点位 {sent.stop}", f"stop {sent.stop!r}: no stop of the route")
    way, place = "", sent.place
    if sent.type == ITEM:
        if stop is None or sent.item not in {one.id for one in stop.items}:
            raise RefusedError(f"没有检查项 {sent.item}", f"item {sent.item!r}: no item of the stop")
        if sent.result not in RESULTS:
            raise RefusedError("结果须为合格、不合格或不适用", f"result: one of {', '.join(RESULTS)}")
        place = sent.place or stop.place
    elif sent.type == CHECK_IN and stop is not None:
        way, place = _visited(work, sent, stop.place, read), stop.place
    now_ns = work.now_ns
    at_ns = min(device_ns, now_ns)  # a device clock that is ahead must not replace every later tick
    return Stored(
        site=inspection.site,
        inspection=inspection.id,
        id=sent.id,
        type=sent.type,
        stop=sent.stop,
        item=sent.item if sent.type == ITEM else "",
        result=sent.result if sent.type == ITEM else "",
        note=sent.note.strip(),
        way=way,
        place=place,
        at=sent.at,
        at_ns=at_ns,
        received_ns=now_ns,
        in_window=inspection.begin_ns <= at_ns <= inspection.end_ns,
        by=work.actor.username,
        digest=sent.digest,
        danger="",
        ticket="",
    )


def _visited(work: Work, sent: Sent, place: str, read: tuple[str, str] | None) -> str:
    """Return the way of a check-in. Raises for a code or tag of another place."""
    if sent.code:
        if read != (work.inspection.site, place):
            raise RefusedError("二维码不属于该点位", "the QR code belongs to another place")
        return QR
    if not sent.tag:
        return MANUAL
    query = select(place_tags.c.place).where(place_tags.c.site == work.inspection.site, place_tags.c.tag == sent.tag)
    if work.connection.scalar(query) != place:
        raise RefusedError("NFC 标签不属于该点位", "the NFC tag belongs to another place")
    return NFC
