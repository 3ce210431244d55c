"""Digests: lower grades together; real pages and those of drills apart, each drill marked."""

from __future__ import annotations

import pytest

from alerts import Notice
from alerts.notices.channels.robots import message
from alerts.notices.channels.sms_gateway import sms_words
from alerts.notices.digests import MIN, digest_of, grouped


def pages(count: int, *, drill: bool = False, grade: str = "yellow") -> list[Notice]:
    """Return waiting pages of places of their own."""
    kind = "exercise" if drill else "real"
    place = [{"zh": f"{kind}{number}室", "en": f"{kind}{number}"} for number in range(count)]
    bodies = [{"grade": grade, "drill": drill, "place": one, "text": {"zh": "漏水", "en": "leak"}} for one in place]
    made = (one["place"]["en"] + grade for one in bodies)  # type: ignore[index] # a table of names
    return [
        Notice.pending(f"msg_{name}", channel="robot", type="hazard.opened", body=body, at_ns=1)
        for name, body in zip(made, bodies, strict=True)
    ]


@pytest.mark.parametrize(("real", "drills"), [(5, 5), (MIN, 1), (1, MIN), (3, 3), (0, MIN), (MIN, 0)])
def test_no_message_has_real_pages_and_pages_of_a_drill(real: int, drills: int) -> None:
    """Each page is in one message; every message of a drill says so in both languages, in SMS too."""
    waiting = [*pages(drills, drill=True), *pages(real), *pages(1, grade="red")]
    groups = list(grouped(waiting, digests=True))
    assert sorted(notice.id for group in groups for notice in group) == sorted(notice.id for notice in waiting)
    for group in groups:
        notice = group[0] if len(group) == 1 else digest_of(group)
        exercise = "exercise" in str(notice.body)
        assert exercise is not ("real" in str(notice.body))
        for shown in (message(notice), sms_words(notice.body)["text"]):
            assert ("演练" in shown) is ("DRILL" in shown) is exercise, shown


def test_real_pages_come_before_those_of_a_drill() -> None:
    """The digest of a drill waits for the real one."""
    digests = [group for group in grouped([*pages(MIN, drill=True), *pages(MIN)], digests=True) if len(group) > 1]
    assert [group[0].body["drill"] for group in digests] == [False, True]
