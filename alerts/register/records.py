"""Records of the risk register: zones and risk points with their versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import RowMapping

from alerts.risk.content import Content, read_content
from alerts.risk.grading import Grade
from alerts.risk.registry import RiskPoint, Zone

State = Literal["draft", "approved", "changed", "removed"]
DRAFT: State = "draft"
APPROVED: State = "approved"
CHANGED: State = "changed"
REMOVED: State = "removed"


@dataclass(frozen=True, slots=True)
class RegisterZone:
    """A zone of the register. key: type of key zone; version 0: a zone of the campus file alone."""

    site: str
    id: str
    number: int
    name: Mapping[str, str]
    key: str
    version: int

    def zone(self, known: Zone | None) -> Zone:
        """Return the zone with outline and people of the campus file, if it has them."""
        base = known or Zone(self.site, self.id)
        return replace(base, name_zh=self.name["zh"], name_en=self.name["en"], key=self.key or base.key)


@dataclass(frozen=True, slots=True)
class Entry:
    """A risk point of the register.

    content: newest edit; approved: content that a person approved, None before; inherent, existing: its grades; live:
    the existing grade, raised by a confirmed proposal. version grows with each edit, approval and removal.
    """

    site: str
    id: str
    zone: str
    number: int
    state: State
    content: Content
    approved: Content | None
    inherent: Grade | None
    existing: Grade | None
    live: Grade | None
    version: int
    approved_version: int
    edited_by: str
    edited_ns: int
    approved_by: str | None
    approved_ns: int | None

    @property
    def subject(self) -> str:
        """Subject of the journal entries."""
        return f"{self.site}/{self.id}"

    def point(self) -> RiskPoint | None:
        """Return the approved risk point, None before its approval."""
        return None if self.approved is None else self.approved.point(self.site, self.id)


def entry_of(row: RowMapping | Mapping[str, Any]) -> Entry:
    """Return the entry of a database row."""
    values: dict[str, Any] = {str(name): value for name, value in row.items()}
    values["content"] = read_content(values.pop("draft"))
    values["approved"] = None if values["approved"] is None else read_content(values["approved"])
    for name in ("inherent", "existing", "live"):
        values[name] = None if values[name] is None else Grade(values[name])
    return Entry(**values)
