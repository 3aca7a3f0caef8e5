"""What the service manager gets to hear, on a real socket."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        yield listener


def test_assignments_go_in_one_datagram(manager: socket.socket) -> None:
    """They arrive together or not at all."""
    went = Notifier({"NOTIFY_SOCKET": manager.getsockname()}).send("READY=1", "STATUS=converged at 1a2b3c4")

    assert went
    assert b"READY=1\nSTATUS=converged at 1a2b3c4" == manager.recv(4096)


def test_an_at_sign_means_the_abstract_namespace(tmp_path: Path) -> None:
    """As unix(7) has it: the name begins with a NUL byte."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0trued{tmp_path}")

        assert Notifier({"NOTIFY_SOCKET": f"@trued{tmp_path}"}).send("READY=1")
        assert b"READY=1" == listener.recv(4096)


@pytest.mark.parametrize(
    "written", ["", "@", "/", "relative", "vsock:2:1234", "/" + "x" * 500, "/not/there", "/a\0b"]
)
def test_nobody_to_tell_is_no_failure(written: str) -> None:
    """Without a service manager, or with one that is gone, trued works as ever."""
    assert not Notifier({"NOTIFY_SOCKET": written}).send("READY=1")
    assert not Notifier({}).send("READY=1")


def test_a_manager_that_does_not_listen_holds_nothing_up(manager: socket.socket) -> None:
    """Its queue is full: the rest is given up, at once."""
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    began = time.monotonic()
    went = [notifier.send("WATCHDOG=1") for _ in range(5000)]

    assert time.monotonic() - began < 5
    assert (True, False) == (went[0], went[-1])


def test_a_status_cannot_carry_another_assignment(manager: socket.socket) -> None:
    """A line break in an error message must not stop the service."""
    Notifier({"NOTIFY_SOCKET": manager.getsockname()}).send("STATUS=failed: a\nSTOPPING=1\r\0b")

    assert b"STATUS=failed: a STOPPING=1 b" == manager.recv(4096)


def test_a_long_status_is_cut(manager: socket.socket) -> None:
    """A datagram longer than a page would be lost whole."""
    assert Notifier({"NOTIFY_SOCKET": manager.getsockname()}).send("STATUS=" + "ü" * 9000, "READY=1")

    said = manager.recv(65536)
    assert len(said) < 4096
    assert said.decode().endswith("ü…\nREADY=1")


def test_a_reload_carries_the_time(manager: socket.socket) -> None:
    """Microseconds of CLOCK_MONOTONIC, as Type=notify-reload compares them."""
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Notifier({"NOTIFY_SOCKET": manager.getsockname()}).reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000

    found = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", manager.recv(4096).decode())
    assert found
    assert before <= int(found[1]) <= after


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "\u0663"}, None),
    ],
)
def test_the_watchdog_is_read_as_sd_watchdog_enabled_does(
    environ: dict[str, str], expected: float | None
) -> None:
    """Seconds, and only if it is this process that is watched."""
    assert expected == Notifier(environ).watchdog
