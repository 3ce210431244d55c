"""Routes of documents of inspections: the sheet of one, the register of checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

import alerts
from alerts.documents.files import MEDIA, written
from alerts.documents.inspection_forms import Checked, check_register, inspection_sheet
from alerts.documents.sources import local_year, span
from alerts.inspections.sheet import Inspection, Stored, folded

from .dependencies import ActorIn, Dependencies, DependenciesIn, SitePath
from .documents import FILE, FormatQuery, LanguageQuery, file_response
from .inspection_proofs import SensorProofs
from .problem import problems

router = APIRouter(tags=["documents"])


@router.get("/inspections/{site}/ledger", responses=problems(404, 409) | FILE, response_class=Response)
def register_form(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    year: Annotated[int | None, Query(ge=2000, le=2200, description="the present one by default")] = None,
    quarter: Annotated[int | None, Query(ge=1, le=4, description="none for the whole year")] = None,
    form_format: FormatQuery = "pdf",
    language: LanguageQuery = "zh",
) -> Response:
    """Return the register of all inspections and guard rounds that began in a quarter or year."""
    subject = service.dispatch.papers.subject(actor, site, language)
    zone, store = service.dispatch.registry.timezone, service.dispatch.inspections.store
    begin_ns, end_ns = span(zone, year or local_year(service.clock(), zone), quarter)
    rows = store.all(actor, site=site, within=(begin_ns, end_ns))
    begun = [pair for pair in store.sheets(actor, rows) if pair[0].state != "planned"]
    filled = check_register(_checked(service, actor, begun), subject, zone)
    return file_response(written(filled, form_format), f"check-register-{site}", form_format, MEDIA[form_format])


@router.get("/inspections/{site}/{inspection_id}/form", responses=problems(404, 409) | FILE, response_class=Response)
def sheet_form(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    inspection_id: Annotated[str, Path(max_length=64, description="inspection id")],
    form_format: FormatQuery = "pdf",
    language: LanguageQuery = "zh",
) -> Response:
    """Return the sheet of an inspection, with lines to sign; it shows the proofs that its sheet shows."""
    pair = service.dispatch.inspections.store.sheet(actor, site, inspection_id)
    subject = service.dispatch.papers.subject(actor, site, language)
    [checked] = _checked(service, actor, [pair])
    filled = inspection_sheet(checked, subject, service.dispatch.registry.timezone)
    name = f"inspection-{site}-{inspection_id}"
    return file_response(written(filled, form_format), name, form_format, MEDIA[form_format])


def _checked(
    service: Dependencies, actor: alerts.Actor, pairs: Sequence[tuple[Inspection, list[Stored]]]
) -> list[Checked]:
    """Return inspections with their states, tickets and names of persons."""
    proofs, queries = SensorProofs(service), service.dispatch.queries
    entries = [entry for _, own in pairs for entry in own]
    ids = dict.fromkeys(one.ticket for one in entries if one.ticket)
    tickets = {one: queries.ticket(one, actor) for one in ids}
    names = service.dispatch.papers.names({one.by for one in entries})
    return [Checked(one, folded(one, own, proofs.of(one)), tickets, names) for one, own in pairs]
