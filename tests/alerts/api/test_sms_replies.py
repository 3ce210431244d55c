"""SMS replies that a provider posts acknowledge like those of a modem; others change nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from alerts.database.schema import escalations
from alerts.notices.channels import NotifySettings, open_channels
from detectors import Phase
from tests.alerts.api.test_rosters import ROSTER

TOKEN = "a-token-of-thirty-two-characters"
SECRETS = {
    "tencent": {"secret_id": "i", "secret_key": "k", "app_id": "1", "sign_name": "s", "template_id": "7"},
    "aliyun": {"access_key_id": "i", "access_key_secret": "k", "sign_name": "s", "template_code": "S"},
}
SUCCESS = {"tencent": {"result": 0, "errmsg": "OK"}, "aliyun": {"code": 0, "msg": "OK"}}


def posted(provider: str, sender: str, text: str) -> Any:
    """Return the request of a provider for one reply."""
    if provider == "aliyun":
        return [{"phone_number": sender, "content": text, "send_time": "20260921141320", "dest_code": "10690"}]
    return {"mobile": sender, "nationcode": "86", "text": text, "time": 1_790_000_000, "extend": ""}


@pytest.fixture(params=["aliyun", "tencent"])
def provider(request: pytest.FixtureRequest, office: Any, tmp_path: Path) -> str:
    """Return the provider of the channel `sms`, which is part of the running interface, as its file opens it."""
    name = str(request.param)
    secrets = ", ".join(f'{key} = "{value}"' for key, value in (SECRETS[name] | {"reply_token": TOKEN}).items())
    path = tmp_path / "channels.toml"
    path.write_text(f'[[sms]]\nname = "sms"\nprovider = "{name}"\nnumbers = []\nsecrets = {{{secrets}}}\n')
    path.chmod(0o600)
    office.use(open_channels(NotifySettings(channels_file=path)))
    return name


def test_a_posted_reply_takes_the_alarm(office: Any, seen: Any, provider: str) -> None:
    """The person of the number becomes the holder; a repeated request has the same response and no other effect."""
    world, admin = office.world, office.sign_in("admin")
    world.dispatch.escalating.started.router.reach._mediums["sms"] = "sms"
    admin.put("rosters/school-1", json=ROSTER)
    world.now_ns = time.time_ns()
    world.feed(seen(Phase.RAISE))
    world.dispatch.escalating.worker(commits=None, memory=lambda _: None).turn()
    (hazard,) = [row for row in world.hazards if row.site == "school-1"]
    with world.engine.connect() as connection:
        code = connection.scalars(select(escalations.c.code).where(escalations.c.hazard == hazard.id)).one()
    stranger, address = office.client(), f"sms-replies/sms/{TOKEN}"
    refused = stranger.post(address, json=posted(provider, "13999999999", f"4 {code}"))
    assert (refused.status_code, refused.json()) == (200, SUCCESS[provider])  # the provider must not repeat it
    assert admin.get(f"hazards/{hazard.id}/escalation").json()["state"] == "running"
    for _ in range(2):
        done = stranger.post(address, json=posted(provider, "13800000001", f"4 {code}"))
        assert (done.status_code, done.json()) == (200, SUCCESS[provider])
        state = admin.get(f"hazards/{hazard.id}/escalation").json()
        assert state["state"] == "taken"
        assert {(one["user"], one["via"]) for one in state["acknowledged"]} == {("li", "sms")}


def test_another_token_channel_or_form_is_refused(office: Any, provider: str) -> None:
    """404 names neither channel nor token; 422 names the key that is missing; one wrong reply refuses the request."""
    stranger, reply = office.client(), posted(provider, "13800000001", "4 1234")
    for address in (
        f"sms-replies/sms/{TOKEN[:-1]}",
        f"sms-replies/other/{TOKEN}",
        "sms-replies/sms/x",
    ):
        assert stranger.post(address, json=reply).status_code == 404
    address, rows = f"sms-replies/sms/{TOKEN}", reply if isinstance(reply, list) else [reply]
    wrong: Any
    for wrong in ({}, [1], [{}], "text", [*rows, {}], [{}] * 101, None):
        answer = stranger.post(address, json=wrong)
        assert answer.status_code == 422, wrong
        assert answer.json()["errors"]
    assert stranger.post(address, content=b"\xff{").status_code == 422


def test_the_log_of_a_failure_has_no_token(office: Any, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token in the path is the only proof of a provider; with it, anyone could answer for a person."""

    def fail(*_given: Any) -> str:
        raise OperationalError("SELECT 1", {}, Exception("database is locked"))

    monkeypatch.setattr(office.app.state.parts.gateways["sms"], "take_replies", fail)
    with capture_logs() as lines:
        answer = office.client().post(f"sms-replies/sms/{TOKEN}", json=posted(provider, "13800000001", "4 1234"))
    assert answer.status_code == 503
    assert [one["path"] for one in lines if one["event"] == "storage unavailable"] == ["/api/v1/sms-replies/sms/…"]
    assert TOKEN not in str(lines)
