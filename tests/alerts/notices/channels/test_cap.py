"""CAP documents: form by the table, references over restarts, Chinese profile."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import Notice
from alerts.errors import ChannelError
from alerts.notices.channels.cap import CapChannel, CapSettings
from alerts.notices.channels.cap_document import Frame, document, write_document
from alerts.notices.channels.cap_rules import NAMESPACE, cap_errors
from alerts.risk.causes import causes

START_NS = 1_790_000_000_000_000_000
GB_SENDER = "11010541200000"
FRAME = Frame("id-1", "school-1", START_NS, "cap", "Private", "bureau", (), {"fire": "12A"}, START_NS + 10**13)


class Clock:
    """Nanoseconds; each reading is a second later."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        """Return the next second."""
        self.now_ns += 10**9
        return self.now_ns


def settings(folder: Path, **changes: Any) -> CapSettings:
    """Return settings of a folder."""
    return CapSettings(**({"name": "cap", "folder": folder, "sender": "school-1"} | changes))


def found(root: Element, name: str) -> str:
    """Return the text of the first element of this name."""
    return root.findtext(f".//{{{NAMESPACE}}}{name}", "")


def documents(folder: Path) -> list[Element]:
    """Return the sent documents in order."""
    return [parsed(path.read_bytes()) for path in sorted(folder.glob("*.xml"))]


def parsed(content: bytes) -> Element:
    """Return the root of a document."""
    return fromstring(content)  # noqa: S314 - written by the channel


texts = st.text(max_size=60)


@given(st.sampled_from(sorted(causes())), st.sampled_from(["red", "orange", "yellow", "blue"]), texts, st.booleans())
def test_every_document_follows_the_standard(kind: str, grade: str, text: str, drill: bool) -> None:  # noqa: FBT001 - hypothesis
    """Any name, also with mark-up and control characters, gives a valid document that reads back."""
    body = {"alarm_id": "h", "site": "s", "kind": kind, "grade": grade, "drill": drill, "active": True}
    body |= {"place": {"zh": text, "en": text}, "text": {"zh": text, "en": text}}
    notice = Notice.pending("m", channel="c", type="hazard.opened", body=body, at_ns=START_NS)
    for references in ((), ("school-1,id-0,2026-09-21T22:13:20+08:00",)):
        root = parsed(write_document(document(notice, replace(FRAME, references=references))))
        assert cap_errors(root) == []
        assert found(root, "status") == ("Exercise" if drill else "Actual")
        assert found(root, "msgType") == ("Update" if references else "Alert")
        assert [info.findtext(f"{{{NAMESPACE}}}language") for info in root.iter(f"{{{NAMESPACE}}}info")] == [
            "zh-CN",
            "en",
        ]


def changed(path: str, text: str | None) -> Callable[[Element], None]:
    """Return a change of a valid document: another text of an element, or its removal."""

    def change(root: Element) -> None:
        parent = root if "/" not in path else root.find(f"{{{NAMESPACE}}}{path.partition('/')[0]}")
        assert parent is not None
        child = parent.find(f"{{{NAMESPACE}}}{path.rpartition('/')[2]}")
        assert child is not None
        if text is None:
            parent.remove(child)
        else:
            child.text = text

    return change


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (changed("identifier", "two words"), "identifier"),
        (changed("sent", "2026-09-21T14:13:20Z"), "sent"),
        (changed("status", "Real"), "status"),
        (changed("addresses", None), "addresses"),
        (changed("info/category", "Flames"), "category"),
        (changed("info/severity", None), "severity"),
        (changed("info/description", " "), "description"),
        (lambda root: root.append(Element(f"{{{NAMESPACE}}}note")), "order"),
        (lambda root: root.append(Element("foreign")), "not allowed"),
    ],
)
def test_each_deviation_is_named(notice: Callable[..., Notice], change: Callable[[Element], None], error: str) -> None:
    """Wrong forms, values, order and counts are found with their path."""
    root = document(notice(), FRAME)
    change(root)
    assert any(error in line for line in cap_errors(root))


def test_update_all_clear_and_relapse_refer_to_what_was_sent(tmp_path: Path, notice: Callable[..., Notice]) -> None:
    """References survive a restart; an all-clear ends the series, and a relapse begins another one."""
    clock, steps = Clock(), ("hazard.opened", "hazard.raised", "hazard.cleared", "hazard.relapsed")
    for kind in steps:
        channel = CapChannel(settings(tmp_path), clock)  # as after a restart
        assert channel.deliver(notice(kind, f"msg-{kind}", active=kind != "hazard.cleared")).delivered
    sent = documents(tmp_path)
    assert [found(one, "msgType") for one in sent] == ["Alert", "Update", "Update", "Alert"]
    assert found(sent[2], "responseType") == "AllClear"
    for number in (1, 2):
        names = [f"{found(one, 'sender')},{found(one, 'identifier')},{found(one, 'sent')}" for one in sent[:number]]
        assert found(sent[number], "references") == " ".join(names)
    assert all(cap_errors(one) == [] for one in sent)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_false_report_is_cancelled_and_an_unknown_one_is_not(tmp_path: Path, notice: Callable[..., Notice]) -> None:
    """Cancel refers to the alert; nothing is sent about a hazard without a document at the bureau."""
    channel = CapChannel(settings(tmp_path), Clock())
    assert channel.deliver(notice("ticket.mark_false", "msg-0")).delivered
    assert documents(tmp_path) == []
    assert channel.deliver(notice("hazard.opened", "msg-1")).delivered
    assert channel.deliver(notice("ticket.mark_false", "msg-2")).delivered
    assert found(documents(tmp_path)[1], "msgType") == "Cancel"
    assert "msg-1" in found(documents(tmp_path)[1], "references")


def test_every_attempt_sends_the_same_bytes(tmp_path: Path, peer: Any, notice: Callable[..., Notice]) -> None:
    """The bureau's server fails, then accepts; a repeat after the receipt sends nothing."""
    clock = Clock()
    given = settings(tmp_path, url=peer.url(), token="tok-9f3e", allow_private=True)
    peer.answer = lambda *_: (503, b"")
    first = CapChannel(given, clock).deliver(notice())
    assert (first.delivered, first.retry) == (False, True)
    peer.answer = lambda *_: (200, b"")
    channel = CapChannel(given, clock)
    assert [channel.deliver(notice()).delivered for _ in range(2)] == [True, True]
    assert len({body for _, _, body in peer.requests}) == 1
    assert len(peer.requests) == 2
    assert peer.requests[0][1]["authorization"] == "Bearer tok-9f3e"
    assert peer.requests[0][1]["content-type"] == "application/cap+xml"
    assert "tok-9f3e" not in repr(given)


def test_the_chinese_profile_has_its_identifier_and_times(tmp_path: Path, notice: Callable[..., Notice]) -> None:
    """Identifier of 31 characters, sender of 14, a space in times, severity by colour, Chinese alone."""
    channel = CapChannel(settings(tmp_path, profile="gbt35965", sender=GB_SENDER), lambda: START_NS)
    for number in range(10):
        assert channel.deliver(notice(notice_id=f"msg-{number}", alarm_id=f"h{number}")).delivered
    sent = documents(tmp_path)
    numbers = [found(one, "identifier") for one in sent]
    assert len(set(numbers)) == 10
    assert all(re.fullmatch(r"11010541200000_\d{14}_\d", one) and len(one) == 31 for one in numbers)
    assert found(sent[0], "sent") == "2026-09-21 22:13:20+08:00"
    assert found(sent[0], "severity") == "Red"
    assert [info.text for info in sent[0].iter(f"{{{NAMESPACE}}}language")] == ["zh-CN"]
    assert channel.deliver(notice(notice_id="msg-x", alarm_id="hx")).retry  # the eleventh of one second
    assert list(settings(tmp_path, profile="gbt35965").errors()) != []


def test_drills_and_silent_changes_stay_in_the_school(tmp_path: Path) -> None:
    """Drills are sent only where the bureau takes part, as Exercise; ends are always sent."""
    quiet, joined = (CapChannel(settings(tmp_path, drills=drills), Clock()) for drills in (False, True))
    for channel, drill in ((quiet, False), (joined, True)):
        assert channel.accepts("hazard.opened", {"drill": True}, pages=False) is drill
        assert channel.accepts("hazard.opened", {}, pages=True)
        assert channel.accepts("hazard.cleared", {}, pages=False)
        assert not channel.accepts("hazard.opened", {}, pages=False)
        assert not channel.accepts("ticket.assign", {}, pages=False)


def test_an_unusable_folder_or_address_is_an_error_of_the_start(tmp_path: Path, notice: Callable[..., Notice]) -> None:
    """A file in place of the folder, plain http, and an alarm id with a path are refused."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ChannelError, match="file"):
        CapChannel(settings(tmp_path / "file" / "x"), Clock())
    with pytest.raises(ChannelError, match="https"):
        CapChannel(settings(tmp_path, url="http://example.org/"), Clock())
    refused = CapChannel(settings(tmp_path), Clock()).deliver(notice(alarm_id="../x"))
    assert (refused.delivered, refused.retry) == (False, False)
