"""What the service manager sees: life, and only where there is some."""

from __future__ import annotations

import socket
from collections.abc import Callable

from tests.daemon.process import Child, address, told, told_for


def test_an_unreadable_ledger_ends_the_process_at_once(
    start: Callable[..., Child], manager: socket.socket
) -> None:
    """Going on would be a guess. The message is for a person: no traceback."""
    code, log = start("unreadable", NOTIFY_SOCKET=address(manager)).ends()

    assert 1 == code
    assert ["/var/lib/trued/ledger.json: not JSON", "hint: move it away"] == log.splitlines()[-2:]
    assert "Traceback" not in log
    last = told(manager, until="STOPPING=1")[-1]
    assert "STOPPING=1\nSTATUS=stopped: /var/lib/trued/ledger.json: not JSON" == last


def test_the_sleeping_loop_shows_life_twice_a_watchdog_period(
    start: Callable[..., Child], manager: socket.socket
) -> None:
    """WATCHDOG=1 comes by half the period, and ready comes first."""
    start("quiet", NOTIFY_SOCKET=address(manager), WATCHDOG_USEC="500000")
    assert "READY=1\nSTATUS=looking for the first time" == manager.recv(4096).decode()
    told(manager, until="READY=1\nSTATUS=converged")
    seen = told_for(manager, 1.1)

    assert {"WATCHDOG=1"} == set(seen)
    assert 3 <= len(seen) <= 5


def test_a_cycle_at_work_shows_life(start: Callable[..., Child], manager: socket.socket) -> None:
    """Each step beats, and beats are rationed: thirty steps in 0.9 seconds, one sign in a quarter period."""
    child = start("steps", NOTIFY_SOCKET=address(manager), WATCHDOG_USEC="600000")
    child.hears("end 25")
    seen = told_for(manager, 0.0)

    assert 4 <= seen.count("WATCHDOG=1") <= 7


def test_a_cycle_that_hangs_shows_no_life(start: Callable[..., Child], manager: socket.socket) -> None:
    """No thread pings on behalf of a loop that is stuck: systemd restarts it."""
    child = start("hanging", NOTIFY_SOCKET=address(manager), WATCHDOG_USEC="400000")
    child.hears("hanging")
    told_for(manager, 0.1)

    assert [] == told_for(manager, 0.8)


def test_a_watchdog_meant_for_another_process_is_left_alone(
    start: Callable[..., Child], manager: socket.socket
) -> None:
    """WATCHDOG_PID is another one's: nothing is sent (sd_watchdog_enabled(3))."""
    start("quiet", NOTIFY_SOCKET=address(manager), WATCHDOG_USEC="200000", WATCHDOG_PID="1")
    told(manager, until="READY=1\nSTATUS=converged")

    assert [] == told_for(manager, 0.6)
