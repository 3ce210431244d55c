"""Sign-in: ended accounts, known browsers and the second factor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine

from alerts import GuardFailed, Invalid, NotFound, People, open_database
from alerts.people.attempts import FAILURES_AN_HOUR, TooManyFailures
from alerts.people.one_time_codes import STEP_S, code
from alerts.people.second_factor import SecondFactorNeeded
from alerts.people.settings import PeopleSettings

HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "a long password"
SECOND_NS = 1_000_000_000


@dataclass
class Office:
    """Accounts on a database with a clock of the test."""

    engine: Engine
    writes: Any
    now_ns: int = 1_790_000_000 * SECOND_NS

    def people(self, *second_factor: Any) -> People:
        """Return the accounts, as after a start."""
        settings = PeopleSettings(second_factor=second_factor)
        return People(self.engine, lambda: self.now_ns, hasher=HASHER, settings=settings)

    def code(self, secret: str, steps: int = 0) -> str:
        """Return the code of the present time step or one near it."""
        return code(secret, self.now_ns // SECOND_NS // STEP_S + steps)


@pytest.fixture
def office(databases: Any, switched_writes: Any) -> Iterator[Office]:
    """Return an empty database."""
    url = databases.acquire()
    engine = open_database(url)
    yield Office(engine, switched_writes(engine))
    engine.dispose()
    databases.release(url)


def test_an_ended_account_cannot_sign_in_and_keeps_its_name(office: Office) -> None:
    """Its sessions end at once; it stays in the list of all accounts; its name is not reused."""
    people = office.people()
    people.create("admin", PASSWORD, roles=["admin"])
    people.create("wang", PASSWORD, roles=["officer"], name={"zh": "王芳", "en": "Wang"})
    session = people.sign_in("wang", PASSWORD, address="a")
    assert session is not None
    assert people.end("wang").ended_ns == office.now_ns
    assert people.end("wang").ended_ns == office.now_ns, "idempotent"
    assert people.who(session.token) is None
    assert people.sign_in("wang", PASSWORD, address="a") is None
    assert [account.username for account in people.accounts()] == ["admin"]
    assert [account.name["en"] for account in people.accounts(ended=True)] == ["admin", "Wang"]
    with pytest.raises(Invalid, match="no ended account"):
        people.create("wang", PASSWORD, roles=["viewer"])
    with pytest.raises(NotFound):
        people.end("nobody")


def test_the_last_administrator_stays(office: Office) -> None:
    """Neither its end nor another role is accepted; an administrator of fewer sites does not replace it."""
    people = office.people()
    people.create("admin", PASSWORD, roles=["admin"])
    people.create("local", PASSWORD, roles=["admin"], sites=["school-1"])
    for change in (
        lambda: people.end("admin"),
        lambda: people.create("admin", PASSWORD, roles=["viewer"]),
        lambda: people.create("admin", PASSWORD, roles=["admin"], sites=["school-1"]),
    ):
        with pytest.raises(GuardFailed, match="last administrator"):
            change()
    people.end("local")
    people.create("second", PASSWORD, roles=["admin"])
    assert people.end("admin").ended_ns is not None


def test_strangers_do_not_lock_a_known_browser_out(office: Office) -> None:
    """The cookie of an earlier sign-in signs in while its address and its account are under attack."""
    people = office.people()
    people.create("officer", PASSWORD, roles=["officer"])
    people.create("other", PASSWORD, roles=["officer"])
    session = people.sign_in("officer", PASSWORD, address="10.0.0.1")
    assert session is not None
    other = people.sign_in("other", PASSWORD, address="10.0.0.1", browser=session.browser)
    assert other is not None
    assert other.browser.startswith(session.browser), "one browser serves several accounts"
    for _ in range(5):
        assert people.sign_in("officer", "a guess of mine", address="10.0.0.1") is None
    people = _same_limits(people, office.people())
    forged = session.browser[:-1] + ("0" if session.browser[-1] != "0" else "1")
    for cookie in ("", forged, "x" * 5_000, session.browser.partition(".")[0]):
        with pytest.raises(TooManyFailures):
            people.sign_in("officer", PASSWORD, address="10.0.0.1", browser=cookie)
    assert people.sign_in("officer", PASSWORD, address="10.0.0.1", browser=other.browser) is not None
    people.create("officer", "another password", roles=["officer"])
    with pytest.raises(TooManyFailures):
        people.sign_in("officer", "another password", address="10.0.0.1", browser=other.browser)


def _same_limits(before: People, after: People) -> People:
    """Return the restarted accounts with the failures before the restart: the signing key is in the database."""
    after._limiter = before._limiter
    return after


def test_a_role_of_the_policy_enrols_at_its_sign_in(office: Office) -> None:
    """The right password yields a secret; its code opens the session, with recovery codes; a code counts once."""
    office.people().create("admin", PASSWORD, roles=["admin"])
    people = office.people("admin", "city")
    assert people.sign_in("admin", "not the password", address="a") is None
    with pytest.raises(SecondFactorNeeded) as needed:
        people.sign_in("admin", PASSWORD, address="a")
    assert needed.value.enrolment is not None
    secret = needed.value.enrolment.secret
    assert people.sign_in("admin", PASSWORD, address="a", code="000000") is None
    session = people.sign_in("admin", PASSWORD, address="a", code=office.code(secret))
    assert session is not None
    assert len(set(session.recovery_codes)) == 10
    with pytest.raises(SecondFactorNeeded) as again:
        people.sign_in("admin", PASSWORD, address="a")
    assert again.value.enrolment is None
    assert people.sign_in("admin", PASSWORD, address="a", code=office.code(secret)) is None, "a replay"
    assert people.sign_in("admin", PASSWORD, address="b", code=office.code(secret, 1)) is not None
    office.now_ns += 300 * SECOND_NS
    restarted = office.people("admin")
    assert restarted.sign_in("admin", PASSWORD, address="a", code=office.code(secret)) is not None
    spare = session.recovery_codes[3].upper()
    assert restarted.sign_in("admin", PASSWORD, address="a", code=f"{spare[:8]}-{spare[8:]}") is not None
    assert restarted.sign_in("admin", PASSWORD, address="a", code=spare) is None, "a recovery code counts once"


def test_codes_cannot_be_guessed_from_many_addresses(office: Office) -> None:
    """After 30 wrong codes with the right password the account refuses codes, but not in its known browser."""
    people = office.people()
    people.create("admin", PASSWORD, roles=["admin"])
    browser = people.sign_in("admin", PASSWORD, address="a")
    assert browser is not None
    secret = people.second_factors.begin("admin").secret
    assert people.second_factors.confirm("admin", office.code(secret)) is not None
    for number in range(FAILURES_AN_HOUR):
        assert people.sign_in("admin", PASSWORD, address=f"10.0.0.{number}", code="000000") is None
    office.now_ns += 60 * SECOND_NS
    with pytest.raises(TooManyFailures):
        people.sign_in("admin", PASSWORD, address="10.0.1.1", code=office.code(secret))
    known = people.sign_in("admin", PASSWORD, address="10.0.1.1", code=office.code(secret), browser=browser.browser)
    assert known is not None
    assert people.sign_in("admin", "a guess of mine", address="10.0.1.2", code="000000") is None, "no lock by strangers"


def test_without_the_policy_nobody_needs_a_code_but_an_enrolled_account(office: Office) -> None:
    """Existing accounts sign in as before; an enrolled one keeps its protection; a reset removes it."""
    people = office.people()
    people.create("admin", PASSWORD, roles=["admin"])
    assert people.sign_in("admin", PASSWORD, address="a") is not None
    enrolment = people.second_factors.begin("admin")
    assert people.sign_in("admin", PASSWORD, address="a") is not None, "not confirmed yet"
    assert people.second_factors.confirm("admin", office.code(enrolment.secret)) is not None
    with pytest.raises(SecondFactorNeeded):
        people.sign_in("admin", PASSWORD, address="a")
    assert people.reset_second_factor("admin")
    assert people.sign_in("admin", PASSWORD, address="a") is not None


def test_a_full_disk_neither_refuses_a_code_nor_accepts_it_twice(office: Office) -> None:
    """Sign-in permits reads on a full disk; the used step is in memory."""
    people = office.people()
    people.create("admin", PASSWORD, roles=["admin"])
    secret = people.second_factors.begin("admin").secret
    codes = people.second_factors.confirm("admin", office.code(secret))
    assert codes is not None
    office.now_ns += 60 * SECOND_NS
    office.writes.refused = True
    assert people.sign_in("admin", PASSWORD, address="a", code=office.code(secret)) is not None
    assert people.sign_in("admin", PASSWORD, address="a", code=office.code(secret)) is None
    assert people.sign_in("admin", PASSWORD, address="a", code=codes[0]) is not None
    assert people.sign_in("admin", PASSWORD, address="a", code=codes[0]) is None
    office.writes.refused = False


def test_the_password_hash_is_not_in_an_account(office: Office) -> None:
    """An account that code passes around has no secret."""
    people = office.people()
    assert "argon2" not in repr(people.create("wang", PASSWORD, roles=["officer"]))
