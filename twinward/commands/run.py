"""`run`: the service with its first account, until a signal stops it."""

from __future__ import annotations

import gc
import json
import os
import secrets
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from twinward.data_folder.exposure import report_exposure
from twinward.data_folder.files import DATABASE, damage_named
from twinward.errors import as_cli_errors
from twinward.service import PACKAGE_ERRORS, Service
from twinward.settings import Settings

if TYPE_CHECKING:
    from alerts import People

ADMIN = "admin"


def first_account(people: People, data_dir: Path) -> str:
    """Create the administrator if there is no account; return one line about it, else ""."""
    if people.accounts():
        return ""
    given = os.environ.get("TWINWARD_ADMIN_PASSWORD")
    password = given or secrets.token_urlsafe(18)
    with as_cli_errors(*PACKAGE_ERRORS):
        people.create(ADMIN, password, roles=["admin"], name={"zh": "管理员", "en": "Administrator"})
    if given:
        return f"account {ADMIN} made with the password of TWINWARD_ADMIN_PASSWORD"
    path = data_dir / "admin-password.txt"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(password + "\n")
    return f"account {ADMIN} made; its first password is in {path}"


def run_service(settings: Settings, *, role: str, as_json: bool) -> None:
    """Run until SIGINT or SIGTERM; a signal during the start stops the service in order as well."""
    ended = end_signal()
    gc.disable()  # modules and a city's catalogue are permanent; a collection over them would stop every thread
    service = Service(settings, role=role)
    try:
        service.start()
        report_exposure(settings.data_dir)
        with damage_named(settings.data_dir / DATABASE):
            note = first_account(service.people, settings.data_dir) if role in {"all", "alert"} else ""
        service.serve()
        gc.freeze()
        gc.enable()
        scheme = "https" if settings.http.certificate else "http"
        url = f"{scheme}://{settings.http.host}:{settings.http.port}/" if role in {"all", "alert"} else ""
        if as_json:
            print(json.dumps({"event": "started", "role": role, "url": url, "note": note}), flush=True)
        else:
            print(f"twinward: running ({role}) {url} {note}".rstrip(), flush=True)
        wait_for_end(ended, each_second=service.beat)
    finally:
        service.stop()
        gc.unfreeze()
        gc.enable()


def end_signal() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set. Call it before the first part starts: the default action kills."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return ended


def wait_for_end(ended: threading.Event, *, each_second: Callable[[], None]) -> None:
    """Block until the event is set, with a call once a second."""
    while not ended.wait(1):
        each_second()
