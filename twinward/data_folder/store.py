"""Opens the time-series store of a data folder; sets aside or refuses that of another installation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from ingest import Store, StoreError
from twinward.errors import FolderMismatch

from .files import IDENTITY, STORE
from .fit import apply_and_note, put_aside
from .identity import read_identity

log = logging.getLogger(__name__)


def own_store(folder: Path, opened: Callable[[], Store], *, server: str = "") -> Store:
    """Return the store, which belongs to the installation of the folder.

    opened: opens the store. server: name of the server's database, "" for a file of the folder. The file of another
    installation is set aside: its readings have other sensor codes. A server that does not answer is not compared.
    Raises StoreError, OSError, and FolderMismatch for a server's database of another installation.
    """
    store = opened()
    if not (folder / IDENTITY).exists():  # a folder that no process has checked
        return store
    number = read_identity(folder).number
    try:
        owner = store.claim(number)
    except StoreError as error:
        log.warning("the owner of the store is not compared: %s", error)
        return store
    if owner == number:
        return store
    store.close()
    if server:
        raise FolderMismatch(
            f"database {server} belongs to another installation; name an empty database in `store.influx_database`"
        )
    [text] = apply_and_note(folder, [put_aside(folder, STORE, "it belongs to another installation")])
    log.warning("data folder %s: %s", folder, text)
    store = opened()
    store.claim(number)
    return store
