"""The console in degraded mode: the fault, and the alarms that the database does not hold yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from alerts import Notice, ServiceFault, StorageFault
from alerts.api import Condition

pytestmark = pytest.mark.browser

FULL = StorageFault("disk_full", "磁盘已满", "the disk is full")
PLACE = {"zh": "3号宿舍412室", "en": "Dormitory 3, room 412"}
WORDS = {"zh": "感烟探测器报警。", "en": "The smoke detector sounds."}


def alarm(site: str) -> Notice:
    """Return one alarm of that school, as degraded mode provides it."""
    now_ns = time.time_ns()
    body = {"alarm_id": f"h-{site}", "site": site, "place": PLACE, "grade": "red", "text": WORDS}
    facts = {"ticket": "", "channel": "console", "type": "hazard.opened", "body": body, "error": ""}
    times = {"created_ns": now_ns, "next_ns": now_ns, "delivered_ns": None}
    return Notice(id=f"msg_{site}", site=site, hazard=f"h-{site}", state="pending", attempts=0, **facts, **times)


def test_full_disk_and_its_alarms_appear_and_disappear(school: Any, sign_in: Callable[..., Page]) -> None:
    """They arrive by the stream, in both languages, only those of the own school; they disappear after the fault."""
    page = sign_in("operator")
    expect(page.get_by_test_id("connection")).to_contain_text("实时")
    expect(page.get_by_test_id("condition")).to_have_count(0)
    fault = ServiceFault("log", FULL, time.time_ns())
    school.view.said.append(Condition(1, [fault], [alarm("school-1"), alarm("school-9")]))
    cover = page.get_by_test_id("cover")
    expect(cover).to_contain_text("磁盘已满：读数无法存储，报警正由内存直接发出")
    expect(cover.get_by_role("listitem")).to_have_count(1)
    expect(cover).to_contain_text("3号宿舍412室")
    english = sign_in("officer", language="en").get_by_test_id("cover")
    expect(english).to_contain_text("readings are not being stored; alarms are being sent from memory")
    expect(english).to_contain_text("The smoke detector sounds.")
    cover.get_by_role("button", name="查看断线前状态").click()
    expect(page.get_by_test_id("unstored")).to_have_count(1)
    school.view.said.append(Condition(2))
    expect(cover).to_have_count(0)
    expect(page.get_by_test_id("condition")).to_have_count(0)


def test_warning_is_shown_in_yellow(school: Any, sign_in: Callable[..., Page]) -> None:
    """A nearly full disk is a yellow fault, also for a person who signs in later."""
    warning = replace(ServiceFault("disk", FULL, time.time_ns()), grade="yellow")
    school.view.said.append(Condition(1, [warning]))
    page = sign_in("operator", language="en")
    warning_text = page.get_by_test_id("condition").locator("p.yellow")
    expect(warning_text).to_contain_text("nearly full; free space soon")
