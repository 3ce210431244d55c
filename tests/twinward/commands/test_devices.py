"""`twinward devices`: results as JSON, errors as one sentence, reload of the embedded broker."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from twinward.broker.passwords import matches


@pytest.fixture
def devices(tmp_path: Path, run_twinward: Any) -> Any:
    """Function that runs the command with a configuration; returns status, output and errors."""

    def run(settings: str, *arguments: str) -> tuple[int, str, str]:
        config = tmp_path / "twinward.toml"
        config.write_text(f'data_dir = "{tmp_path}/data"\n{settings}', encoding="utf-8")
        command = [*run_twinward.command, "devices", *arguments, "--config", config]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=run_twinward.environment)
        return done.returncode, done.stdout, done.stderr

    return run


EMBEDDED = "[broker]\nembedded = true\n"


def test_accounts_of_an_embedded_broker(devices: Any, tmp_path: Path) -> None:
    """The password is shown once; a list shows topics only; a stopped broker reads the accounts at its start."""
    status, out, _ = devices(EMBEDDED, "add", "smoke-1", "--site", "s1", "--json")
    added = json.loads(out)
    assert status == 0
    assert added["topics"] == ["campus/s1/+/smoke-1"]
    assert added["broker"] == "the broker reads the accounts at its next start"
    _, out, _ = devices(EMBEDDED, "list", "--json")
    assert [json.loads(line)["name"] for line in out.splitlines()] == ["smoke-1"]
    assert "password" not in out
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data" / "broker").iterdir())
    assert added["password"].encode() not in stored
    _, out, _ = devices(EMBEDDED, "rotate", "smoke-1")
    assert "password: " in out
    assert devices(EMBEDDED, "revoke", "smoke-1")[0] == 0
    assert devices(EMBEDDED, "list")[1] == ""


def test_accounts_of_an_external_broker(devices: Any, tmp_path: Path) -> None:
    """The service's password is in the file that the settings name; a sentence requests the reload."""
    secret = tmp_path / "mqtt-password"
    settings = (
        f'[broker]\naccounts_dir = "{tmp_path}/accounts"\n'
        f'[mqtt]\nclient_id = "school"\nusername = "school"\npassword_file = "{secret}"\n'
    )
    status, out, _ = devices(settings, "add", "z2m", "--prefix", "zigbee2mqtt", "--json")
    assert status == 0
    assert "systemctl reload mosquitto" in json.loads(out)["broker"]
    lines = (tmp_path / "accounts" / "passwords").read_text(encoding="utf-8").splitlines()
    entries = dict(line.split(":", 1) for line in lines)
    assert set(entries) == {"school", "school-lookout", "z2m"}
    assert matches(secret.read_text(encoding="utf-8").strip(), entries["school"])
    assert secret.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("settings", "arguments", "sentence"),
    [
        ("", ("add", "a", "--site", "s1"), "accounts_dir"),
        (EMBEDDED, ("add", "a/b", "--site", "s1"), "allowed is 1 to 64 of"),
        (EMBEDDED, ("add", "a"), "allowed is the site of the sensor"),
        (EMBEDDED, ("add", "g", "--prefix", "#"), "prefix: '#' is not allowed"),
        (EMBEDDED, ("rotate", "nobody"), "account 'nobody' does not exist"),
        (EMBEDDED, ("revoke", "twinward"), "belongs to the service"),
        (EMBEDDED + '[mqtt]\nclient_id = "a b"\n', ("list",), "mqtt.client_id: 'a b'"),
    ],
)
def test_an_error_is_one_sentence(devices: Any, settings: str, arguments: tuple[str, ...], sentence: str) -> None:
    """Status 2, the value and the allowed values, no traceback."""
    status, out, errors = devices(settings, *arguments)
    assert (status, out) == (2, "")
    assert errors.startswith("twinward: ")
    assert sentence in errors
    assert len(errors.splitlines()) == 1
