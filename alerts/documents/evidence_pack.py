"""Evidence pack of a hidden danger: journal entries, photos, curves and letters as ZIP."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any

from sqlalchemy import Engine, select

from alerts.dangers.queries import DangerQueries, Photo
from alerts.database import journal
from alerts.database.schema import journal as journal_table
from alerts.errors import Invalid
from alerts.model import Danger, Finding, Hazard, Ticket
from alerts.people.access import Actor, require
from alerts.queries import Queries
from alerts.risk.registry import Registry
from alerts.timestamps import format_time

from .curves import Curves, as_csv, as_svg
from .danger_forms import notice
from .files import Format, written
from .fonts import has_chinese_font
from .masks import masked, masked_text
from .sources import Sources
from .verify_pack import FORMAT, JOURNAL, MANIFEST, PHOTOS

ENTRIES_MAX, CURVES_MAX = 20_000, 40
AROUND_NS = 3_600_000_000_000
"""Readings before the danger and after its end that a curve has too."""
SPAN_MAX_NS = 31 * 86_400_000_000_000
PROGRAM = "verify_pack.py"
README = """证据包 / Evidence pack

核对 / Check:  python3 verify_pack.py PACK.zip [SHA-256 of manifest.json]
或 / or:       twinward verify pack PACK.zip

journal.jsonl  日志条目及其哈希链 / journal entries with their hash chain; "masked" = 已遮蔽个人信息的条目
photos/        整改照片 / photos, as the journal states their SHA-256
curves/        传感器读数（CSV、SVG）/ readings of the sensors
documents/     通知书、回复单 / rectification notice and reply
个人信息（电话、证件号、卡号、车牌、邮箱）已遮蔽。/ Numbers of persons are masked.
"""


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack. manifest_sha256: identifies its whole content."""

    content: bytes
    manifest_sha256: str
    files: int
    entries: int


class EvidencePacks:
    """Makes packs. Methods may be called from several threads."""

    def __init__(self, engine: Engine, registry: Registry, clock: Callable[[], int], sources: Sources) -> None:
        self._engine = engine.execution_options(writes=False)
        self._registry, self._clock, self._sources = registry, clock, sources
        self._queries, self._dangers = Queries(engine), DangerQueries(engine)

    def make(self, actor: Actor, ticket_id: str, curves: Curves) -> Pack:
        """Return the pack of a ticket's danger; blocks while it reads the store. Raises Forbidden, NotFound, Invalid.

        The caller records it in the journal.
        """
        require(actor, "export_evidence")
        ticket = self._queries.ticket(ticket_id, actor)
        danger = self._dangers.by_id([ticket.danger], actor)[ticket.danger]
        hazards = self._dangers.evidence([danger.id], actor)[danger.id]
        findings = self._queries.findings_of([one.id for one in hazards], actor)
        lines, head = self._journal([ticket.id, danger.id, *(one.id for one in hazards)])
        files = {JOURNAL: "".join(f"{journal.canonical(one)}\n" for one in lines).encode()}
        files |= self._photos(danger, actor)
        files |= self._curves(ticket, hazards, [row for rows in findings.values() for row in rows], curves)
        files |= self._letters(actor, ticket)
        files |= {"README.txt": README.encode(), PROGRAM: _program()}
        manifest = self._manifest(actor, ticket, lines, head, files)
        content = _zipped({MANIFEST: manifest, **files}, self._clock(), self._registry)
        return Pack(content, hashlib.sha256(manifest).hexdigest(), len(files), len(lines))

    def _journal(self, subjects: Sequence[str]) -> tuple[list[dict[str, Any]], tuple[int, str]]:
        """Return the entries of the subjects, each with the digest before it, and the head of the journal."""
        own = journal_table.c
        query = select(own.seq, own.body, own.digest).where(own.subject.in_(subjects)).order_by(own.seq)
        with self._engine.connect() as connection:
            head = journal.tip(connection)
            rows = connection.execute(query.limit(ENTRIES_MAX + 1)).all()
            if len(rows) > ENTRIES_MAX:
                raise Invalid(
                    {"ticket": f"more than {ENTRIES_MAX} journal entries"}, zh={"ticket": f"日志超过 {ENTRIES_MAX} 条"}
                )
            wanted = [row.seq - 1 for row in rows]
            before = {0: journal.GENESIS}
            for begin in range(0, len(wanted), 500):
                chunk = select(own.seq, own.digest).where(own.seq.in_(wanted[begin : begin + 500]))
                before |= {row.seq: row.digest for row in connection.execute(chunk)}
        return [_line(row.seq, before[row.seq - 1], row.body, row.digest) for row in rows], head

    def _photos(self, danger: Danger, actor: Actor) -> dict[str, bytes]:
        listed = self._dangers.photos(danger.id)
        found = {f"{PHOTOS}{one.id}.jpg": self._dangers.photo(one.id, actor)[1] for one in listed}
        return found | {"photos.csv": _table(_photo_row(one) for one in listed)}

    def _curves(
        self, ticket: Ticket, hazards: Sequence[Hazard], findings: Sequence[Finding], curves: Curves
    ) -> dict[str, bytes]:
        zone, found = self._registry.timezone, dict[str, bytes]()
        begin_ns = min([ticket.opened_ns, *(one.opened_ns for one in hazards)]) - AROUND_NS
        end_ns = min((ticket.closed_ns or self._clock()) + AROUND_NS, begin_ns + SPAN_MAX_NS)
        series = sorted({(one.sensor, one.metric) for one in findings})[:CURVES_MAX]
        for number, (sensor, metric) in enumerate(series, 1):
            points = curves.read(ticket.site, sensor, metric, from_ns=begin_ns, to_ns=end_ns)
            name = f"curves/{number:02d}-{_safe(sensor)}-{_safe(metric)}"
            found[f"{name}.csv"] = as_csv(points)
            if points:
                found[f"{name}.svg"] = as_svg(points, title=f"{sensor} {metric}", unit=curves.unit(metric), zone=zone)
        return found

    def _letters(self, actor: Actor, ticket: Ticket) -> dict[str, bytes]:
        dangers = self._sources.dangers(actor, ticket.site, [ticket])
        subject = self._sources.subject(actor, ticket.site, "zh")
        formats: tuple[Format, ...] = ("xlsx", "pdf") if has_chinese_font() else ("xlsx",)
        found = dict[str, bytes]()
        for reply in (False, True):
            filled = notice(ticket, dangers, subject, reply=reply)
            rows = [{name: masked_text(text) for name, text in row.items()} for row in filled.rows]
            letter = type(filled)(filled.form, filled.language, filled.subtitle, rows, filled.signatures)
            name = "reply" if reply else "notice"
            found |= {f"documents/{name}.{form}": written(letter, form) for form in formats}
        return found

    def _manifest(
        self,
        actor: Actor,
        ticket: Ticket,
        lines: Sequence[Mapping[str, Any]],
        head: tuple[int, str],
        files: Mapping[str, bytes],
    ) -> bytes:
        listed = [
            {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in sorted(files.items())
        ]
        about = {"id": ticket.id, "number": ticket.number, "danger": ticket.danger, "site": ticket.site}
        value = {
            "format": FORMAT,
            "version": 1,
            "ticket": about | {"major": ticket.major, "state": ticket.state},
            "made_at": format_time(self._clock()),
            "made_by": actor.username,
            "journal": {"position": head[0], "digest": head[1]},
            "entries": [one["seq"] for one in lines],
            "files": listed,
        }
        return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _line(seq: int, before: str, body: str, digest: str) -> dict[str, Any]:
    """Return an entry with its body, or with the masked body where it names persons: the digest then proves nothing."""
    plain = json.loads(body)
    shown = masked(plain)
    content = {"body": body} if shown == plain else {"masked": shown}
    return {"seq": seq, "before": before, "digest": digest} | content


def _photo_row(photo: Photo) -> dict[str, str]:
    return {
        "id": photo.id,
        "stage": photo.stage,
        "place": masked_text(photo.place),
        "taken_at": format_time(photo.taken_ns),
        "added_at": format_time(photo.added_ns),
        "added_by": photo.added_by,
        "sent_sha256": photo.sent_sha256,
        "sha256": photo.sha256,
    }


def _table(rows: Any) -> bytes:
    text = io.StringIO()
    names = ("id", "stage", "place", "taken_at", "added_at", "added_by", "sent_sha256", "sha256")
    table = csv.DictWriter(text, names)
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


def _program() -> bytes:
    return resources.files(__package__).joinpath(PROGRAM).read_bytes()


def _safe(name: str) -> str:
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "-" for sign in name)[:60]


def _zipped(files: Mapping[str, bytes], now_ns: int, registry: Registry) -> bytes:
    out = io.BytesIO()
    moment = datetime.fromtimestamp(now_ns // 1_000_000_000, registry.timezone)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in files.items():
            pack.writestr(zipfile.ZipInfo(name, moment.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
