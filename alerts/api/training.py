"""Routes of training: courses by post, plan, records, and the list as a file."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import BaseModel, Field

from alerts.database import keyset
from alerts.rosters.model import Roster
from alerts.training.validation import NewRecord

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SitePath, listed
from .documents import file_response
from .list_files import FILE, MEDIA, decoded
from .problem import VersionNeeded, problems
from .schemas.training import (
    CourseBody,
    Recorded,
    RecordList,
    TrainingPlan,
    course_body,
    plan_body,
    record_body,
)
from .versions import WITH_ETAG, IfMatch, mark, version_of

router = APIRouter(tags=["training"])
CoursePath = Annotated[str, Path(max_length=64, description="id of a lesson or drill")]


class CourseEdit(BaseModel, extra="forbid"):
    """A lesson or drill that posts need."""

    kind: Literal["lesson", "drill"]
    name: Annotated[dict[str, str], Field(examples=[{"zh": "灭火器使用", "en": "Use of extinguishers"}])]
    posts: Annotated[list[str], Field(max_length=200, examples=[["dorm-duty"]])]
    valid_days: Annotated[int, Field(description="validity of a record (d)", examples=[365])]


class RecordToAdd(BaseModel, extra="forbid"):
    """One record. post: empty for the first of the course; valid_until: empty for the validity of the course."""

    course: Annotated[str, Field(max_length=64, examples=["fire-101"])]
    person: Annotated[str, Field(max_length=64, description="id in the roster", examples=["li"])]
    held_on: Annotated[str, Field(max_length=32, examples=["2026-09-01"])]
    post: Annotated[str, Field(max_length=64)] = ""
    valid_until: Annotated[str, Field(max_length=32)] = ""
    evidence: Annotated[str, Field(max_length=500, examples=["sign-in sheet 12"])] = ""


class RecordsToAdd(BaseModel, extra="forbid"):
    """Records to add, all or none."""

    records: Annotated[list[RecordToAdd], Field(min_length=1, max_length=500)]


class RecordsToImport(BaseModel, extra="forbid"):
    """List to import. content: the file in base64; check: report errors and numbers without an import."""

    format: Literal["xlsx", "csv"]
    content: Annotated[str, Field(min_length=1, examples=["Y291cnNlLHBlcnNvbixoZWxkX29uCg=="])]
    check: bool = False


@router.get("/training/{site}", responses=problems(404))
def plan(service: DependenciesIn, actor: ActorIn, site: SitePath) -> TrainingPlan:
    """Return the lessons and drills of a school, and the needs of each person of each post; lapsed training first."""
    training = service.dispatch.training
    return plan_body(site, training.courses(actor, site), training.plan(actor, site), _roster(service, site))


@router.put("/training/{site}/courses/{course}", responses=problems(404, 412) | WITH_ETAG)
def put_course(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    course: CoursePath,
    response: Response,
    given: Annotated[CourseEdit, Body()],
    if_match: IfMatch = None,
) -> CourseBody:
    """Create or change a lesson or drill. Persons have 30 days for the first record of a new one."""
    version = version_of(if_match)
    made = service.dispatch.training.put_course(actor, site, course, **given.model_dump(), version=version)
    mark(response, made.version)
    return course_body(made)


@router.delete("/training/{site}/courses/{course}", status_code=204, responses=problems(404, 412, 428))
def remove_course(
    service: DependenciesIn, actor: ActorIn, site: SitePath, course: CoursePath, if_match: IfMatch = None
) -> None:
    """Remove a lesson or drill; its records stay."""
    service.dispatch.training.courses(actor, site)
    version = version_of(if_match)
    if version is None:
        raise VersionNeeded("course")
    service.dispatch.training.remove_course(actor, site, course, version=version)


@router.get("/training/{site}/records", responses=problems(404))
def records(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SitePath) -> RecordList:
    """List the training records of a school by id."""
    found, roster = service.dispatch.training.records(actor, site), _roster(service, site)
    part = keyset.part("training", found, page, key=lambda one: (one.id,), types=(str,))
    shown, following = listed(part, page, lambda one: keyset.encode("training", (one.id,)))
    return RecordList(items=[record_body(one, roster) for one in shown], next=following)


@router.post("/training/{site}/records", responses=problems(404))
def add(service: DependenciesIn, actor: ActorIn, site: SitePath, given: Annotated[RecordsToAdd, Body()]) -> Recorded:
    """Add records, all or none. A record of the same course, person and day replaces the former one."""
    rows = {f"records.{number}": NewRecord(**one.model_dump()) for number, one in enumerate(given.records)}
    new, changed = service.dispatch.training.add(actor, site, rows)
    return Recorded(new=new, changed=changed, records=len(rows))


@router.post("/training/{site}/list", responses=problems(404))
def import_list(
    service: DependenciesIn, actor: ActorIn, site: SitePath, given: Annotated[RecordsToImport, Body()]
) -> Recorded:
    """Import records of a list, all or none; the response names row and column of every error."""
    from alerts.training.lists import read_list  # noqa: PLC0415 - a start without an import loads no openpyxl

    training = service.dispatch.training
    training.courses(actor, site)  # a foreign site is not found
    rows = read_list(decoded(given.content), form=given.format)
    new, changed = training.add(actor, site, rows, origin=f"list {given.format}", check=given.check)
    return Recorded(new=new, changed=changed, records=len(rows))


@router.get("/training/{site}/list", responses=problems(404) | FILE, response_class=Response)
def export_list(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    form: Annotated[Literal["xlsx", "csv"], Query(alias="format")] = "xlsx",
    language: Annotated[Literal["zh", "en"], Query(alias="lang", description="of the headings")] = "zh",
) -> Response:
    """Return the training records of a school as a list that can be imported again."""
    from alerts.training.lists import write_list  # noqa: PLC0415 - a start without an export loads no openpyxl

    training = service.dispatch.training
    found, courses = training.records(actor, site), training.courses(actor, site)
    content = write_list(found, courses, _roster(service, site), form=form, language=language)
    subject, facts = f"training.{site}", {"format": form}
    service.dispatch.note("training.exported", actor.username, site=site, subject=subject, facts=facts)
    return file_response(content, f"training-{site}", form, MEDIA[form])


def _roster(service: Dependencies, site: str) -> Roster | None:
    duty = service.dispatch.escalating.rosters.present(site)
    return duty.roster if duty else None
