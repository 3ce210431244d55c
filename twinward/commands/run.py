"""`run`: the service with its first account, until a signal stops it."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from twinward.data_folder.exposure import report_exposure
from twinward.data_folder.files import DATABASE, damage_named
from twinward.errors import OwnerLost, OwnerWaitEnded, TwinwardError, as_cli_errors, of_server
from twinward.service import PACKAGE_ERRORS, Service
from twinward.settings import Settings, read_settings

from .set_up import SetUp

if TYPE_CHECKING:
    from alerts import People

ADMIN = "admin"


def first_account(people: People, set_up: SetUp, url: str) -> str:
    """Return one line about the first account, "" if there are accounts.

    The password of TWINWARD_ADMIN_PASSWORD makes an administrator; else the set-up in the console does, by its link.
    """
    if people.accounts():
        return ""
    given = os.environ.get("TWINWARD_ADMIN_PASSWORD")
    if not given:
        return f"open {set_up.link(url)} to create the first account"
    with as_cli_errors(*PACKAGE_ERRORS):
        people.create(ADMIN, given, roles=["admin"], name={"zh": "管理员", "en": "Administrator"})
    return f"account {ADMIN} made with the password of TWINWARD_ADMIN_PASSWORD"


def run_service(settings: Settings, *, role: str, as_json: bool, config: Path | None = None) -> None:
    """Run until SIGINT or SIGTERM; a signal during the start stops the service in order as well.

    The set-up of the console starts the service again with the settings that it has written. A process whose roles
    another node has taken waits for them, as a standby; so does one whose start fails because the server of its log
    does not answer any more. config: a file that a person wrote, which the set-up leaves alone.
    """
    ended, owned = end_signal(), threading.Event()
    fixed = config is not None or os.environ.get("TWINWARD_MQTT_URL") is not None
    set_up = SetUp(settings, fixed=fixed)
    while True:
        try:
            _run(settings, set_up, ended, role=role, as_json=as_json, owned=owned)
        except OwnerWaitEnded:
            return
        except Exception as error:
            standby = isinstance(error, OwnerLost) or (owned.is_set() and of_server(error))
            if standby:
                print(f"twinward: {error}; waiting as a standby", file=sys.stderr, flush=True)
                ended.wait(1)
            elif not isinstance(error, TwinwardError) or not set_up.trial.pending:
                raise
            else:
                set_up.trial.undo(str(error))
                set_up.again.set()
        else:
            standby = False
        if ended.is_set() or not (standby or set_up.again.is_set()):
            return
        if not standby:
            settings = read_settings(config, os.environ)
        set_up = SetUp(settings, fixed=fixed)
        gc.collect()  # the former service, with its catalogue: the next one may wait for days


def _run(
    settings: Settings, set_up: SetUp, ended: threading.Event, *, role: str, as_json: bool, owned: threading.Event
) -> None:
    """Run one service. owned: set once it has roles that another node may take over."""
    gc.disable()  # modules and a city's catalogue are permanent; a collection would stop every thread
    service = Service(settings, role=role, ended=ended)
    if service.shared:
        owned.set()
    service.set_up = set_up
    set_up.watch(lambda: service.status().get("broker", False))
    try:
        service.start()
        report_exposure(settings.data_dir)
        scheme = "https" if settings.http.certificate else "http"
        url = f"{scheme}://{settings.http.host}:{settings.http.port}/" if role in {"all", "alert"} else ""
        with damage_named(settings.data_dir / DATABASE):
            note = first_account(service.people, set_up, url) if url else ""
        service.serve()
        gc.freeze()
        gc.enable()
        if as_json:
            print(json.dumps({"event": "started", "role": role, "url": url, "note": note}), flush=True)
        else:
            print(f"twinward: running ({role}) {url} {note}".rstrip(), flush=True)
        wait_for_end(ended, each_second=partial(_each_second, service, set_up), again=set_up.again)
    finally:
        service.stop()
        gc.unfreeze()
        gc.enable()


def _each_second(service: Service, set_up: SetUp) -> None:
    """Write the heartbeat; start again with the former broker if a new one does not answer."""
    service.beat()
    connected = service.status().get("broker")
    if connected is None or not set_up.trial.look(connected=connected):  # a process without ingest has no session
        return
    if service.role == "all":
        facts = {"reason": set_up.trial.fault}
        service.dispatch.note("setup.broker_given_up", "system", site="", subject="broker", facts=facts)
    set_up.again.set()


def end_signal() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set. Call it before the first part starts: the default action kills."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return ended


def wait_for_end(
    ended: threading.Event, *, each_second: Callable[[], None], again: threading.Event | None = None
) -> None:
    """Block until an event is set, with a call once a second. again: requests a new start."""
    while not ended.wait(1) and not (again and again.is_set()):
        each_second()
