"""Server that does not answer: sessions end, none begins, and the lease ends by the owner's clock."""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from typing import Any

import pytest

from twinward.errors import LogUnavailable
from twinward.log.owners import Owner
from twinward.log.pulse import Pulse
from twinward.log.session import Session, named

pytestmark = pytest.mark.postgresql


def test_a_call_that_does_not_return_ends_every_session(server_logs: Any) -> None:
    """A waiting statement raises; sessions begin again after the next successful call."""
    now_s, url = [0.0], server_logs.url
    pulse, ends, found = Pulse("db", silent_s=3, monotonic=lambda: now_s[0]), list[bool](), list[str]()
    pulse.ends.append(lambda: ends.append(True))
    session = Session(url, pulse=pulse)

    def sleep() -> None:
        try:
            with named(url):
                session.execute("SELECT pg_sleep(60)")
        except LogUnavailable as error:
            found.append(error.reason)

    thread = threading.Thread(target=sleep)
    thread.start()
    time.sleep(0.05)
    with suppress(KeyError), pulse.calling():
        now_s[0] = 2.9
        pulse.look()
        assert not pulse.silent
        now_s[0] = 3.0
        pulse.look()
        raise KeyError
    thread.join(10)
    assert (len(found), ends, pulse.silent) == (1, [True], True)
    session.close()
    with pytest.raises(LogUnavailable, match="not answered for 3 s"):
        Session(url, pulse=pulse)
    with pulse.calling():
        pass
    pulse.look()
    Session(url, pulse=pulse).close()


def test_the_lease_of_an_owner_ends_by_its_own_clock(server_logs: Any) -> None:
    """An owner that cannot renew holds its roles until the lease ends, and another one from its claim on."""
    now_s = [100.0]
    with closing(Owner(server_logs.url, "node-c", partition=1, clock_s=lambda: now_s[0])) as owner:
        assert not owner.holds()
        assert owner.claim(["ingest"])
        now_s[0] += 4.9
        assert owner.holds()
        now_s[0] += 0.1
        assert not owner.holds()


def test_a_standby_survives_a_loss_of_its_session(server_logs: Any) -> None:
    """A wait for roles goes on when the server ends the session, and claims them once they are free."""
    with closing(Owner(server_logs.url, "node-b")) as owner:
        noted, ended, claimed = threading.Event(), threading.Event(), list[bool]()
        waiting = threading.Thread(target=lambda: claimed.append(owner.wait(["ingest"], ended, lambda _: noted.set())))
        waiting.start()
        assert noted.wait(10)
        owner._session.end()
        server_logs.edit("UPDATE twinward_log.owners SET node = ''")
        waiting.join(20)
        ended.set()
        assert claimed == [True]
