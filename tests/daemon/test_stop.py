"""Stopping: in time, and with nothing half done."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.host.lock import cycle_lock
from tests.daemon.process import Child, address, told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_sleeping_daemon_stops_at_once(
    start: Callable[..., Child], manager: socket.socket, number: signal.Signals
) -> None:
    """A stop wakes it, is said, and is no failure."""
    child = start("quiet", NOTIFY_SOCKET=address(manager))
    told(manager, until="READY=1\nSTATUS=converged")
    asked = time.monotonic()
    child.send(number)
    code, log = child.ends()

    assert 0 == code
    assert time.monotonic() - asked < 3
    assert "STOPPING=1\nSTATUS=stopped" == told(manager, until="STOPPING=1")[-1]
    assert "asked to stop: stopped" == log.splitlines()[-1]


def test_a_stop_finishes_the_step_in_hand(start: Callable[..., Child]) -> None:
    """Of thirty steps none is left half done and no other is begun; the report is spooled, and not pushed."""
    child = start("steps")
    child.hears("begin 4")
    asked = time.monotonic()
    child.send(signal.SIGTERM)
    code, _ = child.ends()

    begun = [line.split()[1] for line in child.said if line.startswith("begin")]
    ended = [line.split()[1] for line in child.said if line.startswith("end")]
    assert 0 == code
    assert begun == ended
    assert len(begun) < 25
    assert ["told"] == [line for line in child.said if line in {"told", "pushed"}]
    assert time.monotonic() - asked < 3


def test_a_stop_that_waits_for_a_step_asks_for_the_time_it_takes(
    start: Callable[..., Child], manager: socket.socket
) -> None:
    """Or a package that is just being unpacked would be killed by the service manager."""
    child = start("steps", NOTIFY_SOCKET=address(manager))
    child.hears("begin 4")
    child.send(signal.SIGTERM)

    assert "EXTEND_TIMEOUT_USEC=30000000" in told(manager, until="STOPPING=1")
    child.ends()


@pytest.mark.parametrize("cycle", ["waiting", "swallowing"])
def test_a_stop_breaks_off_a_wait_for_the_network(start: Callable[..., Child], cycle: str) -> None:
    """A server that never answers does not hold up a shutdown, whatever catches exceptions on the way."""
    child = start(cycle)
    child.hears("waiting")
    asked = time.monotonic()
    child.send(signal.SIGTERM)
    code, _ = child.ends()

    assert 0 == code
    assert time.monotonic() - asked < 3
    assert ["waiting"] == child.said


def test_a_stop_breaks_off_the_wait_for_another_cycle(start: Callable[..., Child], tmp_path: Path) -> None:
    """`trued apply` is at work for long, and the daemon has to go."""
    with cycle_lock(tmp_path / "state").held():
        child = start("quiet")
        time.sleep(2)
        asked = time.monotonic()
        child.send(signal.SIGTERM)
        code, _ = child.ends()

    assert 0 == code
    assert [] == child.said
    assert time.monotonic() - asked < 3
