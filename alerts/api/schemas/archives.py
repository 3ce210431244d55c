"""Response schemas of yearly archives."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alerts import format_time
from alerts.documents import archives

from .fields import Body, SiteId, Time, Username


class ArchivedDocument(Body):
    """One frozen document."""

    name: Annotated[str, Field(examples=["yearly_register.pdf"])]
    sha256: Annotated[str, Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])]
    size: Annotated[int, Field(description="bytes", examples=[20480])]


class Archive(Body):
    """One edition of the archive of a year. position, digest: last journal entry that it contains."""

    site: SiteId
    year: Annotated[int, Field(examples=[2025])]
    edition: Annotated[int, Field(examples=[1])]
    note: Annotated[str, Field(description="reason of a further edition", examples=[""])]
    position: Annotated[int, Field(examples=[4711])]
    digest: Annotated[str, Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])]
    made_by: Username
    made_at: Time
    documents: list[ArchivedDocument]


class ArchiveList(Body):
    """Archives of a site. missing: past years with dangers and without an archive."""

    items: list[Archive]
    missing: Annotated[list[int], Field(examples=[[2025]])]


def archive_body(archive: archives.Archive) -> Archive:
    """Return an archive with the list of its documents."""
    documents = [ArchivedDocument.model_validate(one) for one in archive.documents]
    return Archive(
        site=archive.site,
        year=archive.year,
        edition=archive.edition,
        note=archive.note,
        position=archive.position,
        digest=archive.digest,
        made_by=archive.made_by,
        made_at=format_time(archive.made_ns),
        documents=documents,
    )
