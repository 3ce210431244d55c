"""Copies of the catalogue: equal at first, independent afterwards."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest import Catalog, CatalogFull, Sensor

SITES, NAMES, KINDS = ("s", "t"), ("a", "b", "gate/1", "烟感"), ("smoke", "env", "device")
DECLARED = (Sensor(-1, "a", "s", "smoke", gateway="b"), Sensor(-1, "never seen", "s", "gate"))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("code"), st.sampled_from(SITES), st.sampled_from(NAMES), st.sampled_from(KINDS)),
        st.tuples(st.just("metric"), st.sampled_from(("wobble", "level", "shine"))),
        st.tuples(st.just("behind"), st.sampled_from(SITES), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    ),
    max_size=12,
)


def play(catalog: Catalog, story: list[tuple[str, ...]]) -> list[object]:
    """Run the steps and return their results."""
    given: list[object] = []
    for step, *words in story:
        try:
            if step == "behind":
                known = catalog.find(words[0], words[1])
                if known is not None and catalog.has_code(known):
                    catalog.behind(known.code, words[2])
            else:
                given.append(getattr(catalog, step)(*words))
        except CatalogFull as error:
            given.append(str(error))
    return given


def facts(catalog: Catalog) -> tuple[Any, ...]:
    """Return the whole content."""
    found = [catalog.find(site, name) for site in SITES for name in (*NAMES, "never seen")]
    return list(catalog), found, [catalog.learned(name) for name in ("wobble", "shine")], catalog.changed(0)


@given(before=steps, after=steps, other=steps)
def test_a_copy_is_equal_and_independent(
    before: list[tuple[str, ...]], after: list[tuple[str, ...]], other: list[tuple[str, ...]]
) -> None:
    """The same steps give the same codes in both, also at the bounds; steps of one do not affect the other."""
    original = Catalog(DECLARED, undeclared_max=3, sites_max=1)
    play(original, before)
    copy = original.copy()
    assert facts(copy) == facts(original)
    assert copy.drain_changes().sensors == ()
    stands = facts(original)
    given = play(copy, after)
    assert facts(original) == stands
    assert play(original, after) == given
    assert facts(copy) == facts(original)
    play(original, other)
    again = original.copy()
    assert facts(again) == facts(original)


def test_a_copy_may_be_made_while_sensors_are_added() -> None:
    """Every code of the copy has its sensor."""
    catalog, stop = Catalog(), threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            code = catalog.code("s", f"n{number}", "env")
            catalog.update(replace(catalog[code], place="hall"))
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    copies = [catalog.copy() for _ in range(300)]
    deadline_s = time.monotonic() + 10
    while len(catalog) == len(copies[0]) and time.monotonic() < deadline_s:  # the writer may not have run yet
        time.sleep(0.001)
    copies.append(catalog.copy())
    stop.set()
    thread.join()
    assert len(copies[-1]) > len(copies[0])
    for copy in copies:
        for sensor in copy:
            found = copy.find(sensor.site, sensor.id)
            assert found is None or found.code == sensor.code
        assert all(copy.find(key[0], key[1]) is not None for key in copy._code)
