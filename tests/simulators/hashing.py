"""Print a hash for each scenario of the bank: messages around its first event, and its truth."""

from __future__ import annotations

import hashlib
import json
import sys

from simulators import build_campus, load_scenario, names, plan, truth_json
from simulators.play.player import Wire

BANK = sorted((name for name in names() if name[0] == "S" and name[1:].isdigit()), key=lambda name: int(name[1:]))


def fingerprint(name: str, seed: int = 1) -> str:
    """Return the SHA-256 of half an hour of messages from the first interval on, and of the whole truth."""
    world = plan(load_scenario(name), build_campus(seed=seed))
    truths = world.truths()
    begin, end = world.span_ms
    first = max(begin, min((truth.onset_ms for truth in truths), default=begin) - 60_000)
    digest = hashlib.sha256()
    for message in Wire(world, begin_ms=first).advance(min(end, first + 1_800_000)):
        digest.update(b"%d|%b|%b|%d;" % (message.time_ms, message.topic.encode(), message.payload, message.retain))
    digest.update(
        truth_json(truths, scenario=name, seed=seed, span_ms=world.span_ms, sensors=world.campus.size).encode()
    )
    return digest.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: fingerprint(name, int(sys.argv[1])) for name in BANK}, indent=1) + "\n")
