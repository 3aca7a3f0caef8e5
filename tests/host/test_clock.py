"""What is heard of the clock. Here nobody sets it: what the kernel says then is taken from timerfd_create(2)."""

from __future__ import annotations

import errno
import os
import select
from pathlib import Path

import pytest

from agent.host.clock import ClockEar, clock_ear


def test_as_long_as_time_only_goes_by_there_is_nothing_to_hear() -> None:
    ear = ClockEar()
    assert [] == select.select([ear], [], [], 0.1)[0]
    ear.heed()
    ear.close()


def test_the_timer_is_one_that_is_ended_when_the_clock_is_set() -> None:
    """TFD_TIMER_ABSTIME and TFD_TIMER_CANCEL_ON_SET, of CLOCK_REALTIME, as the kernel has taken it (proc_pid_fdinfo(5))."""
    ear = ClockEar()
    told = Path(f"/proc/self/fdinfo/{ear.fileno()}").read_text().split("\n")
    ear.close()

    assert {"clockid: 0", "settime flags: 03"} <= set(told)


def test_what_it_has_to_say_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer stays set."""
    ear = ClockEar()

    def cancelled(fd: int, count: int) -> bytes:
        raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))

    with monkeypatch.context() as kernel:
        kernel.setattr(os, "read", cancelled)
        ear.heed()
    ear.heed()
    ear.close()


def test_without_a_descriptor_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(ear: ClockEar) -> None:
        raise OSError(errno.EMFILE, "x")

    monkeypatch.setattr(ClockEar, "__init__", none)

    assert clock_ear() is None
