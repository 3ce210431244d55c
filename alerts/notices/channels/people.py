"""Channel to people through Apprise: DingTalk, WeCom, Feishu, Bark, ntfy, e-mail, SMS and others."""

from __future__ import annotations

import apprise

from alerts.errors import ChannelError
from alerts.model import Notice, Receipt

from .plain_text import plain

GRADE_ZH = {"red": "红色", "orange": "橙色", "yellow": "黄色", "blue": "蓝色"}


class PeopleChannel:
    """One address. It receives only pages. The address is a secret and never appears in output."""

    for_programs = False

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self._apprise = apprise.Apprise()
        if not self._apprise.add(address):
            raise ChannelError(f"{name}: Apprise does not know this kind of address")

    def deliver(self, notice: Notice) -> Receipt:
        """Send once in both languages, as plain text. Apprise reports only success or failure."""
        try:
            sent = self._apprise.notify(title=title(notice), body=text(notice), body_format=apprise.NotifyFormat.TEXT)
        except (OSError, TypeError, ValueError) as error:
            return Receipt(delivered=False, error=type(error).__name__)
        return Receipt(delivered=bool(sent), error="" if sent else "the address did not take it")


def title(notice: Notice) -> str:
    """Return grade and place, Chinese before English."""
    grade = str(notice.body.get("grade", ""))
    place = notice.body.get("place", {})
    zh, en = (plain(str(place.get(language, ""))) for language in ("zh", "en"))
    return f"【{GRADE_ZH.get(grade, plain(grade))}】{zh} / {plain(grade.upper())} {en}"


def text(notice: Notice) -> str:
    """Return the hazard's text in both languages and its ticket."""
    words = notice.body.get("text", {})
    ticket = notice.body.get("ticket")
    unstored = "尚未存储 / not stored yet" if notice.body.get("from_memory") else ""
    number = f"工单 / ticket {ticket}" if ticket else ""
    lines = [words.get("zh", ""), words.get("en", ""), number, unstored, notice.id]
    return "\n".join(plain(line) for line in lines if line)
