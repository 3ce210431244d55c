"""Noise as a pure function of (seed, device, index): the same number whenever and in whatever chunk it is asked for."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def key_of(seed: int, name: str) -> int:
    """A 64-bit key for one device or one effect under a seed."""
    word = zlib.crc32(name.encode()) | ((seed & 0xFFFFFFFF) << 32)
    return int(_mix(np.array([word], np.uint64))[0])


def uniform(keys: Words, index: NDArray[np.int64], *, stream: int = 0) -> Floats:
    """Numbers in (0, 1), one for each pair of key and index; streams are independent of each other."""
    with np.errstate(over="ignore"):
        word = keys + index.astype(np.uint64) * _GOLDEN + np.uint64(stream) * _SECOND
    return ((_mix(_mix(word)) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normal(keys: Words, index: NDArray[np.int64], *, stream: int = 0) -> Floats:
    """Standard normal numbers (Box and Muller)."""
    radius = np.sqrt(-2.0 * np.log(uniform(keys, index, stream=2 * stream + 101)))
    return radius * np.cos(2 * np.pi * uniform(keys, index, stream=2 * stream + 102))


def smooth(keys: Words, time_ms: NDArray[np.int64], *, span_s: float, stream: int = 0) -> Floats:
    """A slowly wandering signal, mean 0 and standard deviation about 0.8, that turns within `span_s`."""
    position = time_ms / (span_s * 1000)
    knot = np.floor(position).astype(np.int64)
    weight = (1 - np.cos(np.pi * (position - knot))) / 2
    left = normal(keys, knot, stream=stream)
    return left + (normal(keys, knot + 1, stream=stream) - left) * weight


def _mix(word: Words) -> Words:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        word = (word + _GOLDEN).astype(np.uint64)
        word = (word ^ (word >> np.uint64(30))) * _FIRST
        word = (word ^ (word >> np.uint64(27))) * _SECOND
        mixed: Words = word ^ (word >> np.uint64(31))
    return mixed
