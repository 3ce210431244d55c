"""Plain text for e-mail and chat: names of devices and places never become links, mentions or mark-up."""

from __future__ import annotations

import re
import unicodedata

_BREAK = "\u200b"  # zero width space: readers see the same text, and no program finds a link in it
_LINK = re.compile(r"(?<=\w)(?=[.。．｡][^\W\d])|(?<=:)(?=[/\\])|(?<=@)(?=\w)|(?<=\w)(?=@)|(?<=\w)(?=:[^\s:])")
"""Positions inside a host name, a URL, an e-mail address, a mention, and behind a scheme such as `tel:`."""
_EMPHASIS = re.compile(r"(?<!\w)_|_(?!\w)")
_WIDE = str.maketrans({mark: chr(ord(mark) + 0xFEE0) for mark in "<>[]`*~|\\"})
"""Characters that are mark-up in HTML, Markdown or a chat's own format -> their full-width forms."""
_HEADING = re.compile(r"\A\s*(#+)")


def plain(text: str) -> str:
    """Return one line that every channel shows as text.

    Control and direction characters become spaces, mark-up its full-width form, and links are broken invisibly.

    >>> plain("<b>Room 101</b>")
    '＜b＞Room 101＜/b＞'
    >>> plain("see evil.com, 3.5 m").replace("\u200b", "|")
    'see evil|.com, 3.5 m'
    """
    line = "".join(" " if unicodedata.category(char) in _UNSEEN else char for char in text)
    line = _HEADING.sub(lambda found: "＃" * len(found[1]), line.translate(_WIDE))
    return _LINK.sub(_BREAK, _EMPHASIS.sub("＿", line))


_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Controls, formats (also those that reverse the direction), surrogates, line and paragraph separators."""
