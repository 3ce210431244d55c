"""Routes of one-time links: the alarm of a link, its acknowledgement, and a page for phones."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Annotated, Literal
from urllib.parse import parse_qs

from fastapi import APIRouter, Body, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from alerts import NotFound
from alerts.escalations.acknowledgements import PASS_ON, SEEN, TAKE, Answer, OpenLink
from alerts.escalations.links import PATH, TOKEN_LENGTH_MAX

from .dependencies import DependenciesIn, parts, peer
from .problem import problems
from .schemas.links import LinkedAlarm, PressResult, linked_alarm

router = APIRouter(tags=["links"])
page = APIRouter(include_in_schema=False)
Token = Annotated[str, Path(max_length=TOKEN_LENGTH_MAX, description="token of the link")]
ACTIONS = {"take": TAKE, "pass_on": PASS_ON, "seen": SEEN}
FORM_BYTES_MAX = 1_024


class Press(BaseModel, extra="forbid"):
    """The press of a button on the page of a link."""

    person: Annotated[str, Field(max_length=64, description="one of the persons of the link", examples=["wang.fang"])]
    action: Literal["take", "pass_on", "seen"] = "take"


@router.get("/links/{token}", responses=problems(404))
def linked(service: DependenciesIn, token: Token) -> LinkedAlarm:
    """Return the alarm or the order of a one-time link.

    It needs no sign-in and records nothing: messengers open links for a preview.
    """
    found = service.dispatch.acknowledgements.open_link(token)
    if found is None:
        raise NotFound("link", "")
    return linked_alarm(found)


@router.post("/links/{token}", responses=problems(404))
def press(request: Request, service: DependenciesIn, token: Token, given: Annotated[Press, Body()]) -> PressResult:
    """Acknowledge the alarm of a link, pass it on, record that the person has seen it, or receive an order.

    A link acknowledges once. A refusal has `accepted` false and its text.
    """
    answer = service.dispatch.acknowledgements.by_link(
        token, person=given.person, action=ACTIONS[given.action], address=peer(request)
    )
    if answer.reason == "link":
        raise NotFound("link", "")
    return PressResult(accepted=answer.accepted, reason=answer.reason, text=dict(answer.text))


@page.get(f"{PATH}{{token}}")
def page_of_link(request: Request, token: str) -> HTMLResponse:
    """Return the page of a link: a form without scripts, for any phone."""
    found = parts(request).dispatch.acknowledgements.open_link(token[: TOKEN_LENGTH_MAX + 1])
    if found is None:
        return _document("链接无效或已过期", "this link is invalid or has expired", status=404)
    return _document(*_lines(found), forms=_forms(found, token))


@page.post(f"{PATH}{{token}}")
async def press_on_page(request: Request, token: str) -> HTMLResponse:
    """Accept the form of the page."""
    content = await request.body()
    given = parse_qs(content[:FORM_BYTES_MAX].decode(errors="replace"))
    person, action = (given.get(name, [""])[0] for name in ("person", "action"))
    accepted = parts(request).dispatch.acknowledgements
    press_button = partial(accepted.by_link, person=person, action=ACTIONS.get(action, ""), address=peer(request))
    answer: Answer = await run_in_threadpool(press_button, token[: TOKEN_LENGTH_MAX + 1])
    return _document(answer.text["zh"], answer.text["en"], status=200 if answer.accepted else 409)


def _lines(found: OpenLink) -> tuple[str, ...]:
    """Return the lines of the alarm: place, sentence, taker."""
    body = found.notice.body
    place, words, drill = body.get("place", {}), body.get("text", {}), body.get("drill")
    lines = ["演练 / DRILL"] if drill else []
    lines += [place.get("zh", ""), place.get("en", ""), words.get("zh", ""), words.get("en", "")]
    if found.taken_by:
        lines.append(f"已由{found.taken_by['zh']}接手 / taken by {found.taken_by['en']}")
    if found.needed > 1:
        lines.append(f"已确认 {found.done}/{found.needed} 人 / acknowledged by {found.done} of {found.needed}")
    return tuple(filter(None, lines))


_TAKE = '<button name="action" value="take">{take}</button> '
_OTHERS = (
    '<button name="action" value="pass_on">转下一人 / pass on to the next person</button> '
    '<button name="action" value="seen">已看到 / I have seen it</button>'
)


def _forms(found: OpenLink, token: str) -> str:
    take = "已收到指令 / I have received the order" if found.order else "我来处理 / I take the alarm"
    buttons = _TAKE.format(take=take) + ("" if found.order else _OTHERS)
    return "".join(
        f'<form method="post" action="{PATH}{escape(token, quote=True)}">'
        f'<input type="hidden" name="person" value="{escape(person.id, quote=True)}">'
        f"<p>{escape(person.name['zh'])} / {escape(person.name['en'])}</p>"
        f"{buttons}</form>"
        for person in found.persons
    )


def _document(*lines: str, forms: str = "", status: int = 200) -> HTMLResponse:
    head = '<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="robots" content="noindex">'
    head += '<meta name="viewport" content="width=device-width"><title>Twinward</title>'
    head += '<link rel="stylesheet" href="/docs.css">'
    text = "".join(f"<p>{escape(line)}</p>" for line in lines)
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(head + text + forms, status, headers=headers)
