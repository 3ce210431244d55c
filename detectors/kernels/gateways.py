"""Gateways of offline detection: their sensors, and the gateway that explains a missing message."""

from __future__ import annotations

import numpy as np
from numba import njit

from .emission import NONE

FAR = np.iinfo(np.int64).max
MISSED = 1.25
"""Periods after which a message is missing."""
HOPS = 4
"""Longest chain of gateways."""


@njit(cache=True, nogil=True)
def fastest(limit, last_seen, parent, second):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined
    """Write the second shortest limit among the sensors behind each gateway; FAR with fewer than two."""
    first = np.full(len(second), FAR, np.int64)
    second[:] = FAR
    for sensor in range(len(parent)):
        above = parent[sensor]
        if above >= 0 and last_seen[sensor] != NONE:
            if limit[sensor] < first[above]:
                second[above] = first[above]
                first[above] = limit[sensor]
            elif limit[sensor] < second[above]:
                second[above] = limit[sensor]


@njit(cache=True, nogil=True)
def through(sensor, now, last_seen, limit, parent, second, periods):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined
    """Return the gateway that is offline together with a sensor, -1 for none.

    No message came through it since the first missing message of the sensor, and other sensors behind it were due.
    """
    above = parent[sensor]
    if above < 0 or second[above] == FAR or last_seen[above] == NONE:
        return -1
    since = last_seen[sensor] + np.int64(MISSED * limit[sensor] / periods)
    if last_seen[above] > since or now - last_seen[above] <= MISSED * second[above] / periods:
        return -1
    for _ in range(HOPS):
        higher = parent[above]
        if higher < 0 or second[higher] == FAR or last_seen[higher] == NONE or last_seen[higher] > since:
            break
        above = higher
    return above


@njit(cache=True, nogil=True)
def under(sensor, parent, step):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined
    """Return whether a gateway above the sensor is offline."""
    above = parent[sensor]
    for _ in range(HOPS):
        if above < 0:
            break
        if step[above] > 0:
            return True
        above = parent[above]
    return False
