"""Channel file: every kind opens, passes the contract, and reports errors without secrets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from annotated_types import DocInfo

from alerts import Notice
from alerts.notices.channels import ChannelError, NotifySettings, open_channels
from alerts.notices.channels.channel_file import KINDS, settings_of
from alerts.notices.channels.contract import Pushing
from alerts.people.push_devices import PushDevices
from tests.processes import free_port

from .browsers import add_browser

DEAD = "127.0.0.1:9"
SECRET = "0123456789abcdef0123456789abcdef"
QUIET = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise probes for it
FILE = f"""
[[robot]]
name = "robot"
kind = "dingtalk"
url = "http://{DEAD}/robot/send?access_token={SECRET}"
secret = "{SECRET}"
allow_private = true

[[apprise]]
name = "ntfy"
address = "ntfy://{SECRET}:x@{DEAD}/topic"

[[mail]]
name = "mail"
host = "127.0.0.1"
port = 9
sender = "alarm@school.example"
recipients = ["li@school.example"]
username = "li"
password = "{SECRET}"

[[sms]]
name = "sms"
provider = "tencent"
numbers = ["+8613800000000"]
url = "http://{DEAD}/"
allow_private = true
secrets = {{secret_id = "i", secret_key = "{SECRET}", app_id = "1", sign_name = "n", template_id = "1"}}

[[sms_spool]]
name = "modem"
numbers = ["+8613800000000"]
outbox = "~/outbox"
sent = "~/sent"
errors_folder = "~/errors"

[[voice]]
name = "voice"
line = "sip:a@127.0.0.1"
listen = "127.0.0.1:PORT"
register_s = 0
numbers = ["sip:b@127.0.0.1:9"]
ring_s = 2
password = "{SECRET}"

[[siren]]
name = "siren"
broker = "127.0.0.1"
port = 9
topic = "a/set"
feedback_topic = "a"
style = "home_assistant"
password = "{SECRET}"

[[alertmanager]]
name = "alertmanager"
url = "http://{DEAD}/api/v2/alerts"
allow_private = true

[[pagerduty]]
name = "pagerduty"
url = "http://{DEAD}/"
routing_key = "{SECRET}"
allow_private = true

[[cap]]
name = "bureau"
folder = "~/cap"
sender = "school-1"
url = "http://{DEAD}/"
token = "{SECRET}"
allow_private = true

[[web_push]]
name = "push"
contact = "safety@school.example"
allow_private = true
"""


def free_port_line(text: str) -> str:
    """Return the text with a free port in place of PORT."""
    return text.replace("PORT", str(free_port()))


def written(folder: Path, text: str, mode: int = 0o600) -> NotifySettings:
    """Return settings with a channel file of this text; ~ is the folder."""
    for name in ("outbox", "sent", "errors"):
        (folder / name).mkdir(exist_ok=True)
    path = folder / "channels.toml"
    path.write_text(free_port_line(text).replace("~", str(folder)), encoding="utf-8")
    path.chmod(mode)
    return NotifySettings(channels_file=path)


@QUIET
def test_every_kind_obeys_the_contract(tmp_path: Path, notice: Callable[..., Notice], devices: PushDevices) -> None:
    """Against a dead receiver: no exception, a retryable failure within the limit, and no secret in the error."""
    channels = open_channels(written(tmp_path, FILE))
    assert len(channels) == len(KINDS)
    add_browser(devices, f"http://{DEAD}/{SECRET}")
    for channel in channels:
        if isinstance(channel, Pushing):
            channel.use(devices)
    kinds = [("hazard.opened", {}), ("order.evacuate", {"action": "evacuate", "order": "o"})]
    for channel in channels:
        for kind, changes in kinds[channel.name == "siren" :][:1]:
            begun_s = time.monotonic()
            receipt = channel.deliver(notice(kind, to={"address": "li"}, **changes))
            assert time.monotonic() - begun_s < 10, channel.name
            assert (receipt.delivered, receipt.retry) == (False, True), (channel.name, receipt)
            assert SECRET not in receipt.error
        if channel.name in {"siren", "voice"}:
            channel._channel.close()  # type: ignore[attr-defined]


@QUIET
def test_a_fault_of_the_service_breaks_no_channel(tmp_path: Path, notice: Callable[..., Notice]) -> None:
    """Its body has no hazard: a channel delivers, fails, or does not receive it."""
    for channel in open_channels(written(tmp_path, FILE)):
        if channel.name in {"siren", "ntfy", "voice"}:
            continue
        receipt = channel.deliver(notice("service.fault", alarm_id=None, site="", part="broker", since=""))
        assert SECRET not in receipt.error


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('[[fax]]\nname = "a"', "fax: unknown key"),
        ('[[alertmanager]]\nname = "a"\nurl = "https://x.org/"\ncolour = 1', "colour: unknown key"),
        ('[[alertmanager]]\nname = "A b"\nurl = "https://x.org/"', "name"),
        ('[[alertmanager]]\nname = "a"\nurl = "https://x.org/"\ngrades = ["pink"]', "grades"),
        ('[[alertmanager]]\nname = "a"\nurl = "https://x.org/"\nkeep_d = 0', "keep_d"),
        (f'[[pagerduty]]\nname = "a"\nrouting_key = "{SECRET}-wrong"', "routing_key"),
        ('[[cap]]\nname = "a"\nfolder = "~/c"\nsender = "s"\nscope = "Public"', "scope"),
        ('[[mail]]\nname = "a"\nhost = "h"\nsender = "no address"\nrecipients = []', "sender"),
        ('[[siren]]\nname = "a"\nbroker = "b"\ntopic = "t"\nfeedback_topic = "t"\nstyle = "zigbee2mqtt"', "differ"),
        ('[[apprise]]\nname = "a"\naddress = "json://x"\n[[apprise]]\nname = "a"\naddress = "json://y"', "twice"),
        ("[[mail]\n", "TOML"),
    ],
)
def test_an_error_names_its_key_and_no_secret(tmp_path: Path, text: str, error: str) -> None:
    """Unknown tables and keys, wrong values, contradictions, names used twice."""
    with pytest.raises(ChannelError, match=error) as refused:
        open_channels(written(tmp_path, text))
    assert SECRET not in str(refused.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """It contains secrets."""
    with pytest.raises(ChannelError, match="0600"):
        open_channels(written(tmp_path, FILE, 0o644))


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_described(kind: str) -> None:
    """Each key has one line for the manual; secrets do not print."""
    settings = settings_of(kind)
    hints = get_type_hints(settings, include_extras=True)
    for field in fields(settings):  # type: ignore[arg-type]
        marks = getattr(hints[field.name], "__metadata__", ())
        assert any(isinstance(mark, DocInfo) for mark in marks), field.name
        if field.name in {"password", "secret", "secrets", "routing_key", "token", "address"}:
            assert not field.repr, field.name


@QUIET
def test_ntfy_reports_an_error_code_as_a_failure(peer: Any, tmp_path: Path, notice: Callable[..., Notice]) -> None:
    """Apprise delivers only with a status of success."""
    address = f"ntfy://127.0.0.1:{peer.server_port}/topic"
    (channel,) = open_channels(written(tmp_path, f'[[apprise]]\nname = "ntfy"\naddress = "{address}"'))
    assert channel.deliver(notice()).delivered
    peer.answer = lambda *_: (507, b'{"code":50701,"http":507,"error":"storage"}')
    assert not channel.deliver(notice()).delivered


def test_a_connection_is_kept_and_replaced_when_the_receiver_closes_it(
    peer: Any, tmp_path: Path, notice: Callable[..., Notice]
) -> None:
    """Ten notices use one connection; a closed one costs no delivery."""
    text = f'[[alertmanager]]\nname = "a"\nurl = "{peer.url()}"\nallow_private = true'
    (channel,) = open_channels(written(tmp_path, text))
    for _ in range(10):
        assert channel.deliver(notice()).delivered
    assert (len(peer.requests), peer.connections) == (10, 1)
    peer.close_after = True
    assert channel.deliver(notice()).delivered
    assert channel.deliver(notice()).delivered
    assert peer.connections == 2
