"""Options of `devices add|list|rotate|revoke`: accounts of devices and gateways at the broker."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twinward.errors import InputError

from .output import Config, Json, print_result

if TYPE_CHECKING:
    from twinward.broker import Account, Accounts
    from twinward.settings import Settings

Name = Annotated[str, typer.Argument(help="Name of the account: 1 to 64 of A-Z a-z 0-9 . _ -")]
RELOAD = "reload the broker now, for instance: systemctl reload mosquitto"
DONE, LATER = "the broker has read the accounts", "the broker reads the accounts at its next start"

devices_app = typer.Typer(
    no_args_is_help=True, help="Accounts of devices and gateways at the broker: one credential each, bound to topics."
)


@devices_app.command("add")
def add(
    name: Name,
    *,
    site: Annotated[str, typer.Option(help="Site of the device.")] = "",
    sensor: Annotated[
        list[str] | None, typer.Option(help="Native sensor of the device; repeatable; default: its name.")
    ] = None,
    prefix: Annotated[
        list[str] | None, typer.Option(help="Topic prefix of a gateway, such as zigbee2mqtt; repeatable.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Add an account and print its password once. A native device publishes campus/SITE/KIND/SENSOR only."""
    settings, accounts = _opened(config)
    password = accounts.add(name, site=site, sensors=sensor or [], prefixes=prefix or [])
    print_result({**_row(_find(accounts, name)), "password": password, **_applied(settings)}, as_json=as_json)


@devices_app.command("list")
def show(*, config: Config = None, as_json: Json = False) -> None:
    """List the accounts without passwords."""
    for account in _opened(config)[1].all():
        row = _row(account)
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
        else:
            print(f"{row['name']}: {', '.join(row['topics'])}; created {row['created']}, rotated {row['rotated']}")


@devices_app.command("rotate")
def rotate(name: Name, *, config: Config = None, as_json: Json = False) -> None:
    """Replace the password of an account and print the new one once. The old one ends at once."""
    settings, accounts = _opened(config)
    password = accounts.rotate(name)
    print_result({**_row(_find(accounts, name)), "password": password, **_applied(settings)}, as_json=as_json)


@devices_app.command("revoke")
def revoke(name: Name, *, config: Config = None, as_json: Json = False) -> None:
    """Remove an account and end its connection. Its readings stay."""
    settings, accounts = _opened(config)
    accounts.revoke(name)
    print_result({"name": name, "revoked": True, **_applied(settings)}, as_json=as_json)


def _opened(config: Path | None) -> tuple[Settings, Accounts]:
    """Return the settings and the accounts. Raises InputError without an authenticated broker in the settings."""
    from twinward.broker import Accounts, embedded_accounts
    from twinward.settings import read_settings

    settings = read_settings(config, os.environ)
    broker, mqtt = settings.broker, settings.mqtt
    if broker.embedded:
        return settings, embedded_accounts(settings.data_dir, mqtt)
    if broker.accounts_dir is None:
        raise InputError(
            "broker: the settings name no accounts; allowed is embedded = true, or accounts_dir with the folder of an "
            "external broker's accounts"
        )
    password_file = Path(mqtt.password_file) if mqtt.password_file else None
    return settings, Accounts(broker.accounts_dir, mqtt.username or mqtt.client_id, password_file=password_file)


def _applied(settings: Settings) -> dict[str, str]:
    from twinward.broker import reload_embedded

    if not settings.broker.embedded:
        return {"broker": RELOAD}
    return {"broker": DONE if reload_embedded(settings.data_dir) else LATER}


def _find(accounts: Accounts, name: str) -> Account:
    return next(account for account in accounts.all() if account.name == name)


def _row(account: Account) -> dict[str, Any]:
    topics = [rule.removeprefix("topic ").partition(" ")[2] for rule in account.rules]
    return {
        "name": account.name,
        "site": account.site,
        "topics": topics,
        "created": account.created,
        "rotated": account.rotated,
    }
