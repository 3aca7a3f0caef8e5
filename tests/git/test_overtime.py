"""What takes longer than it may is ended, on one thread for all of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from agent.git.overtime import Overtime
from tests.waiting import until

TOTAL = 0.2  # seconds


@contextmanager
def watching() -> Iterator[tuple[Overtime, threading.Event]]:
    ended = threading.Event()
    with closing(Overtime(TOTAL, ended.set)) as overtime:
        yield overtime, ended


def threads() -> set[threading.Thread]:
    """Return those that there are; those of other tests may still be ending."""
    return {thread for thread in threading.enumerate() if thread.name == "overtime"}


def test_ends_what_takes_too_long() -> None:
    """A block that lasts longer than it may is ended while it lasts, and not before."""
    with watching() as (overtime, ended), overtime.watched():
        began = time.monotonic()

        assert ended.wait(5)
        assert time.monotonic() - began >= TOTAL * 0.9


def test_leaves_what_is_over() -> None:
    """Blocks that are over in time are not ended, nor is what comes after them."""
    with watching() as (overtime, ended):
        for _ in range(5):
            with overtime.watched():
                time.sleep(TOTAL / 5)

        assert not ended.wait(2 * TOTAL)


def test_gives_each_block_its_time() -> None:
    """A block that begins while the thread sleeps for an earlier one has its whole time, and no more."""
    with watching() as (overtime, ended):
        with overtime.watched():
            time.sleep(TOTAL / 2)
        with overtime.watched():
            began = time.monotonic()

            assert ended.wait(5)
            assert time.monotonic() - began >= TOTAL * 0.9


def test_takes_one_thread() -> None:
    """A hundred blocks take one thread, and closing ends it; the next block begins another."""
    before = threads()
    with watching() as (overtime, ended):
        for _ in range(100):
            with overtime.watched():
                assert 1 == len(threads() - before)
        overtime.close()
        ended.wait(TOTAL)

        assert not threads() - before
        with overtime.watched():
            assert 1 == len(threads() - before)


def test_is_not_closed_under_a_block() -> None:
    """A block is watched to its end though it closes what watches it, as an exchange does whose connection is of no more use."""
    with watching() as (overtime, ended), overtime.watched():
        overtime.close()

        assert ended.wait(5)


def test_keeps_no_thread_that_nobody_uses() -> None:
    """And watches the next block all the same."""
    before = threads()
    with watching() as (overtime, ended):
        with overtime.watched():
            pass
        until(lambda: not threads() - before, 5)
        with overtime.watched():
            assert ended.wait(5)
