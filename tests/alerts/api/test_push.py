"""Web Push of an account: key, registration, wrong input, and its end with the account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.alerts.notices.channels.browsers import Browser

ENDPOINT = "https://push.example/1"


@pytest.fixture
def pushing(office: Any, tmp_path: Path) -> Any:
    """Return an interface whose channel file has Web Push."""
    office.use_web_push(tmp_path)
    return office


def given(endpoint: str = ENDPOINT, **changes: str) -> dict[str, str]:
    """Return a registration."""
    return {"name": "own phone", **Browser(endpoint).subscription(), **changes}


def test_without_a_channel_nobody_registers(office: Any) -> None:
    """The key is null, and a registration is refused."""
    client = office.sign_in("operator")
    assert client.get("me/push").json() == {"key": None, "browsers": []}
    assert client.post("me/push/browsers", json=given()).status_code == 404


def test_an_account_registers_and_removes_its_own_browser(pushing: Any) -> None:
    """Another account neither sees nor removes it; no answer has the address or a key of the browser."""
    client, other = pushing.sign_in("operator"), pushing.sign_in("officer")
    made = client.post("me/push/browsers", json=given())
    assert made.status_code == 201
    shown = client.get("me/push")
    assert shown.json()["browsers"] == [made.json()]
    assert len(shown.json()["key"]) == 87  # 65 bytes
    assert ENDPOINT not in shown.text
    assert other.get("me/push").json()["browsers"] == []
    assert other.delete(f"me/push/browsers/{made.json()['id']}").status_code == 404
    assert client.delete(f"me/push/browsers/{made.json()['id']}").status_code == 204
    assert client.get("me/push").json()["browsers"] == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"endpoint": "http://push.example/1"}, "endpoint"),
        ({"endpoint": "https://127.0.0.1/1"}, None),  # the address is checked when the service sends
        ({"p256dh": "BAAA"}, "p256dh"),
        ({"p256dh": "!" * 87}, "p256dh"),
        ({"auth": "AAAA"}, "auth"),
        ({"auth": "é"}, "auth"),
        ({"name": ""}, "name"),
        ({"name": "x" * 500}, "name"),
        ({"endpoint": "https://push.example/" + "x" * 2_000}, "endpoint"),
    ],
)
def test_a_wrong_subscription_is_refused_by_its_field(pushing: Any, changes: dict[str, str], field: str | None) -> None:
    """Each mistake is named in both languages and registers nothing."""
    client = pushing.sign_in("operator")
    answer = client.post("me/push/browsers", json=given(**changes))
    if field is None:
        assert answer.status_code == 201
        return
    assert answer.status_code == 422
    assert field in answer.text
    assert client.get("me/push").json()["browsers"] == []


@pytest.mark.parametrize("way", ["lock", "end"])
def test_a_lost_account_receives_nothing(pushing: Any, way: str) -> None:
    """A lock and an end remove the browsers at once."""
    admin, operator = pushing.sign_in("admin"), pushing.sign_in("operator")
    assert operator.post("me/push/browsers", json=given()).status_code == 201
    lock, end = "users/operator/lock", "users/operator"
    done = admin.put(lock, json={"locked": True}) if way == "lock" else admin.delete(end)
    assert done.status_code == 200, done.text
    assert pushing.people.push_devices.of("operator") == ()
