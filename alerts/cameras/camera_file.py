"""Camera file: the cameras of the sites with their snapshot addresses and credentials."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import MaxLen, doc

from alerts.errors import ChannelError, RegistryError
from alerts.notices.channels.destinations import read_destination
from alerts.notices.channels.secret_files import secret
from alerts.risk.registry import Registry
from ingest.tables import FilledText, TableReader

CAMERAS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One camera. Its address and credentials stay in the service."""

    site: Annotated[FilledText, doc("site id")]
    id: Annotated[FilledText, MaxLen(64), doc("name of the camera in addresses and audit entries")]
    place: Annotated[str, doc("place that it shows; empty: no single place")] = ""
    name_zh: Annotated[str, doc("name for people")] = ""
    name_en: Annotated[str, doc("name for people")] = ""
    url: Annotated[FilledText, doc("address of a JPEG still, http or https")] = field(repr=False)
    username: Annotated[str, doc("user of the camera, for Basic or Digest")] = field(default="", repr=False)
    password: Annotated[str, doc("password of that user")] = field(default="", repr=False)


def load_cameras(path: Path | None) -> tuple[Camera, ...]:
    """Return the cameras of the file (mode 0600). Raises RegistryError with all errors, without secrets."""
    if path is None:
        return ()
    try:
        table = tomllib.loads(secret(path))
    except ChannelError as error:
        raise RegistryError([str(error)]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RegistryError([f"{path}: no TOML file ({type(error).__name__})"]) from None
    reader = TableReader(table, RegistryError, source=str(path))
    reader.expect("camera")
    found = reader.rows("camera", Camera, key=("site", "id"), check=_faults)
    if len(found) > CAMERAS_MAX:
        reader.report(f"camera: {len(found)} rows; allowed is {CAMERAS_MAX}")
    reader.errors = [_without_value(error) for error in reader.errors]
    reader.finish()
    return tuple(found)


def unknown_sites(cameras: Iterable[Camera], registry: Registry) -> list[str]:
    """Return an error for each camera of a site that does not exist."""
    sites = ", ".join(sorted(registry.sites)) or "none"
    return [
        f"camera {one.id}.site = {one.site!r}: allowed is one of {sites}"
        for one in cameras
        if one.site not in registry.sites
    ]


def _faults(camera: Camera) -> Iterator[str]:
    try:
        read_destination("url", camera.url, allow_private=True)
    except ChannelError as error:
        yield str(error)
    if bool(camera.username) != bool(camera.password):
        yield "username: allowed are username and password together, or neither"


def _without_value(error: str) -> str:
    """Return the error without the value of a secret key."""
    where, separator, rest = error.partition(" = ")
    if separator and where.rpartition(".")[2] in {"url", "username", "password"}:
        return f"{where} is not allowed: {rest.rpartition(': ')[2]}"
    return error
