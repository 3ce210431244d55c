"""Requests to look at the place of an early finding: a notice to the persons on duty, without a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from alerts.database import journal
from alerts.database import rows as records
from alerts.database.schema import notices
from alerts.model import Hazard, Notice, identity
from alerts.rosters.duty import Duty
from alerts.rosters.model import Chain

from .pager import UNCOMPUTED, Router

ASKED = "hazard.verification_asked"
"""Type of the notice and kind of the entry."""
ORDER = {"app": 0.0, "email": 0.0, "sms": 0.0}
_TEXT = {"zh": "早期征兆，请到现场查看：", "en": "early sign, please look at the place: "}


def ask(
    connection: Connection, router: Router, hazard: Hazard, body: Mapping[str, Any], wall: Callable[[], int]
) -> None:
    """Write the requests of the hazard's chain in the caller's transaction, each once for an alarm.

    A roster whose persons cannot be determined asks nobody: the page of the alarm follows in any case.
    """
    duty = router.duty(connection, hazard.site)
    chain = None if duty is None else router.chain(duty, hazard, hazard.grade)
    if duty is None or chain is None or not chain.verify_posts:
        return
    now_ns = wall()
    words = {language: f"{prefix}{body['text'].get(language, '')}" for language, prefix in _TEXT.items()}
    asked = {**body, "page": False, "text": words}
    found = _requests(router, duty, chain, hazard, body=asked, now_ns=now_ns)
    known = set(connection.scalars(select(notices.c.id).where(notices.c.id.in_([one.id for one in found]))))
    fresh = [one for one in found if one.id not in known]
    for notice in fresh:
        records.add(connection, notices, notice)
    if fresh:
        persons = list(dict.fromkeys(name for one in fresh for name in one.body["to"]["persons"]))
        journal.append(
            connection,
            at_ns=now_ns,
            actor="system",
            kind=ASKED,
            site=hazard.site,
            subject=hazard.id,
            facts={"persons": persons, "chain": chain.id},
        )


def _requests(
    router: Router, duty: Duty, chain: Chain, hazard: Hazard, *, body: Mapping[str, Any], now_ns: int
) -> list[Notice]:
    try:
        names = dict.fromkeys(name for post in chain.verify_posts for name in duty.on_duty(post, now_ns))
    except UNCOMPUTED:
        return []
    found = []
    for one in router.reach.messages([duty.roster.persons[name] for name in names], ORDER):
        key = f"msg_{identity(ASKED, hazard.id, hazard.since_ns, one.channel, one.address)}"
        to = {"address": one.address, "medium": one.medium, "persons": list(one.persons), "since_ns": hazard.since_ns}
        about = (hazard.site, hazard.id, "")
        whole = {**body, "to": to}
        found.append(Notice.pending(key, channel=one.channel, type=ASKED, body=whole, at_ns=now_ns, about=about))
    return found
