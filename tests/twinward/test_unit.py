"""The systemd unit: an account of its own, and no rights beyond its folder."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "twinward.service"


def test_the_unit_runs_as_its_own_account_without_further_rights() -> None:
    """The directives that keep the service away from everything but its state folder."""
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] - directives have upper and lower case
    unit.read(UNIT, encoding="utf-8")
    service = unit["Service"]
    assert service["User"] not in {"", "root"}
    assert (service["UMask"], service["StateDirectoryMode"], service["CapabilityBoundingSet"]) == ("0077", "0700", "")
    assert (service["ProtectSystem"], service["NoNewPrivileges"], service["PrivateDevices"]) == ("strict", "yes", "yes")
