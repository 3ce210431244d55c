"""The code of the first set-up: it counts for one account, and a refused password does not use it up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from alerts import Forbidden, GuardFailed, Invalid
from alerts.api import setup
from alerts.api.schemas.setup import FirstAdministrator
from twinward.commands.set_up import LINK_FILE, SetUp
from twinward.settings import Settings


@dataclass
class FewPeople:
    """Accounts that refuse a short password."""

    made: list[str] = field(default_factory=list)

    def accounts(self) -> list[str]:
        """Return the names."""
        return self.made

    def create(self, username: str, password: str, **_: object) -> Any:
        """Add a name."""
        if len(password) < 12:
            raise Invalid({"password": "12 characters"}, zh={"password": "12个字符"})
        self.made.append(username)
        return username


def test_the_code_lasts_until_the_first_account_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused password lets the administrator try again; then neither the code nor its file is left."""
    monkeypatch.setattr(setup, "person_body", lambda made: made)
    set_up, people = SetUp(Settings(data_dir=tmp_path), fixed=False), FewPeople()
    code = set_up.link("http://localhost/").rpartition("/")[2]
    request = Request({"type": "http", "headers": [], "method": "POST", "path": "/"})
    service: Any = SimpleNamespace(people=people, installation=set_up)

    def create(code: str, password: str) -> Any:
        return setup.administrator(request, service, FirstAdministrator(code=code, username="a", password=password))

    for wrong in ("", code[:-1], "é"):
        with pytest.raises(Forbidden):
            create(wrong, "a long enough password")
    with pytest.raises(Invalid):
        create(code, "short")
    assert create(code, "a long enough password") == "a"
    assert not (tmp_path / LINK_FILE).exists()
    with pytest.raises(GuardFailed):
        create(code, "a long enough password")
    people.made.clear()
    for spent in (code, ""):
        with pytest.raises(Forbidden):
            create(spent, "a long enough password")
