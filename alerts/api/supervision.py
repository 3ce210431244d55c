"""Routes of the supervision by bureaus: schools with league, quarter statistics with a sum row."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from alerts.database import keyset
from alerts.documents.district_forms import district_statistics
from alerts.documents.files import MEDIA, Format, written
from alerts.documents.sources import local_day, local_year, span
from alerts.supervision.order import Sort, key_of, selected

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, listed
from .documents import FILE, FormatQuery, LanguageQuery, file_response
from .problem import problems
from .schemas.supervision import SupervisedSchools, page_body, school_body

router = APIRouter(prefix="/supervision", tags=["supervision"])
DistrictQuery = Annotated[str | None, Query(max_length=64, description="only schools of this district")]
YearQuery = Annotated[int | None, Query(ge=2000, le=2200, description="the present one by default")]
QuarterQuery = Annotated[int | None, Query(ge=1, le=4, description="none for the whole year")]


@router.get("/schools")
def schools(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    district: DistrictQuery = None,
    year: YearQuery = None,
    quarter: QuarterQuery = None,
    q: Annotated[str, Query(max_length=100, description="part of the id or of the name")] = "",
    sort: Annotated[Sort, Query(description="rank: without a rank first; overdue, open, found: most first")] = "site",
    *,
    missing: Annotated[bool, Query(description="only schools with few reports or none")] = False,
) -> SupervisedSchools:
    """List schools with counts, score, rank and reports against their peers; `total` has the sums of all of them.

    A danger that a school finds itself and rectifies in time never lowers its score or rank. A school without
    reports has no rank and is no safe school.
    """
    begin_ns, end_ns = _span(service, year, quarter)
    every = service.dispatch.supervision.schools(actor, district, begin_ns, end_ns, catalog=service.telemetry.catalog)
    registry, name, key = service.dispatch.registry, f"supervision.{sort}", key_of(sort)
    part = keyset.part(name, selected(every, registry, q, missing=missing), page, key=key, types=(int, str))
    shown, following = listed(part, page, lambda one: keyset.encode(name, key(one)))
    items = [school_body(one, registry.site(one.facts.site)) for one in shown]
    return page_body(items, following, every, (begin_ns, end_ns))


@router.get("/statistics", responses=problems(409) | FILE, response_class=Response)
def statistics(
    service: DependenciesIn,
    actor: ActorIn,
    district: DistrictQuery = None,
    year: YearQuery = None,
    quarter: QuarterQuery = None,
    form_format: FormatQuery = "xlsx",
    language: LanguageQuery = "zh",
) -> Response:
    """Return the statistics of a quarter or year: one row a school, the last row the sum.

    A past quarter has the figures of its end: a danger that relapses later does not change them.
    """
    begin_ns, end_ns = _span(service, year, quarter)
    found = service.dispatch.supervision.statistics(actor, district, begin_ns, end_ns)
    filled = district_statistics(found, service.dispatch.registry, _subtitle(service, district, begin_ns), language)
    facts: dict[str, Format | str | None] = {"format": form_format, "district": district}
    service.dispatch.note("document.exported", actor.username, site="", subject="supervision.statistics", facts=facts)
    return file_response(written(filled, form_format), "district-statistics", form_format, MEDIA[form_format])


def _span(service: Dependencies, year: int | None, quarter: int | None) -> tuple[int, int]:
    zone = service.dispatch.registry.timezone
    return span(zone, year or local_year(service.clock(), zone), quarter)


def _subtitle(service: Dependencies, district: str | None, begin_ns: int) -> str:
    zone = service.dispatch.registry.timezone
    first, day = local_day(begin_ns, zone), local_day(service.clock(), zone)
    return "    ".join(text for text in (district, f"{first} –", day) if text)
