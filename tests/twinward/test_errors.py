"""Errors of a start: those of a database server differ from wrong settings."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from alerts import NotOwner
from twinward.errors import ConfigError, LogUnavailable, TwinwardError, as_cli_errors, of_server


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        (LogUnavailable("db", "timeout"), True),
        (OperationalError("SELECT 1", {}, Exception("connection lost")), True),
        (NotOwner(), True),
        (ValueError("port"), False),
        (FileNotFoundError(2, "no such file", "x"), False),
    ],
)
def test_an_error_of_the_server_is_recognised_by_its_cause(cause: Exception, found: bool) -> None:  # noqa: FBT001
    """The command line's error keeps the cause; a server that answers again needs no person."""
    with pytest.raises(TwinwardError) as raised, as_cli_errors(type(cause)):
        raise cause
    assert (of_server(raised.value), of_server(cause)) == (found, found)
    assert not of_server(ConfigError(["log.url: wrong"]))
