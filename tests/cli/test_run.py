"""`trued run` as a real process: the service, without systemd."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.cli.fleet import TOP, Box


@contextmanager
def service(box: Box) -> Iterator[subprocess.Popen[str]]:
    env = os.environ | {"PYTHONPATH": str(TOP), "TRUED_CONFIG": str(box.config)}
    argv = [sys.executable, "-m", "agent", "run"]
    with subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(true: Callable[[], object], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def quick(box: Box) -> Box:
    """A host that looks every five seconds, the least there is."""
    box.configure("interval: 5s\n")
    return box


def test_the_service_brings_up_keeps_true_and_ends_when_asked(quick: Box) -> None:
    """Apply, drift repaired, a new commit at SIGHUP, SIGTERM ends it with 0; all of it is on the branch."""
    quick.push(motd="one\n")
    motd = quick.root / "etc/motd"

    with service(quick) as process:
        assert wait_for(lambda: motd.exists() and len(quick.subjects()) == 1)
        motd.write_text("drift\n")
        assert wait_for(lambda: motd.read_text() == "one\n" and len(quick.subjects()) == 2)
        commit = quick.push(motd="two\n")
        process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: motd.read_text() == "two\n" and len(quick.subjects()) == 3)
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(10)

    assert f"edge-01: converged at {commit[:7]}, 1 changed" == quick.subjects()[-1]


def test_while_the_service_runs_apply_and_status_work_beside_it(quick: Box) -> None:
    """They take turns; nothing is told twice."""
    quick.push(motd="one\n")

    with service(quick) as process:
        assert wait_for((quick.state / "status/told.json").exists)
        codes = [quick.trued(verb).code for verb in ("apply", "status", "plan", "apply")]
        process.send_signal(signal.SIGTERM)
        process.wait(10)

    assert ([0, 0, 0, 0], 1) == (codes, len(quick.subjects()))


def test_a_second_service_does_not_start(quick: Box) -> None:
    """It says who is there."""
    quick.push(motd="one\n")

    with service(quick) as first:
        assert wait_for((quick.state / "status/last.json").exists)
        second = quick.process("run")

    assert 1 == second.code
    assert f"(pid {first.pid})" in second.err


def test_a_service_whose_settings_are_wrong_does_not_start(quick: Box) -> None:
    """78 tells systemd not to try again."""
    quick.config.write_text("hots: edge-01\n")

    said = quick.process("run")

    assert 78 == said.code
    assert f"{quick.config}:1:1: " in said.err
