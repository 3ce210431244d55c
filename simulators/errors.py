"""Errors between a scenario file and the broker.

SimulatorError
├── ScenarioInvalid    a scenario file is invalid (all problems at once)
├── RecordingInvalid   a recording has invalid rows (all problems at once, with line numbers)
└── BrokerUnreachable  the broker rejected the connection or was down longer than allowed
"""

from __future__ import annotations

from collections.abc import Sequence

SHOWN_MAX = 50


class SimulatorError(Exception):
    """Base of all errors of this package."""


class ProblemsError(SimulatorError):
    """Several problems of one file, reported together."""

    def __init__(self, source: str, findings: Sequence[str]) -> None:
        shown = [f"{source}: {finding}" for finding in findings[:SHOWN_MAX]]
        if len(findings) > SHOWN_MAX:
            shown.append(f"{source}: and {len(findings) - SHOWN_MAX} more")
        super().__init__("\n".join(shown))
        self.source = source
        self.findings = tuple(findings)


class ScenarioInvalid(ProblemsError):  # noqa: N818 - names the state of the file
    """A scenario cannot be built; each problem names key and allowed values."""


class RecordingInvalid(ProblemsError):  # noqa: N818 - names the state of the file
    """A recording cannot be played; each problem names the line."""


class BrokerUnreachable(SimulatorError):  # noqa: N818 - names the state of the broker
    """No usable connection. url: of the broker; reason: error of the broker or the network."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"no connection to {url}: {reason}")
        self.url = url
        self.reason = reason


class PlotUnavailable(SimulatorError):  # noqa: N818 - names the state of the installation
    """A plot cannot be drawn: the extra is missing, or the file type is unknown."""
