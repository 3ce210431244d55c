"""Accounting figures for people: totals, a site, and each of its devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest import REFUSED, SERVICE_DEVICE, UNSTORED, Catalog, Ledger, Unread, unread_of
from ingest.devices.ledger import PAGE

from .log import TelemetryLog

_NOTICES = {"missing": "data_gap", "excess": "excess", "unread": "unread"}
"""Column of a device -> notice: missing messages, messages above its rate, keys without a reading."""


def summed(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sum of all accounts: received, stored, duplicate, quarantined by reason, residual.

    The residual is received - stored - duplicate - quarantined and is zero whenever the accounts balance.
    """
    total: dict[str, Any] = {"received": 0, "stored": 0, "duplicate": 0, "quarantined": {}, "notices": {}}
    for row in rows:
        if row["outcome"] in {"quarantined", "notice"}:
            home = total["quarantined" if row["outcome"] == "quarantined" else "notices"]
            home[row["reason"]] = home.get(row["reason"], 0) + row["rows"]
        else:
            total[row["outcome"]] += row["rows"]
    refused = sum(total["quarantined"].values())
    return total | {"residual": total["received"] - total["stored"] - total["duplicate"] - refused}


def by_format(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the sums of each site and wire format, by both."""
    places: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        places.setdefault((row["site"], row["format"]), []).append(row)
    return [{"site": site, "format": kind} | summed(found) for (site, kind), found in sorted(places.items())]


def balances(
    log: TelemetryLog,
    catalog: Catalog,
    site: str,
    *,
    trouble: bool,
    limit: int | None = None,
    after: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Return a site's accounts by device, those with trouble first; total = remainder + sum of the devices.

    remainder: messages without a device, messages of devices without any stored reading, and counts from before the
    device accounts existed. trouble: only devices with rejected, repeated, missing, excess or unread messages, or
    without balance. Each item has a unique key, ascending; after: only items behind this key.
    """
    sensors = [sensor for sensor in catalog.of_site(site) if sensor.id != SERVICE_DEVICE]
    codes = np.array([sensor.code for sensor in sensors], np.int32)
    rows, kept = log.site_accounts(site, np.unique(codes // PAGE).tolist())
    ledger = Ledger(kept)
    columns, unread = _columns(ledger, codes), unread_of(ledger)
    weight = _weight(columns)
    order = np.lexsort((codes, -weight))
    if trouble:
        order = order[weight[order] > 0]
    if after is not None:
        behind = (-weight > after[0]) | ((-weight == after[0]) & (codes > after[1]))
        order = order[behind[order]]
    items = [
        {"key": (-int(weight[place]), int(codes[place])), "sensor": sensors[place].id, "kind": sensors[place].kind}
        | {"unread_keys": list(unread[codes[place]].keys) if codes[place] in unread else []}
        | _line(columns, place)
        for place in order[:limit].tolist()
    ]
    total = summed(rows)
    total |= {name: total["notices"].get(notice, 0) for name, notice in _NOTICES.items()}
    del total["notices"]
    devices = _line({name: column.sum(keepdims=True) for name, column in columns.items()}, 0)
    return {"site": site, "total": total, "remainder": _difference(total, devices), "items": items}


def unread_keys(log: TelemetryLog, codes: Sequence[int]) -> Mapping[int, Unread]:
    """Return the unread keys of these sensors by code; sensors without any are left out."""
    found = unread_of(Ledger(log.ledger(sorted({code // PAGE for code in codes if code >= 0}))))
    return {code: found[code] for code in codes if code in found}


def _columns(ledger: Ledger, codes: NDArray[np.int32]) -> dict[str, NDArray[np.int64]]:
    """Return the columns of the devices by name: sums, rejects by reason, and the residual."""
    refused = [name for name in ledger.names if name.startswith(REFUSED)]
    columns = {name: ledger.column(name, codes) for name in ("stored", "duplicate", *refused)}
    columns = {"received": columns["stored"] + ledger.column(UNSTORED, codes)} | columns
    columns |= {name: ledger.column(notice, codes) for name, notice in _NOTICES.items()}
    counted = sum((columns[name] for name in refused), columns["stored"] + columns["duplicate"])
    return columns | {"residual": columns["received"] - counted}


def _weight(columns: Mapping[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the number of troubles of each device; a device without balance sorts first."""
    weight = columns["duplicate"] + columns["missing"] + columns["excess"] + columns["unread"]
    for name, column in columns.items():
        weight = weight + column * name.startswith(REFUSED)
    return weight + np.where(columns["residual"] != 0, np.int64(1) << 60, 0)


def _line(columns: Mapping[str, NDArray[np.int64]], place: int) -> dict[str, Any]:
    line: dict[str, Any] = {name: int(column[place]) for name, column in columns.items() if REFUSED not in name}
    refused = {name.removeprefix(REFUSED): int(column[place]) for name, column in columns.items() if REFUSED in name}
    return line | {"quarantined": {reason: rows for reason, rows in refused.items() if rows}}


def _difference(total: Mapping[str, Any], devices: Mapping[str, Any]) -> dict[str, Any]:
    """Return the total minus the devices, figure by figure."""
    less: dict[str, Any] = {name: total[name] - devices[name] for name in total if name != "quarantined"}
    reasons = {**total["quarantined"], **devices["quarantined"]}
    rest = {reason: total["quarantined"].get(reason, 0) - devices["quarantined"].get(reason, 0) for reason in reasons}
    return less | {"quarantined": {reason: rows for reason, rows in rest.items() if rows}}
