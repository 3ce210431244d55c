"""Noise as a pure function of (seed, device, index), independent of chunks and call order."""

from __future__ import annotations

import zlib
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_LEVELS = 65_536
LANES = 4
"""Normal numbers from one word."""


def key_of(seed: int, name: str) -> int:
    """Return a 64-bit key for one device or one effect under a seed."""
    return int(keys_of(seed, [name])[0])


def keys_of(seed: int, names: list[str]) -> Words:
    """Return `key_of` for many names, shape (n,)."""
    high = np.uint64((seed & 0xFFFFFFFF) << 32)
    return _mixed(np.array([zlib.crc32(name.encode()) for name in names], np.uint64) | high)


def crossed(rows: Words, columns: Words) -> Words:
    """Return a key for every pair, shape (rows * columns,), row by row."""
    return _mixed((rows[:, None] ^ (columns[None, :] * _GOLDEN)).ravel())


def words(keys: Words, index: NDArray[np.int64], *, stream: int = 0) -> Words:
    """Return 64 random bits for each pair of key and index (broadcast); streams are independent."""
    with np.errstate(over="ignore"):
        word = index.astype(np.uint64) * _GOLDEN
        word = word + (keys + np.uint64(stream) * _SECOND)
    return _mixed(_mixed(word))


def uniform(keys: Words, index: NDArray[np.int64], *, stream: int = 0) -> Floats:
    """Return numbers in (0, 1), one for each pair of key and index."""
    return ((words(keys, index, stream=stream) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normal(keys: Words, index: NDArray[np.int64], *, stream: int = 0) -> Floats:
    """Return standard normal numbers from 65,536 equally likely quantiles (none beyond 4.3)."""
    return _quantiles()[(words(keys, index, stream=stream + 101) >> np.uint64(48)).astype(np.intp)]


def normals(keys: Words, index: NDArray[np.int64], count: int, *, stream: int = 0) -> list[Floats]:
    """Return up to four independent columns of standard normal numbers from one word each; the cheapest noise."""
    lanes = words(keys, index, stream=stream + 201).view(np.uint16).reshape(-1, LANES)
    table = _quantiles()
    return [table[lanes[:, lane]] for lane in range(count)]


def smooth(keys: Words, time_ms: NDArray[np.int64], *, span_s: float, stream: int = 0) -> Floats:
    """Return a slow signal, mean 0 and standard deviation about 0.8, with a turning point every `span_s`."""
    knot, weight = knots(time_ms, span_s)
    left = normal(keys, knot, stream=stream)
    return left + (normal(keys, knot + 1, stream=stream) - left) * weight


def knots(time_ms: NDArray[np.int64], span_s: float) -> tuple[NDArray[np.int64], Floats]:
    """Return the turning point before each time, and the progress to the next one (smooth at both ends)."""
    position = time_ms / (span_s * 1000)
    floor = np.floor(position)
    share = position - floor
    weight: Floats = share * share * (3 - 2 * share)
    return floor.astype(np.int64), weight


@cache
def _quantiles() -> Floats:
    inverse = NormalDist().inv_cdf
    upper = np.array([inverse((rank + 0.5) / _LEVELS) for rank in range(_LEVELS // 2, _LEVELS)])
    return np.concatenate((-upper[::-1], upper))


def _mixed(word: Words) -> Words:
    """Return the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        word = word + _GOLDEN
        word ^= word >> np.uint64(30)
        word *= _FIRST
        word ^= word >> np.uint64(27)
        word *= _SECOND
        word ^= word >> np.uint64(31)
    return word
