"""Replies that an SMS provider posts: JSON form as data, secret token, receiver of the answers."""

from __future__ import annotations

import hmac
from typing import Any

import orjson

from alerts.errors import ChannelError

from .contract import Answers
from .sms_template import ReplyForm

REPLIES_MAX = 100
"""Replies of one request; a provider posts a few."""
TOKEN_MIN = 24
"""Characters of a token, which is the only proof that a request comes from the provider."""
TOKEN = "reply_token"  # noqa: S105 - name of a key of the channel file
_NUMBER_MAX, _TEXT_MAX = 20, 1_000


class PostedReplies:
    """Replies of one channel."""

    def __init__(self, name: str, form: ReplyForm | None, token: str) -> None:
        """Raises ChannelError for a short token, or a template without a form of replies.

        name: of the channel, for errors; token: "" if replies are not wanted.
        """
        self._form, self._token = form, token.encode()
        self.answers: Answers | None = None
        self.accepted_total = self.refused_total = 0
        if token and form is None:
            raise ChannelError(f"{name}: secrets.{TOKEN}: the template has no [replies]")
        if token and (len(token) < TOKEN_MIN or not (token.isascii() and token.replace("-", "").isalnum())):
            raise ChannelError(f"{name}: secrets.{TOKEN}: allowed are {TOKEN_MIN} or more letters, digits and hyphens")

    def take(self, token: str, content: bytes) -> str | None:
        """Pass each reply on, in order; return the provider's response of success, None for a wrong token.

        Raises ValueError for content of another form; nothing of it is passed on.
        """
        form, answers = self._form, self.answers
        if not self._token or form is None or answers is None or not hmac.compare_digest(token.encode(), self._token):
            return None
        for sender, text in _read(form, content):
            accepted = answers.by_reply(sender, text).accepted
            self.accepted_total += accepted
            self.refused_total += not accepted
        return form.success


def _read(form: ReplyForm, content: bytes) -> list[tuple[str, str]]:
    """Return (number, text) of each reply. Raises ValueError."""
    found: Any = orjson.loads(content)
    rows = found if isinstance(found, list) else [found]
    if len(rows) > REPLIES_MAX:
        raise ValueError(f"{len(rows)} replies; allowed: {REPLIES_MAX} a request")
    replies = []
    for row in rows:
        sender, text = (row.get(form.sender), row.get(form.text)) if isinstance(row, dict) else (None, None)
        if not (isinstance(sender, str) and isinstance(text, str)):
            raise ValueError(f"a reply without the texts {form.sender} and {form.text}")  # noqa: TRY004 - content
        replies.append((sender[:_NUMBER_MAX], text[:_TEXT_MAX]))
    return replies
