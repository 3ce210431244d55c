"""Accounts of the devices at the broker: registry, Mosquitto's password file and access list.

`accounts.json` is the registry. The files `passwords` and `acl` are derived from it, written atomically with mode
0600, and rewritten by every command and at every start. A command that was killed in between is thus completed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from dataclasses import field as dataclass_field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twinward.errors import TwinwardError

from .passwords import generate_password, hash_password, matches
from .private_files import write_private

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
NAME_FORM = "1 to 64 of A-Z a-z 0-9 . _ -"
REGISTRY, PASSWORDS, ACCESS_LIST, SERVICE_PASSWORD = "accounts.json", "passwords", "acl", "service.password"
SECOND = "-lookout"
"""Suffix of the service's second account: the broker replaces each client id by the account's name."""

ROOT, OWN_SITE = "campus", "_service"
_PREFIX_MAX = 200
_FORBIDDEN = re.compile(r"[+#\x00-\x1f\x7f]")


class AccountError(TwinwardError):
    """An account cannot be added, rotated or revoked; the message has failure, value and allowed values."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account at the broker. entry: password entry; times: RFC 3339.

    site, sensors: native sensors for which it may publish. prefixes: topics of a gateway, each with all levels below.
    """

    name: str
    entry: str = dataclass_field(repr=False)
    created: str
    rotated: str
    site: str = ""
    sensors: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    @property
    def rules(self) -> list[str]:
        """Lines of the access list; every other topic is denied."""
        native = [f"topic write {ROOT}/{self.site}/+/{sensor}" for sensor in self.sensors]
        return [*native, *(f"topic readwrite {prefix}/#" for prefix in self.prefixes)]


class Accounts:
    """The accounts in a folder. service: name of the service's account, which no device may have.

    Each change holds a lock of the folder, so that concurrent commands do not overwrite each other.
    """

    def __init__(self, folder: Path, service: str, *, password_file: Path | None = None) -> None:
        """password_file: of the service's account; `service.password` in the folder if None.

        Raises AccountError for a service name that cannot be an account.
        """
        check_name(service, "mqtt.client_id")
        self.folder = folder
        self.password_file = folder / SERVICE_PASSWORD if password_file is None else password_file
        self.service = service
        self._reserved = (service, service + SECOND)

    @property
    def password_list(self) -> Path:
        """Mosquitto's password file."""
        return self.folder / PASSWORDS

    @property
    def access_list(self) -> Path:
        """Mosquitto's access list."""
        return self.folder / ACCESS_LIST

    def prepare(self) -> None:
        """Create the service's password if it is missing, and write both files. Raises AccountError."""
        with self._changing() as known:
            self._write(known)

    def all(self) -> list[Account]:
        """Return the accounts of the devices by name. Raises AccountError for an unreadable registry."""
        return sorted(self._read().values(), key=lambda account: account.name)

    def add(self, name: str, *, site: str, sensors: Sequence[str] = (), prefixes: Sequence[str] = ()) -> str:
        """Add an account; return its password, which is stored hashed only.

        Without sensors and prefixes the account is the sensor of its own name. Raises AccountError.
        """
        self._check_new(name, site, sensors, prefixes)
        sensors = sensors or (() if prefixes else (name,))
        password, now = generate_password(), _now()
        made = Account(name, hash_password(password), now, now, site, tuple(sensors), tuple(prefixes))
        with self._changing() as known:
            if name in known:
                raise AccountError(f"account {name!r} exists; allowed is another name, or `devices rotate {name}`")
            for other in known.values():
                if shared := sorted({*made.sensors} & {*other.sensors}) if other.site == site else []:
                    raise AccountError(f"sensor {shared[0]!r} of site {site!r} has the account {other.name!r}")
            known[name] = made
            self._write(known)
        return password

    def rotate(self, name: str) -> str:
        """Replace the password of an account; return the new one. Raises AccountError for an unknown account."""
        password = generate_password()
        with self._changing() as known:
            known[name] = replace(self._find(known, name), entry=hash_password(password), rotated=_now())
            self._write(known)
        return password

    def revoke(self, name: str) -> None:
        """Remove an account. Raises AccountError for an unknown account."""
        with self._changing() as known:
            del known[self._find(known, name).name]
            self._write(known)

    def _check_new(self, name: str, site: str, sensors: Sequence[str], prefixes: Sequence[str]) -> None:
        check_name(name, "name")
        if name in self._reserved:
            raise AccountError(f"name: {name!r} is an account of the service; allowed is any other name")
        if not (prefixes or site):
            raise AccountError("site: nothing given; allowed is the site of the sensor, or topic prefixes of a gateway")
        if (sensors or not prefixes) and (not site or site == OWN_SITE):
            raise AccountError(f"site: {site!r} is not allowed; allowed is the site of the sensors")
        for sensor in (*sensors, *((site,) if site else ())):
            check_name(sensor, "site or sensor")
        for sensor in sensors or (name,):
            if sensor == OWN_SITE:
                raise AccountError(f"sensor: {sensor!r} is reserved for the service; allowed is any other name")
        for prefix in prefixes:
            check_prefix(prefix)

    def _find(self, known: dict[str, Account], name: str) -> Account:
        if name in known:
            return known[name]
        if name in self._reserved:
            raise AccountError(
                f"account {name!r} belongs to the service; delete {self.password_file} and restart for a new password"
            )
        raise AccountError(f"account {name!r} does not exist; `devices list` shows the allowed names")

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Account]]:
        """Yield the accounts under the lock of the folder. Raises AccountError for an unusable folder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.folder / ".accounts.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise AccountError(f"folder of the accounts {self.folder}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._read()
        except OSError as error:
            raise AccountError(f"{error.filename or self.folder}: {error.strerror}") from error
        finally:
            os.close(lock)

    def _read(self) -> dict[str, Account]:
        path = self.folder / REGISTRY
        try:
            rows = json.loads(path.read_bytes())["accounts"]
            return {row["name"]: Account(**_tuples(row)) for row in rows}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AccountError(f"registry of the accounts {path} cannot be read: {error}") from error

    def _write(self, known: dict[str, Account]) -> None:
        """Write registry, access list and passwords, in this order: no account exists without its rules."""
        accounts = sorted(known.values(), key=lambda account: account.name)
        registry = json.dumps({"accounts": [asdict(account) for account in accounts]}, indent=1)
        password = self._service_password()
        entry = self._service_entry(password)
        entries = [(name, entry) for name in self._reserved] + [(each.name, each.entry) for each in accounts]
        write_private(self.folder / REGISTRY, registry + "\n")
        write_private(self.access_list, access_list(self.service, accounts))
        write_private(self.password_list, "".join(f"{name}:{entry}\n" for name, entry in entries))

    def _service_password(self) -> str:
        try:
            password = self.password_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            password = ""
        if not password:
            password = generate_password()
            write_private(self.password_file, password + "\n")
        return password

    def _service_entry(self, password: str) -> str:
        """Return the present entry of the service's account if its password is unchanged, else a new one."""
        with contextlib.suppress(OSError):
            for line in self.password_list.read_text(encoding="utf-8").splitlines():
                name, _, entry = line.partition(":")
                if name == self.service and matches(password, entry):
                    return entry
        return hash_password(password)


def check_name(name: str, field: str) -> None:
    """Raise AccountError unless the name is valid in topics and in both files."""
    if not NAME.fullmatch(name):
        raise AccountError(f"{field}: {name!r} is not allowed; allowed is {NAME_FORM}")


def check_prefix(prefix: str) -> None:
    """Raise AccountError for a topic prefix with wildcards, or one that covers all sites or the service's topics."""
    allowed = "allowed is a topic without + and #, for instance zigbee2mqtt or campus/school-1"
    levels = prefix.split("/")
    unusable = not prefix or prefix != prefix.strip() or len(prefix) > _PREFIX_MAX or _FORBIDDEN.search(prefix)
    if unusable or not all(levels) or prefix.startswith("$"):
        raise AccountError(f"prefix: {prefix!r} is not allowed; {allowed}")
    if prefix == ROOT or levels[:2] == [ROOT, OWN_SITE]:
        raise AccountError(f"prefix: {prefix!r} covers every site or topics of the service; {allowed}")


def access_list(service: str, accounts: Sequence[Account]) -> str:
    """Return the access list: literal topics of each account, nothing else. The service reads everything."""
    lines = [
        "# Written by `twinward devices`; changes by hand are overwritten.",
        f"user {service}",
        "topic read #",
        "topic read $SYS/#",
        f"topic write {ROOT}/{OWN_SITE}/#",
        "topic write spBv1.0/+/NCMD/+",
        f"user {service}{SECOND}",
        "topic read #",
    ]
    for account in accounts:
        lines += [f"user {account.name}", *account.rules]
    return "\n".join(lines) + "\n"


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
