"""Deviations and change points in groups of channels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import Calendar, DetectionBatch, DetectorSet, Phase, Recipe, build, load_recipe
from ingest import COLUMNS, Catalog, TelemetryBatch, from_columns
from tests.detectors.histories import joined

RULES = {rule.name: rule for rule in load_recipe().rules}
DEVIATES, CHANGES = RULES["machine_deviates"], RULES["machine_changes"]
SECOND_NS, BEGIN_S = 1_000_000_000, 1_700_000_000
CHANNELS = ("flow_rate", "vibration_rms", "motor_volts", "temperature")


def noise(rows: int) -> NDArray[np.float64]:
    """Return four channels with noise; the temperature wanders."""
    source = np.random.default_rng(5)
    values = source.normal(0, 1, (rows, len(CHANNELS))) * (0.5, 0.01, 2.0, 0.05) + (32.0, 0.2, 230.0, 70.0)
    values[:, 3] += np.cumsum(source.normal(0, 0.05, rows))
    return values


def detector(*rules: str) -> tuple[DetectorSet, Catalog]:
    """Return a set of these rules with its catalogue."""
    catalog = Catalog()
    return build(Recipe("any", tuple(RULES[name] for name in rules)), catalog, Calendar()), catalog


def frames(catalog: Catalog, values: NDArray[np.float64], *, apart: bool = False, begin_s: int = 0) -> TelemetryBatch:
    """Return rows of a device a second; apart: each channel is a sensor below the device."""
    rows, width = values.shape
    names = [f"pump/{name}" if apart else "pump" for name in CHANNELS]
    times = (BEGIN_S + begin_s + np.repeat(np.arange(rows), width)) * SECOND_NS
    columns = {
        "sensor": np.tile([catalog.code("s", name, "device") for name in names], rows),
        "metric": np.tile([catalog.metric(name).code for name in CHANNELS], rows),
        "time_ns": times,
        "arrival_ns": times,
        "value": values.ravel(),
        "quality": np.zeros(rows * width),
    }
    return from_columns({name: columns[name].astype(dtype) for name, dtype in COLUMNS})


def phases(found: DetectionBatch) -> list[tuple[Phase, int]]:
    """Return phase and second of each detection."""
    seconds = found.decided_ns // SECOND_NS - BEGIN_S
    return [(Phase(phase), at) for phase, at in zip(found.phase.tolist(), seconds.tolist(), strict=True)]


@pytest.mark.parametrize("apart", [False, True])
def test_a_step_of_one_channel_lasts_as_long_as_it_does(apart: bool) -> None:  # noqa: FBT001 - a case
    """The flow falls by four standard deviations for five minutes; noise and a wandering temperature raise nothing."""
    values = noise(1_200)
    values[600:900, 0] -= 2.0
    scored, catalog = detector("machine_deviates")
    found = scored.update(frames(catalog, values, apart=apart))
    (raised, begin), (cleared, end) = phases(found)
    assert (raised, cleared) == (Phase.RAISE, Phase.CLEAR)
    assert 600 <= begin <= 630
    assert 900 <= end <= 950
    low, high = found.evidence[0]["band"]
    assert low < 32 < high
    assert "flow_rate" in found.evidence[0]["text"]["en"]


def test_both_ends_of_a_step_are_change_points() -> None:
    """A change point ends after its hold."""
    values = noise(1_200)
    values[600:900, 0] -= 4.0
    scored, catalog = detector("machine_changes")
    found = phases(scored.update(frames(catalog, values)))
    assert [phase for phase, _ in found] == [Phase.RAISE, Phase.CLEAR] * 2
    assert [at // 10 for phase, at in found if phase is Phase.RAISE] in ([60, 90], [61, 90], [60, 91], [61, 91])


def test_two_channels_a_counter_and_a_state_are_no_group() -> None:
    """A group needs three continuous channels; a counter only rises, and a state rarely changes."""
    values = noise(1_200)
    values[:, 2], values[:, 3] = np.arange(1_200), np.arange(1_200) // 400
    values[600:, 0] -= 20.0
    scored, catalog = detector("machine_deviates", "machine_changes")
    assert len(scored.update(frames(catalog, values))) == 0


def test_another_regime_is_learned() -> None:
    """Once all channels have left their levels, the detection ends when the new ones are learned."""
    values = noise(1_500)
    values[500:] *= 1.5
    scored, catalog = detector("machine_deviates")
    found = phases(scored.update(frames(catalog, values)))
    assert [phase for phase, _ in found] == [Phase.RAISE, Phase.CLEAR]
    assert 800 <= found[1][1] <= 1_000


def test_gaps_repeated_times_and_invalid_numbers_raise_nothing() -> None:
    """A year without data, two readings at one time, and NaN leave the state intact."""
    values = noise(800)
    values[400:410, 1] = np.nan
    scored, catalog = detector("machine_deviates", "machine_changes")
    first = frames(catalog, values)
    found = [scored.update(first), scored.update(first)]
    found.append(scored.update(frames(catalog, noise(800) * 3, begin_s=31_536_000)))
    assert joined(found) == []


def test_cut_and_restart_change_nothing() -> None:
    """Batches of any length and a restart give the same detections and state."""
    values = noise(900)
    values[500:700, 1] += 0.1
    whole, catalog = detector("machine_deviates", "machine_changes")
    batch = frames(catalog, values)
    expected = joined([whole.update(batch)])
    found, parts = [], [*range(0, len(batch), 331), len(batch)]
    running = detector("machine_deviates", "machine_changes")[0]
    for begin, end in itertools.pairwise(parts):
        restarted = build(running.recipe, catalog, Calendar())
        restarted.restore(running.snapshot()) if begin else None
        found.append(restarted.update(batch.select(slice(begin, end))))
        running = restarted
    assert joined(found) == expected
    assert running.snapshot() == whole.snapshot()
    assert expected


@pytest.mark.parametrize("apart", [False, True])
def test_single_series_of_a_machine_raise_nothing(apart: bool) -> None:  # noqa: FBT001 - a case
    """The general recipe leaves a device with three undescribed series to the rules over its channels."""
    values = noise(1_600)
    values[1_200:1_300] += (-20.0, 2.0, 90.0, 0.0)
    for width, expected in ((4, 0), (2, 1)):
        general = next(name for name, rule in RULES.items() if type(rule).__name__ == "Unusual")
        scored, catalog = detector(general)
        batch = frames(catalog, values, apart=apart)
        found = scored.update(batch.select(np.flatnonzero(np.arange(len(batch)) % 4 < width)))
        assert min(1, len(found)) == expected
