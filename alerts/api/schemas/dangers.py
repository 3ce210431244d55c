"""Response schemas of hidden dangers, their proof, photos, criteria and public reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from alerts import Danger, Registry
from alerts.dangers.clauses import Clause as GuideClause
from alerts.dangers.kinds import DangerKind as Kind
from alerts.dangers.kinds import danger_kinds
from alerts.dangers.proof import Check as ProofCheck
from alerts.dangers.queries import Offender as Repeated
from alerts.dangers.queries import Photo as StoredPhoto

from .fields import (
    Body,
    Both,
    Colour,
    Count,
    DangerId,
    List,
    PlaceId,
    SiteId,
    TicketState,
    Time,
    both,
    colour,
    moment,
)

Cause = Annotated[str, Field(description="kind of danger, see /api/v1/danger-kinds", examples=["exit_blocked"])]
Digest = Annotated[str, Field(description="SHA-256, hexadecimal", examples=["9f86d081884c7d659a2feaa0c55ad015"])]


class Clause(TypedDict):
    """One clause of major-danger criteria with its source."""

    id: Annotated[str, Field(examples=["guide-2024-3-1-4"])]
    citation: Annotated[str, Field(examples=["第三条第一项第四目"])]
    text: Both
    judgement: Annotated[str, Field(description="direct or combined", examples=["direct"])]
    pack: Annotated[str, Field(examples=["guide-2024"])]
    version: Annotated[str, Field(examples=["2024-06-24"])]
    source_url: Annotated[str, Field(examples=["https://www.example.org/guide"])]
    verified_at: Annotated[str, Field(description="day of the verification", examples=["2026-11-30"])]
    verified_by: Annotated[str, Field(examples=["Twinward"])]
    kinds: list[str]
    hazards: list[str]


class Guide(Body):
    """All clauses, shipped and imported."""

    items: list[Clause]


class DangerFacts(TypedDict):
    """One hidden danger. `hazards` are its evidence; `clauses` make it a candidate major danger."""

    id: DangerId
    kind: Cause
    kind_name: Both
    source: Annotated[str, Field(description="sensor, inspection, patrol or report", examples=["inspection"])]
    text: Annotated[Both, Field(description="as it was found")]
    found_by: Annotated[str, Field(description="account, empty for a sensor or the public", examples=["officer"])]
    found_at: Time | None
    reports: Annotated[int, Field(description="times it was found", ge=1, examples=[2])]
    risk_point: Annotated[str, Field(description="risk point of its place, or empty", examples=["dorm-fire"])]
    hazards: list[str]
    clauses: list[Clause]
    closure: Annotated[Both, Field(description="conditions of closing, in words")]


class Check(Body):
    """One condition of closing. met: null where it cannot be checked."""

    text: Both
    met: bool | None


class Photo(Body):
    """One photo. `sent_sha256` is of the file on the sender's device, `sha256` of the stored one."""

    id: Annotated[str, Field(examples=["1f2e3d4c5b6a798081726354"])]
    stage: Annotated[str, Field(description="found, fixed or accepted", examples=["fixed"])]
    place: str
    scanned: Annotated[bool, Field(description="place of a signed QR sign at the spot")]
    taken_at: Time | None
    added_by: Annotated[str, Field(description="account, empty for the public", examples=["fixer"])]
    added_at: Time | None
    sent_sha256: Digest
    sha256: Digest


class NewPhoto(Body):
    """A stored photo."""

    id: str


class DangerKind(Body):
    """One kind of danger."""

    kind: Cause
    name: Both
    domain: Annotated[str, Field(examples=["fire"])]
    grade: Colour
    life_safety: Annotated[bool, Field(description="its deadline runs by the clock and never pauses")]
    sensed: Annotated[bool, Field(description="sensors detect it")]
    closure: Both
    observing_h: float
    relapse_h: float


class DangerKinds(Body):
    """All kinds of danger."""

    items: list[DangerKind]


class Offender(Body):
    """A place with several dangers or relapses of one kind."""

    site: SiteId
    place: PlaceId
    place_name: Both
    kind: Cause
    kind_name: Both
    dangers: Count
    relapses: Count
    last_at: Time | None


class Offenders(Body):
    """Places by number of dangers and relapses, the most first."""

    items: list[Offender]


class PlaceCode(Body):
    """Code of a place for a QR sign; `path` opens the report form of the console."""

    site: SiteId
    place: PlaceId
    name: Both
    zone_name: Both
    code: Annotated[str, Field(examples=["qk3h0..."])]
    path: Annotated[str, Field(examples=["/#/report/qk3h0..."])]


class PlaceCodes(List[PlaceCode]):
    """One page of places with their codes."""


class ReportPlace(Body):
    """Place of a public report and the kinds to choose from."""

    site_name: Both
    place_name: Both
    kinds: list[DangerKind]


class Receipt(Body):
    """Number of a public report; only its holder has it."""

    receipt: Annotated[str, Field(examples=["7KQ2M9XW4HTB8RNC"])]


class ReportStatus(Body):
    """State of the danger of a public report."""

    place_name: Both
    kind_name: Both
    state: TicketState
    state_name: Both
    reported_at: Time | None
    due_at: Time | None
    closed_at: Time | None
    repaired: bool


def clause_body(clause: GuideClause) -> Clause:
    """Return one clause."""
    return {
        "id": clause.id,
        "citation": clause.citation,
        "text": Both(zh=clause.text_zh, en=clause.text_en),
        "judgement": clause.judgement,
        "pack": clause.pack,
        "version": clause.version,
        "source_url": clause.source_url,
        "verified_at": clause.verified_at,
        "verified_by": clause.verified_by,
        "kinds": list(clause.kinds),
        "hazards": list(clause.hazards),
    }


def danger_facts(danger: Danger, hazards: Iterable[str], clauses: Mapping[str, GuideClause]) -> DangerFacts:
    """Return one danger with its evidence and clauses."""
    kind = danger_kinds()[danger.cause]
    return {
        "id": danger.id,
        "kind": danger.cause,
        "kind_name": Both(zh=kind.zh, en=kind.en),
        "source": danger.source,
        "text": both(danger.text),
        "found_by": danger.found_by,
        "found_at": moment(danger.found_ns),
        "reports": danger.reports,
        "risk_point": danger.risk_point,
        "hazards": list(hazards),
        "clauses": [clause_body(clauses[one]) for one in danger.clauses if one in clauses],
        "closure": both(kind.text),
    }


def check_body(check: ProofCheck) -> Check:
    """Return one condition with its result."""
    return Check(text=both(check.condition.text), met=check.met)


def photo_body(photo: StoredPhoto) -> Photo:
    """Return one photo without its content."""
    return Photo(
        id=photo.id,
        stage=photo.stage,
        place=photo.place,
        taken_at=moment(photo.taken_ns),
        added_by=photo.added_by,
        added_at=moment(photo.added_ns),
        scanned=photo.scanned,
        sent_sha256=photo.sent_sha256,
        sha256=photo.sha256,
    )


def kind_body(kind: Kind) -> DangerKind:
    """Return one kind of danger."""
    hour_ns = 3_600_000_000_000
    return DangerKind(
        kind=kind.name,
        name=Both(zh=kind.zh, en=kind.en),
        domain=kind.domain,
        grade=colour(kind.grade),
        life_safety=kind.life_safety,
        sensed=kind.sensed,
        closure=both(kind.text),
        observing_h=kind.observing_ns / hour_ns,
        relapse_h=kind.relapse_ns / hour_ns,
    )


def offender_body(one: Repeated, registry: Registry) -> Offender:
    """Return one repeat offender."""
    kind = danger_kinds()[one.cause]
    return Offender(
        site=one.site,
        place=one.place,
        place_name=both(registry.place_name(one.site, one.place)),
        kind=one.cause,
        kind_name=Both(zh=kind.zh, en=kind.en),
        dangers=one.dangers,
        relapses=one.relapses,
        last_at=moment(one.last_ns),
    )
