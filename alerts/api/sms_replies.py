"""Route for the SMS replies that a provider posts.

The token of the channel is in the path, because providers cannot send a header.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from alerts import Invalid, NotFound

from .dependencies import DependenciesIn
from .problem import problems

router = APIRouter(tags=["links"])
NAME_MAX, TOKEN_MAX = 64, 200
_TEXTS = {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}
_FORM = {"anyOf": [_TEXTS, {"type": "array", "items": _TEXTS}]}
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _FORM}}}}
SUCCESS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the provider's own form of success",
        "content": {"application/json": {"schema": _TEXTS | {"examples": [{"code": 0, "msg": "OK"}]}}},
    }
}
Channel = Annotated[str, Path(max_length=NAME_MAX, description="name of the SMS channel")]
Token = Annotated[str, Path(max_length=TOKEN_MAX, description="`reply_token` of the channel")]


@router.post(
    "/sms-replies/{channel}/{token}", responses=SUCCESS | problems(404), response_class=Response, openapi_extra=BODY
)
async def take_replies(request: Request, service: DependenciesIn, channel: Channel, token: Token) -> Response:
    """Take the replies that an SMS provider posts, in its own JSON form; the response is the provider's own.

    A reply acknowledges, passes on or confirms like one to a modem. 404: no such channel, or another token.
    """
    found = service.gateways.get(channel)
    if found is None:
        raise NotFound("channel", "")
    content = await request.body()
    try:
        answer = await run_in_threadpool(partial(found.take_replies, token, content))
    except ValueError as error:
        raise Invalid.in_both({"body": (str(error), "短信回复的格式不正确")}) from error
    if answer is None:
        raise NotFound("channel", "")
    return Response(answer, media_type="application/json")
