"""Known browsers: a signed cookie after each sign-in, so that strangers cannot lock its person out."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from sqlalchemy import Engine

from alerts.database.stored_key import StoredKey

ACCOUNTS_MAX = 8
"""Accounts of one browser; a further one replaces the oldest."""
_KEY = "browser_key"
_COOKIE = re.compile(r"[0-9a-f]{32}(?:\.[0-9a-f]{32}){0,8}")


class KnownBrowsers:
    """Issues and checks the cookies `id.signature...`, one signature for each account that has signed in.

    A signature covers browser, account and its password hash: a new password ends the knowledge of all browsers. The
    signing key is in the database. Methods may be called from several threads.
    """

    def __init__(self, engine: Engine) -> None:
        self._key = StoredKey(engine, _KEY)

    def browser(self, cookie: str, username: str, password_hash: str) -> str:
        """Return the id of a browser in which the account has signed in; "" for any other cookie."""
        if not _COOKIE.fullmatch(cookie):
            return ""
        browser, *signatures = cookie.split(".")
        wanted = self._signature(browser, username, password_hash)
        return browser if any(hmac.compare_digest(given, wanted) for given in signatures) else ""

    def issue(self, cookie: str, username: str, password_hash: str) -> str:
        """Return the cookie of a browser after a sign-in. cookie: its cookie before, "" for none."""
        browser, *signatures = cookie.split(".") if _COOKIE.fullmatch(cookie) else [secrets.token_hex(16)]
        own = self._signature(browser, username, password_hash)
        kept = [given for given in signatures if given != own][-(ACCOUNTS_MAX - 1) :]
        return ".".join((browser, *kept, own))

    def _signature(self, browser: str, username: str, password_hash: str) -> str:
        text = f"{browser}\0{username}\0{password_hash}"
        return hmac.new(self._key.read(), text.encode(), hashlib.sha256).hexdigest()[:32]
