"""Values that Dragino devices stored while they had no link: the text `DATALOG` of their codecs.

An entry is `[value,...,2026-09-01 01:15:46],`; the model decides the columns. Times are those of the network server,
usually UTC. Counts, durations and time limits of a door or a leak are left out.

Source: dragino/dragino-end-node-decoder, LDS03A, DS03A-LB, LWL03A, WL03A-LB, LHT65N, S31-LB, DDS75-LB, DDS20-LB and
DDS04-LB (port 3, retransmissions). Their `DATALOG` of other models is left out and reported as unread: CPL01 and CPL03
count pulses; the codec of LHT52 scales stored and present values differently; the codecs of D20 to D23 do not name the
probe of a column. The temperatures of DDS75 and DDS20 have no sign there.

>>> logged(["LWL03A"], {"DATALOG": "[FALSE,LEAK,3,0,2026-09-01 01:15:46],"})
[{'WATER_LEAK_STATUS': 'LEAK', 'timestamp': '2026-09-01 01:15:46'}]
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .document import branch

LOG, TIME = "DATALOG", "timestamp"
OWN_KEYS = frozenset((LOG, "data", "PNACKMD", "retransmission_Status"))
"""Keys of an uplink with stored values besides the model."""

_STATES: Mapping[str, tuple[str, frozenset[str]]] = {
    "ds03a": ("DOOR_OPEN_STATUS", frozenset(("OPEN", "CLOSE"))),
    "wl03a": ("WATER_LEAK_STATUS", frozenset(("LEAK", "NO LEAK"))),
}
"""Part of a model's name -> key and words of its one state."""
_COLUMNS: Mapping[str, Sequence[str]] = {
    "lht65n": ("", "TempC_SHT", "Hum_SHT"),
    "s31": ("TempC_SHT31", "Hum_SHT31", "", ""),
    "dds75": ("", "Distance", "", "", "", ""),
    "dds20": ("", "Distance", "", "", "", ""),
    "dds04": ("distance1_cm", "distance2_cm", "distance3_cm", "", ""),
}
"""Part of a model's name -> keys of the columns before the time; "" for one without a use."""

_ENTRY = re.compile(r"\[([^\[\]]{1,200})\]")
_PLAIN = re.compile(r"[^a-z0-9]+")


def logged(names: Sequence[Any], fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the stored values of an uplink as fields with their time; nothing for another uplink or model."""
    text = fields.get(LOG) or branch(fields, "data").get(LOG)
    if not isinstance(text, str):
        return []
    models = [_PLAIN.sub("", name.lower()) for name in names if isinstance(name, str)]
    parts = [[part.strip() for part in entry.split(",")] for entry in _ENTRY.findall(text)]
    for known, (key, words) in _STATES.items():
        if any(known in model for model in models):
            found = [(part[-1], [value for value in part[:-1] if value in words]) for part in parts]
            return [{key: values[0], TIME: time} for time, values in found if values]
    for known, columns in _COLUMNS.items():
        if any(known in model for model in models):
            return [
                {**{key: value for key, value in zip(columns, part[:-1], strict=True) if key}, TIME: part[-1]}
                for part in parts
                if len(part) == len(columns) + 1
            ]
    return []
