"""Registry of accounts, the files derived from it, and refused names and prefixes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinward.broker.accounts import AccountError, Accounts, check_name, check_prefix
from twinward.broker.passwords import matches


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    """Accounts in an empty folder."""
    return Accounts(tmp_path / "broker", "twinward")


def entries(accounts: Accounts) -> dict[str, str]:
    """Return name -> entry of the password file."""
    lines = accounts.password_list.read_text(encoding="utf-8").splitlines()
    return {name: entry for name, _, entry in (line.partition(":") for line in lines)}


def test_the_service_has_two_accounts_and_one_stored_password(accounts: Accounts) -> None:
    """The second is for the second session; a further call changes no file."""
    accounts.prepare()
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in accounts.folder.iterdir()}
    password = accounts.password_file.read_text(encoding="utf-8").strip()
    assert set(entries(accounts)) == {"twinward", "twinward-lookout"}
    assert all(matches(password, entry) for entry in entries(accounts).values())
    accounts.prepare()
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in accounts.folder.iterdir()} == before
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in before)
    assert accounts.folder.stat().st_mode & 0o777 == 0o700


def test_the_access_list_names_literal_topics_of_each_account(accounts: Accounts) -> None:
    """A device writes its own topics and reads nothing; a gateway has its prefixes."""
    accounts.add("d1", site="s1")
    accounts.add("panel", site="s1", sensors=["smoke-1", "smoke-2"])
    accounts.add("z2m", site="", prefixes=["zigbee2mqtt", "homeassistant/sensor"])
    text = accounts.access_list.read_text(encoding="utf-8")
    assert "user d1\ntopic write campus/s1/+/d1\nuser panel\n" in text
    assert "user panel\ntopic write campus/s1/+/smoke-1\ntopic write campus/s1/+/smoke-2\nuser z2m\n" in text
    assert text.endswith("user z2m\ntopic readwrite zigbee2mqtt/#\ntopic readwrite homeassistant/sensor/#\n")
    assert "pattern" not in text


def test_rotate_and_revoke_change_one_account(accounts: Accounts) -> None:
    """The passwords of all others stay."""
    passwords = {name: accounts.add(name, site="s1") for name in ("a", "b", "c")}
    fresh = accounts.rotate("a")
    accounts.revoke("b")
    found = entries(accounts)
    assert matches(fresh, found["a"])
    assert not matches(passwords["a"], found["a"])
    assert matches(passwords["c"], found["c"])
    assert "b" not in found
    assert "user b\n" not in accounts.access_list.read_text(encoding="utf-8")
    assert [account.name for account in accounts.all()] == ["a", "c"]


@pytest.mark.parametrize("lost", ["passwords", "acl"])
def test_a_lost_file_is_written_again(accounts: Accounts, lost: str) -> None:
    """Both files derive from the registry, so a command that was killed between the writes is completed."""
    password = accounts.add("d1", site="s1")
    path = accounts.folder / lost
    text = path.read_text(encoding="utf-8")
    path.unlink()
    accounts.prepare()
    assert matches(password, entries(accounts)["d1"])
    assert lost == "passwords" or path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("d1", {"site": "s1"}, "exists"),
        ("d2", {"site": "s1", "sensors": ["d1"]}, "has the account 'd1'"),
        ("twinward", {"site": "s1"}, "account of the service"),
        ("twinward-lookout", {"site": "s1"}, "account of the service"),
        ("d3", {"site": ""}, "allowed is the site"),
        ("d3", {"site": "_service"}, "not allowed"),
        ("_service", {"site": "s1"}, "reserved"),
        ("d3", {"site": "s+"}, "1 to 64"),
        ("a b", {"site": "s1"}, "1 to 64"),
        ("d3", {"site": "", "prefixes": ["campus"]}, "every site"),
        ("d3", {"site": "", "prefixes": ["campus/_service/x"]}, "topics of the service"),
    ],
)
def test_a_wrong_account_is_refused(accounts: Accounts, name: str, options: dict[str, object], message: str) -> None:
    """The error has the value and the allowed values; nothing changes."""
    accounts.add("d1", site="s1")
    before = accounts.password_list.read_bytes()
    with pytest.raises(AccountError, match=message):
        accounts.add(name, **options)  # type: ignore[arg-type]
    assert accounts.password_list.read_bytes() == before


@pytest.mark.parametrize("name", ["unknown", "twinward"])
def test_an_unknown_account_can_be_neither_rotated_nor_revoked(accounts: Accounts, name: str) -> None:
    """The service's own account is no device."""
    accounts.prepare()
    for change in (accounts.rotate, accounts.revoke):
        with pytest.raises(AccountError, match=name):
            change(name)


@given(st.text(max_size=70))
def test_a_name_never_leaves_its_line_or_topic(name: str) -> None:
    """Accepted names contain no separator of topics, access lists or password files."""
    try:
        check_name(name, "name")
    except AccountError:
        return
    assert name.isascii()
    assert name
    assert not set(name) & set("+#/%$: \n\r\t\0")


@given(st.text(alphabet="ab/+# \n\0$", max_size=12))
def test_a_prefix_has_no_wildcard_and_no_empty_level(prefix: str) -> None:
    """A prefix stays one line and one branch of topics."""
    try:
        check_prefix(prefix)
    except AccountError:
        return
    assert all(prefix.split("/"))
    assert prefix.strip() == prefix
    assert not set(prefix) & set("+#\n\0")


def test_an_unreadable_registry_is_one_error(accounts: Accounts) -> None:
    """No account is lost by a damaged registry: the command refuses."""
    accounts.add("d1", site="s1")
    (accounts.folder / "accounts.json").write_text("{", encoding="utf-8")
    with pytest.raises(AccountError, match=r"accounts\.json cannot be read"):
        accounts.add("d2", site="s1")
    assert "d1" in entries(accounts)


def _add(folder: Path, number: int) -> None:
    Accounts(folder, "twinward").add(f"d{number}", site="s1")


def test_concurrent_commands_lose_no_account(accounts: Accounts) -> None:
    """Eight processes add one account each."""
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=_add, args=(accounts.folder, number)) for number in range(8)]
    for each in running:
        each.start()
    for each in running:
        each.join(60)
    assert [each.exitcode for each in running] == [0] * 8
    assert len(accounts.all()) == 8
