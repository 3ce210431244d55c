"""Channel to people through Apprise: DingTalk, WeCom, Feishu, Bark, ntfy, e-mail, SMS and others."""

from __future__ import annotations

import apprise

from alerts.errors import ChannelError
from alerts.model import Notice, Receipt
from alerts.risk.grading import COLOUR_ZH

from .plain_text import plain
from .routes import ORDERS

DRILL = ("演练 ", "DRILL ")


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
    """Return grade and place, Chinese before English. A drill is marked before everything else."""
    grade = str(notice.body.get("grade", ""))
    place = notice.body.get("place", {})
    zh, en = (plain(str(place.get(language, ""))) for language in ("zh", "en"))
    drill_zh, drill_en = DRILL if notice.body.get("drill") else ("", "")
    return f"【{drill_zh}{COLOUR_ZH.get(grade, plain(grade))}】{zh} / {drill_en}{plain(grade.upper())} {en}"


def text(notice: Notice) -> str:
    """Return the hazard's text in both languages and its ticket."""
    words = notice.body.get("text", {})
    ticket = notice.body.get("ticket")
    unstored = "尚未存储 / not stored yet" if notice.body.get("from_memory") else ""
    number = f"工单 / ticket {ticket}" if ticket else ""
    reply = notice.body.get("reply", {})
    code = f"短信回复 / reply by SMS: {reply['code']}" if reply.get("code") else ""
    asked = "确认收到 / confirm the receipt" if notice.type.startswith(ORDERS) else "接手 / take the alarm"
    link = f"{asked}: {reply['link']}" if reply.get("link") else ""
    lines = [plain(line) for line in (words.get("zh", ""), words.get("en", ""), number, code, unstored) if line]
    return "\n".join([*lines, *([link] if link else []), plain(notice.id)])  # the link of this service stays a link
