"""A store of another installation is set aside or refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from ingest.stores import MemoryStore, open_store
from twinward.data_folder.files import IDENTITY, STORE
from twinward.data_folder.identity import Identity, read_identity, write_identity
from twinward.data_folder.store import own_store
from twinward.errors import FolderMismatch


def claimed(folder: Path, number: int) -> Path:
    """Return a store file of an installation."""
    store = open_store("duckdb", folder / STORE)
    assert store.claim(number) == number
    store.close()
    return folder / STORE


def test_a_foreign_file_is_set_aside(tmp_path: Path) -> None:
    """The folder's own file opens again; a foreign one gives an empty store, a repair and a kept file."""
    write_identity(tmp_path, Identity(5, 1))
    opened = partial(open_store, "duckdb", claimed(tmp_path, 5))
    own_store(tmp_path, opened).close()
    assert not list(tmp_path.glob("*.aside-*"))
    write_identity(tmp_path, Identity(6, 1))
    store = own_store(tmp_path, opened)
    assert store.claim(9) == 6
    store.close()
    assert len(list(tmp_path.glob(f"{STORE}.aside-*"))) == 1
    assert "another installation" in read_identity(tmp_path).repairs[0]


def test_a_foreign_database_of_a_server_is_refused(tmp_path: Path) -> None:
    """Two installations in one database would mix their readings."""
    write_identity(tmp_path, Identity(5, 1))
    store = MemoryStore()
    store.claim(6)
    with pytest.raises(FolderMismatch, match=r"store\.influx_database"):
        own_store(tmp_path, lambda: store, server="twinward")


def test_a_folder_without_identity_claims_nothing(tmp_path: Path) -> None:
    """Only a checked folder has a number."""
    store = MemoryStore()
    assert own_store(tmp_path, lambda: store) is store
    assert not (tmp_path / IDENTITY).exists()
    assert store.claim(3) == 3
