"""Turns of the writers: one at a time, ordinary ones behind all others, no turn lost."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from alerts.database.engine import TURN_WAIT_S
from alerts.database.write_priority import WriteTurns


def test_an_ordinary_writer_lets_a_later_one_pass() -> None:
    """The writer that holds the turn ends; the waiting ordinary one starts behind the one that came after it."""
    turns, order = WriteTurns(), list[str]()
    assert turns.enter(1.0)

    def write(name: str, *, ordinary: bool) -> None:
        assert turns.enter(10.0, ordinary=ordinary)
        order.append(name)
        turns.leave()

    threads = [threading.Thread(target=write, args=("ordinary",), kwargs={"ordinary": True})]
    threads.append(threading.Thread(target=write, args=("urgent",), kwargs={"ordinary": False}))
    for thread in threads:
        thread.start()
    while not turns._waiting:
        time.sleep(0.001)
    turns.leave()
    for thread in threads:
        thread.join(10)
    assert order == ["urgent", "ordinary"]
    assert turns.enter(0.0)


def test_a_writer_that_writes_again_and_again_lets_others_pass() -> None:
    """Writers take turns in the order in which they came: a thread that returns at once is behind those who wait."""
    turns, ended = WriteTurns(), threading.Event()

    def busy() -> None:
        while not ended.is_set():
            assert turns.enter(10.0)
            time.sleep(0.002)
            turns.leave()

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for _ in range(5):
            assert turns.enter(2.0)
            turns.leave()
    finally:
        ended.set()
        thread.join(10)


def test_a_turn_ends_with_its_transaction(engine: Any) -> None:
    """After an error, and during several transactions of one connection, no writer waits for its own turn."""
    begun_s = time.monotonic()
    with pytest.raises(ZeroDivisionError), engine.begin():
        raise ZeroDivisionError
    with engine.connect() as connection:
        for _ in range(2):
            with connection.begin():
                connection.exec_driver_sql("SELECT 1")
    with engine.begin():
        pass
    assert time.monotonic() - begun_s < TURN_WAIT_S
