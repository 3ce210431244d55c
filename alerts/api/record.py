"""Routes of notices and the audit."""

from __future__ import annotations

from fastapi import APIRouter

from alerts.orders import AUDIT_ORDER, NOTICE_ORDER

from .dependencies import ActorIn, DependenciesIn, PageIn, SiteQuery, listed
from .schemas.record import AuditEntryList, NoticeList, audit_body, notice_body

router = APIRouter(tags=["record"])


@router.get("/notices")
def notices(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> NoticeList:
    """List notices to people and programs with their delivery, the newest first."""
    found = service.dispatch.queries.notices(actor, site=site, page=page)
    rows, following = listed(found, page, NOTICE_ORDER.cursor)
    return NoticeList(items=[notice_body(notice) for notice in rows], next=following)


@router.get("/audit")
def audit(service: DependenciesIn, actor: ActorIn, page: PageIn) -> AuditEntryList:
    """List journal entries, the newest first."""
    rows, following = listed(service.dispatch.queries.audit(actor, page=page), page, AUDIT_ORDER.cursor)
    names = service.people.names({event.actor for event in rows})
    return AuditEntryList(items=[audit_body(event, names) for event in rows], next=following)
