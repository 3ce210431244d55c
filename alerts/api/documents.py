"""Routes of official documents: forms of the register and of hidden dangers, risk cards, notices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from alerts import NotFound
from alerts.documents.curves import StoredCurves
from alerts.documents.danger_forms import DANGER_FORMS, notice
from alerts.documents.evidence_pack import EvidencePacks
from alerts.documents.files import MEDIA, Format, written
from alerts.documents.forms import forms
from alerts.documents.register_forms import ROWS

from .binary import file_answer
from .dependencies import ActorIn, DependenciesIn, SitePath
from .problem import problems
from .schemas.documents import DocumentList, document_body

router = APIRouter(tags=["documents"])
FormatQuery = Annotated[Format, Query(alias="format")]
LanguageQuery = Annotated[Literal["zh", "en"], Query(alias="lang")]
FILE = file_answer(MEDIA.values(), "the document")
PDF_FILE = file_answer([MEDIA["pdf"]], "the cards")
ZIP = "application/zip"
ZIP_FILE = file_answer([ZIP], "the pack")


@router.get("/documents")
def documents() -> DocumentList:
    """List the forms with their headings."""
    names = (*ROWS, *DANGER_FORMS)
    return DocumentList(items=[document_body(forms()[name], of_span=name in DANGER_FORMS) for name in names])


@router.get("/documents/{site}/cards", responses=problems(404, 409) | PDF_FILE, response_class=Response)
def risk_cards(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    request: Request,
    points: Annotated[str, Query(max_length=8_000, description="ids, separated by commas; none for all")] = "",
    language: LanguageQuery = "zh",
) -> Response:
    """Return the risk cards of approved points as PDF; the register marks a card as stale after the next approval."""
    from alerts.documents.cards import cards  # noqa: PLC0415 - its libraries take a quarter of a second at the start

    subject = service.dispatch.papers.subject(actor, site, language)
    wanted = {one for one in points.split(",") if one}
    entries = [one for one in service.dispatch.register.entries(actor, site) if one.approved is not None]
    missing = wanted - {one.id for one in entries}
    if missing:
        raise NotFound("approved risk point", ", ".join(sorted(missing)))
    chosen = [one for one in entries if not wanted or one.id in wanted]
    base = str(request.base_url)
    content = cards(chosen, subject, lambda one: f"{base}#/register/{site}/{one.id}")
    service.dispatch.register.note_printed(actor, site, {one.id: one.approved_version for one in chosen})
    return file_response(content, f"risk-cards-{site}", "pdf", MEDIA["pdf"])


@router.get("/documents/{site}/forms/{form}", responses=problems(404, 409) | FILE, response_class=Response)
def form_of_site(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    form: Annotated[str, Path(max_length=64)],
    year: Annotated[int | None, Query(ge=2000, le=2200, description="of a form of dangers; the present one")] = None,
    quarter: Annotated[int | None, Query(ge=1, le=4, description="none for the whole year")] = None,
    form_format: FormatQuery = "pdf",
    language: LanguageQuery = "zh",
) -> Response:
    """Return a form of the register, or of the dangers of a quarter or year."""
    filled = service.dispatch.papers.form(actor, site, form, language=language, year=year, quarter=quarter)
    service.dispatch.note(
        "document.exported", actor.username, site=site, subject=f"document.{form}", facts={"format": form_format}
    )
    return file_response(written(filled, form_format), f"{form}-{site}", form_format, MEDIA[form_format])


@router.get("/tickets/{ticket_id}/evidence-pack", responses=problems(404, 409) | ZIP_FILE, response_class=Response)
def evidence_pack(service: DependenciesIn, actor: ActorIn, ticket_id: str) -> Response:
    """Return the evidence pack of a danger: journal entries, photos, curves, letters and a manifest, as ZIP.

    `twinward verify pack FILE`, or the program in it, checks it. The journal keeps the SHA-256 of its manifest.
    """
    ticket = service.dispatch.queries.ticket(ticket_id, actor)
    registry = service.dispatch.registry
    packs = EvidencePacks(service.dispatch.engine, registry, service.clock, service.dispatch.papers)
    made = packs.make(actor, ticket.id, StoredCurves(service.telemetry.store, service.telemetry.catalog))
    facts = {"fields": {"manifest_sha256": made.manifest_sha256}, "files": made.files, "entries": made.entries}
    service.dispatch.note("evidence_pack.made", actor.username, site=ticket.site, subject=ticket.id, facts=facts)
    name = f"evidence-{ticket.number}"
    return file_response(made.content, name, "zip", ZIP, more={"X-Manifest-SHA256": made.manifest_sha256})


@router.get("/tickets/{ticket_id}/{letter}", responses=problems(404, 409) | FILE, response_class=Response)
def ticket_letter(
    service: DependenciesIn,
    actor: ActorIn,
    ticket_id: str,
    letter: Literal["notice", "reply"],
    letter_format: FormatQuery = "pdf",
    language: LanguageQuery = "zh",
) -> Response:
    """Return the rectification notice of a danger, or the reply to it."""
    ticket = service.dispatch.queries.ticket(ticket_id, actor)
    papers = service.dispatch.papers
    dangers, subject = papers.dangers(actor, ticket.site, [ticket]), papers.subject(actor, ticket.site, language)
    filled = notice(ticket, dangers, subject, reply=letter == "reply")
    return file_response(
        written(filled, letter_format), f"{letter}-{ticket.number}", letter_format, MEDIA[letter_format]
    )


def file_response(
    content: bytes, name: str, form: str, media: str, *, more: Mapping[str, str] | None = None
) -> Response:
    """Return a document as an attachment with a name of ASCII letters. more: further headers."""
    safe = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_") else "-" for sign in name)
    headers = {"Content-Disposition": f"attachment; filename={safe}.{form}"}
    return Response(content, media_type=media, headers=headers | dict(more or {}))
