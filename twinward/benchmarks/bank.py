"""Scenario bank through hazards, tickets and pages: windows that must page, and windows that must not."""

from __future__ import annotations

from collections.abc import Iterator

from twinward.commands.bank import BANK, score_bank

from .goals import Goal, Measured, binomial_error

SEEDS = (1, 2, 3)
GOALS = (
    Goal("scenario bank, windows that must page paged in time", "%", 91, 100, 100, group="bank"),
    Goal("scenario bank, windows that must not page paged", "%", 8, 0, 0, larger=False, group="bank"),
)


def measure() -> Iterator[Measured]:
    """Yield both shares over the bank without its 90 quiet days; blocks for minutes."""
    windows = score_bank(BANK, SEEDS, quiet=True)
    must, must_not = [one for one in windows if one.must_page], [one for one in windows if one.must_not_page]
    shares = (
        100 * sum(one.paged for one in must) / len(must),
        100 * sum(one.paged for one in must_not) / len(must_not),
    )
    for goal, share, cases in zip(GOALS, shares, (len(must), len(must_not)), strict=True):
        yield Measured("bank", goal, share, None, cases, binomial_error(share, cases))
